/**
 * The budget governor: measures what Sonde costs and does with less when that is more than it may. It
 * outlives generations of counting: of one that was given up it knows when another can be afforded.
 *
 * Owns the words of `control` that say which single events there are (`trace` only at the begin of a
 * generation: then watchers have a say too), and the length of a window. What is
 * given up is said: nothing is counted less exactly, some of it in less detail, and at last not at all.
 */

import type { Log } from '../../lib/log.ts';
import { steps, type Step } from '../../model/budget.ts';
import { optionalSignals, type SignalName } from '../../model/signals.ts';
import type { Ladder, Move } from './ladder.ts';
import type { Meter, Usage } from './meter.ts';

export interface BudgetConfig {
  /** Shares of one processor. */
  readonly cpu: number;
  readonly memory: number;
}

/** The parts of the configuration that a step may change. */
export interface Wishes {
  readonly budget: BudgetConfig;
  /** Length of a window, ms. */
  readonly window: number;
  /** A connection that took so long is told, ms. */
  readonly slow: number;
  readonly profile: string;
  readonly limits: {
    readonly events_per_second: number;
    readonly trace_events_per_second: number;
    readonly dns_messages_per_second: number;
  };
}

export interface EventBudget {
  readonly perSecond: number;
  readonly burst: number;
}

/** What a step changes of what the kernel programs are told. */
export interface BudgetControl {
  set(change: { readonly slowUs?: number; readonly trace?: boolean }): void;
  budget(detail: EventBudget, trace: EventBudget, dns: EventBudget): void;
}

/** What is done on a step. */
export interface Plan {
  readonly allEvents: boolean;
  readonly slowUs: number;
  readonly events: EventBudget;
  readonly trace: EventBudget;
  readonly windowMs: number;
  readonly essentialOnly: boolean;
  readonly counting: boolean;
}

export const governorLimits = {
  /** How much longer windows become: so many times fewer rows of what stays open. */
  windowFactor: 6,
  windowMsMax: 3_600_000,
  /** Shares of the budget that are calm. A step up may double the CPU; memory hardly follows. */
  calm: { cpu: 0.5, memory: 0.9 },
} as const;

/** As good as none: the kernel side divides a second by it. */
const noEvents: EventBudget = { perSecond: 1e-6, burst: 1 };

/** Pure: what a step means under this configuration. */
export function planOf(step: Step, { window, slow, profile, limits }: Wishes): Plan {
  const isDown = (to: Step): boolean => steps.indexOf(step) >= steps.indexOf(to);
  const bucket = (perSecond: number): EventBudget => ({ perSecond, burst: perSecond });
  const longer = Math.max(window, Math.min(window * governorLimits.windowFactor, governorLimits.windowMsMax));
  return {
    allEvents: profile === 'full' && !isDown('failures'),
    slowUs: isDown('failures') ? 0 : slow * 1000,
    events: isDown('windows') ? noEvents : bucket(limits.events_per_second),
    trace: isDown('failures') ? noEvents : bucket(limits.trace_events_per_second),
    windowMs: isDown('longer_windows') ? longer : window,
    essentialOnly: isDown('essential_signals'),
    counting: !isDown('detached'),
  };
}

export interface BudgetStatus {
  readonly step: Step;
  /** Wall time of the last step, RFC 3339; null: none was taken. */
  readonly since: string | null;
  /** What was measured last; null before that. */
  readonly usage: Usage | null;
  readonly limits: BudgetConfig;
}

/** One step, as it is told. */
export interface ToldMove extends Move {
  readonly time: string;
  /** What led to it: share of the budget, and of which part. */
  readonly used: number;
  readonly of: 'cpu' | 'memory' | 'expected';
}

export interface Governor {
  readonly plan: Plan;
  /** A generation of counting begins. */
  begin(control: BudgetControl, meter: Meter): void;
  /** At each tick of it; true when the plan is another one. */
  tick(): Promise<boolean>;
  /** It ends. */
  end(): void;
  /** While nothing is counted, every now and then; true when something can be afforded again. */
  rest(): Promise<boolean>;
  /** Those of these that the step leaves. */
  signals(wanted: readonly SignalName[]): readonly SignalName[];
  status(): BudgetStatus;
  /** Steps taken since they were last asked for. */
  takeMoves(): readonly ToldMove[];
}

