/** Where an agent begins: at nothing, or behind what an agent before it has told. */

import { systemClock, type Clock } from '../../lib/clock.ts';
import { wantedSignals } from '../../model/signals.ts';
import { questionsFolder, signalsNeeded } from '../../question/discovery.ts';
import type { AgentConfig } from '../config.ts';
import type { Delivery, Resumed } from '../deliver/delivery.ts';
import type { NamespacesState } from '../kernel/namespaces.ts';
import { configure } from '../kernel/control.ts';
import { kernelLimitsOf } from '../kernel/generation.ts';
import { artefacts } from '../kernel/native.ts';
import type { Adopted, OpenOptions } from '../kernel/open.ts';
import { scopeCookies } from '../kernel/scope.ts';
import type { LookupsState } from '../lookups/lookups.ts';
import { newMemory, takeOver, type ClosingMemory } from '../window/closing.ts';

/** Where counting stands when this agent comes to it. Times in RFC 3339. */
export interface Begin {
  /** When this generation of counting began. */
  readonly since: string;
  /** The newest window that is told, 0 for none, and when it ended. */
  readonly window: number;
  readonly end: string;
}

/** What the next agent needs to go on; committed with every window. JSON. */
export interface AgentState extends NamespacesState {
  readonly format: 1;
  /** The generation of counting; the numbers of its windows are its own. */
  readonly agentId: string;
  /** It is told to the end. */
  readonly last: boolean;
  readonly end: string;
  readonly memory: ClosingMemory;
  /** Left out by agents that read no DNS. */
  readonly lookups?: LookupsState;
}

/** Undefined for one that another version has written in another way. */
export function agentState(resumed: Resumed | undefined): AgentState | undefined {
  const state = resumed?.state as Partial<AgentState> | null | undefined;
  return state?.format === 1 ? (state as AgentState) : undefined;
}

/** What the parts of an agent are to begin with. */
export interface Past {
  readonly begin: Begin;
  readonly memory: ClosingMemory;
  readonly known: NamespacesState;
  readonly lookups?: LookupsState | undefined;
}

/**
 * At nothing, or behind the newest window that is told of the generation that goes on. `since`: when another
 * that this one comes behind was told to the end.
 */
export function pastOf(
  adopted: Adopted | undefined,
  resumed: Resumed | undefined,
  { clock, since: endOfLast }: { readonly clock: Clock; readonly since?: string | undefined },
): Past {
  const since = adopted?.birth.since ?? endOfLast ?? new Date(clock.wallMs()).toISOString();
  const window = adopted?.committed ?? 0;
  const state = agentState(resumed);
  if (window === 0 || !state) {
    // Of a generation that nothing was told of yet, everything that was consumed is missing.
    const lookups = window === 0 ? { consumed: 0, pending: 0 } : undefined;
    return { begin: { since, window, end: since }, memory: newMemory(), known: { vanished: [] }, lookups };
  }
  const { end, memory, lookups } = state;
  return { begin: { since, window, end }, memory: takeOver(memory), known: state, lookups };
}

type Parts = Pick<OpenOptions, 'native' | 'pins' | 'kept' | 'log'> & {
  readonly config: AgentConfig;
  readonly delivery: Delivery;
};

/** How the kernel's side is opened. */
export async function openOptions({ config, delivery, ...parts }: Parts): Promise<OpenOptions> {
  const [resumed, state] = [delivery.resumed(), agentState(delivery.resumed())];
  return {
    ...parts,
    object: artefacts().object,
    limits: kernelLimitsOf(config.limits),
    scope: config.namespaces && (await scopeCookies(parts.native, config.namespaces)),
    signals: wantedSignals(config, signalsNeeded(questionsFolder(), config.questions)),
    committed: resumed && state && { ...state, number: resumed.number },
    configure: (control) => configure(control, config),
    nowNs: systemClock.monotonicNs(),
  };
}
