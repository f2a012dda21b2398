/**
 * The map of the agent: kernel → decode → enrich → window → deliver, for one generation of counting. Builds
 * the parts, connects them, closes in reverse.
 */

import { cpus } from 'node:os';
import { systemClock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { wantedSignals } from '../../model/signals.ts';
import { questionsFolder, signalsNeeded } from '../../question/discovery.ts';
import { agentState, createAgent, pastOf, type Agent, type AgentParts } from '../agent.ts';
import type { AgentConfig } from '../config.ts';
import { dnsDecoder } from '../decode/dns.ts';
import { eventDecoder } from '../decode/events.ts';
import { flowDecoder } from '../decode/flows.ts';
import { listenerDecoder } from '../decode/listeners.ts';
import { netnsDecoder, ownerDecoder } from '../decode/tables.ts';
import type { Delivery } from '../deliver/delivery.ts';
import { nodeLabels } from '../enrich/node.ts';
import { openOwners, ownerParts } from '../enrich/owners.ts';
import { configure } from '../kernel/control.ts';
import { kernelLimitsOf } from '../kernel/generation.ts';
import { findNamespaces, openNamespaces } from '../kernel/namespaces.ts';
import { artefacts, type Native } from '../kernel/native.ts';
import { beginCounting, openKernel, type OpenedKernel } from '../kernel/open.ts';
import type { Pins } from '../kernel/pins.ts';
import { scopeCookies } from '../kernel/scope.ts';
import { incomparableOn } from '../kernel/signals.ts';
import { lookupsOf } from '../lookups/source.ts';
import { windowCloser } from '../window/closing.ts';
import { judgeOf } from '../window/standard.ts';
import type { FieldPolicy } from '../window/policy/policy.ts';
import { parseKernelCounters } from '../window/reconcile.ts';

/** What generations of counting that follow each other have in common. */
export interface Lasting {
  readonly config: AgentConfig;
  readonly log: Log;
  readonly native: Native;
  readonly delivery: Delivery;
  readonly policy: FieldPolicy;
  /** Undefined: a private agent. Counting ends with it. */
  readonly pins: Pins | undefined;
}

async function openCounts({ config, log, native, delivery, pins }: Lasting): Promise<OpenedKernel> {
  const resumed = delivery.resumed();
  const state = agentState(resumed);
  const opened = openKernel({
    native,
    object: artefacts().object,
    limits: kernelLimitsOf(config.limits),
    scope: config.namespaces && (await scopeCookies(native, config.namespaces)),
    pins,
    signals: wantedSignals(config, signalsNeeded(questionsFolder(), config.questions)),
    committed: resumed && state && { ...state, number: resumed.number },
    nowNs: systemClock.monotonicNs(),
    log,
  });
  configure(opened.kernel.control, config);
  return opened;
}

type Tables = Pick<AgentParts, 'owners' | 'namespaces'>;

function openTables({ native, config }: Lasting, { kernel, scope }: OpenedKernel): Tables {
  const { numbers, types } = kernel;
  const [decodeNetns, decodeOwner, parts] = [netnsDecoder(types), ownerDecoder(types), ownerParts(config)];
  return {
    owners: openOwners({ numbers: numbers.owners, read: (id) => decodeOwner(kernel.owners, id) }, parts),
    namespaces: openNamespaces({
      native,
      numbers: numbers.namespaces,
      read: (id) => decodeNetns(kernel.namespaces, id),
      find: findNamespaces,
      parse: parseKernelCounters,
      scope,
      full: () => kernel.control.losses()['namespaces_full'] ?? 0,
    }),
  };
}

/** One generation of counting, to its end. `onOpen` when it runs; not for one that is only to be ended. */
export async function runGeneration(
  lasting: Lasting,
  signal: AbortSignal,
  onOpen: (agent: Agent) => void,
): Promise<void> {
  const { config, native, delivery, log, pins, policy } = lasting;
  const tickNs = native.tickNs();
  const opened = await openCounts(lasting);
  await using kernel = opened.kernel;
  const { begin, memory, known, lookups } = pastOf(opened.adopted, delivery.resumed(), systemClock);
  const identity = nodeLabels({ ...config, agentId: opened.adopted?.birth.agentId });
  const node = policy.node(identity);
  const { owners, namespaces } = openTables(lasting, opened);
  const telling = { node, policy, delivery, memory };
  const judge = judgeOf(config.standard, identity);
  const closing = { inFlight: cpus().length, incomparable: incomparableOn(native), policy, judge };
  const agent = createAgent({
    clock: systemClock,
    kernel,
    decodeEvent: eventDecoder(kernel.types, tickNs),
    decodeFlows: flowDecoder(kernel.types, tickNs),
    decodeListeners: listenerDecoder(kernel.types, tickNs),
    lookups: lookupsOf(kernel, dnsDecoder(kernel.types), { ...config, resumed: lookups }),
    owners,
    namespaces,
    closeWindow: windowCloser(node, closing, memory),
    begin,
    ...telling,
    signals: opened.signals,
    windowMs: config.window,
    allEvents: config.profile === 'full',
  });
  const [agentId, orphanMs] = [node['agent.id'], config.limits.orphan_max];
  const counting = { pins, log, clock: systemClock, agentId, since: begin.since, known, orphanMs };
  await beginCounting(opened, namespaces, counting);
  const goesOn = opened.adopted?.outdated === undefined;
  if (goesOn) onOpen(agent);
  await agent.run(goesOn ? signal : AbortSignal.abort());
  if (goesOn && !signal.aborted) log.warn('no agent looked for too long: counting begins anew');
}