export interface GovernorParts {
  readonly wishes: Wishes;
  readonly ladder: Ladder;
  readonly log: Log;
  readonly wallMs: () => number;
  readonly monotonicMs: () => number;
  /** Connections that the kernel itself has counted, over all namespaces in reach. */
  readonly opens: () => Promise<number>;
}

interface Load {
  /** This share of the budget is used at the load that there is now. */
  learn(used: number): Promise<void>;
  /** The share that the load of now would take; 0 where nobody knows, undefined at the first look. */
  expected(): Promise<number | undefined>;
}

function loadOf({ opens, monotonicMs }: Pick<GovernorParts, 'opens' | 'monotonicMs'>): Load {
  let last: { readonly count: number; readonly atMs: number } | undefined;
  let costOfOne: number | undefined;

  /** Connections a second since the last look. */
  async function rate(): Promise<number | undefined> {
    const [before, now] = [last, { count: await opens(), atMs: monotonicMs() }];
    last = now;
    if (!before || now.atMs <= before.atMs) return undefined;
    return (1000 * Math.max(0, now.count - before.count)) / (now.atMs - before.atMs);
  }

  return {
    async learn(used) {
      const now = await rate();
      if (now !== undefined && now > 0) costOfOne = used / now;
    },
    async expected() {
      const now = await rate();
      return now === undefined ? undefined : now * (costOfOne ?? 0);
    },
  };
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
}

export function createGovernor(parts: GovernorParts): Governor {
  const { wishes, ladder, log } = parts;
  const { budget } = wishes;
  let plan = planOf(ladder.step, wishes);
  let running: { control: BudgetControl; meter: Meter } | undefined;
  let usage: Usage | undefined;
  let since: string | null = null;
  let told: ToldMove[] = [];
  const load = loadOf(parts);

  function apply(): void {
    if (!running) return;
    const { control } = running;
    const { dns_messages_per_second: dns } = wishes.limits;
    control.set({ slowUs: plan.slowUs });
    control.budget(plan.events, plan.trace, { perSecond: dns, burst: dns });
  }

  function sample(cpu: number, memory: number, isExpected = false): boolean {
    const { calm } = governorLimits;
    const used = Math.max(cpu, memory);
    const isCalm = cpu < calm.cpu && memory < calm.memory;
    const move = ladder.sample({ isOver: used > 1, isCalm }, parts.monotonicMs());
    if (!move) return false;
    const of = isExpected ? 'expected' : cpu >= memory ? 'cpu' : 'memory';
    since = new Date(parts.wallMs()).toISOString();
    told.push({ ...move, time: since, used, of });
    plan = planOf(move.to, wishes);
    const why = of === 'expected' ? 'is expected' : `of ${of}`;
    log.warn(`budget: ${move.from} → ${move.to}: ${percent(used)} of what it may take ${why}`);
    apply();
    return true;
  }

  return {
    get plan() {
      return plan;
    },
    begin(control, meter) {
      running = { control, meter };
      control.set({ trace: plan.allEvents });
      apply();
    },
    async tick() {
      const measured = running?.meter.tick(parts.monotonicMs());
      if (!measured) return false;
      usage = measured;
      const cpu = (measured.agentCpu + measured.programsCpu) / budget.cpu;
      const memory = (measured.agentBytes + measured.mapBytes) / budget.memory;
      if (ladder.step === 'essential_signals') await load.learn(cpu);
      return sample(cpu, memory);
    },
    end() {
      running?.meter.stop();
      running = undefined;
    },
    async rest() {
      const expected = await load.expected();
      return expected !== undefined && sample(expected, 0, true);
    },
    signals: (wanted) => wanted.filter((name) => !plan.essentialOnly || !optionalSignals.includes(name)),
    status: () => ({ step: ladder.step, since, usage: usage ?? null, limits: budget }),
    takeMoves() {
      const moves = told;
      told = [];
      return moves;
    },
  };
}
