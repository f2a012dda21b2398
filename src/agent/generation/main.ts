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
import { conntrack } from '../decode/conntrack.ts';
import { decodersOf, type Decoders } from '../decode/decoders.ts';
import type { Delivery } from '../deliver/delivery.ts';
import { openFar } from '../enrich/far/far.ts';
import type { Kubernetes } from '../enrich/kubernetes/kubernetes.ts';
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
import { askTranslations } from '../kernel/translations.ts';
import { lookupsOf } from '../lookups/source.ts';
import { windowCloser } from '../window/closing.ts';
import { judgeOf } from '../window/standard/judge.ts';
import type { FieldPolicy } from '../window/policy/policy.ts';
import { parseKernelCounters } from '../window/reconcile.ts';

/** What generations of counting that follow each other have in common. */
export interface Lasting {
  readonly config: AgentConfig;
  readonly log: Log;
  readonly native: Native;
  readonly delivery: Delivery;
  readonly policy: FieldPolicy;
  readonly kubernetes: Kubernetes | undefined;
  /** Undefined: a private agent. Counting ends with it. */
  readonly pins: Pins | undefined;
}

async function openCounts({ config, log, native, delivery, pins }: Lasting): Promise<OpenedKernel> {
  const [resumed, state] = [delivery.resumed(), agentState(delivery.resumed())];
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

type Tables = Pick<AgentParts, 'owners' | 'namespaces' | 'far'> & { readonly decode: Decoders };

async function openTables(lasting: Lasting, { kernel, scope }: OpenedKernel): Promise<Tables> {
  const { native, config, log, kubernetes } = lasting;
  const decode = decodersOf(kernel.types, native.tickNs());
  const namespaces = openNamespaces({
    native,
    numbers: kernel.numbers.namespaces,
    read: (id) => decode.netns(kernel.namespaces, id),
    find: findNamespaces,
    parse: parseKernelCounters,
    scope,
    full: () => kernel.control.losses()['namespaces_full'] ?? 0,
  });
  const { inode, path } = namespaces;
  const ask = askTranslations({ native, path, conntrack });
  const far = { config, log, clock: systemClock, inode, ask, cluster: kubernetes?.addresses };
  const met = { numbers: kernel.numbers.owners, read: (id: number) => decode.owner(kernel.owners, id) };
  return { decode, namespaces, owners: openOwners(met, ownerParts(lasting)), far: await openFar(far) };
}

/** One generation of counting, to its end. `onOpen` when it runs; not for one that is only to be ended. */
export async function runGeneration(
  lasting: Lasting,
  signal: AbortSignal,
  onOpen: (agent: Agent) => void,
): Promise<void> {
  const { config, native, delivery, log, pins, policy, kubernetes } = lasting;
  const opened = await openCounts(lasting);
  await using kernel = opened.kernel;
  const { begin, memory, known, lookups } = pastOf(opened.adopted, delivery.resumed(), systemClock);
  const identity = nodeLabels({ ...config, ...opened.adopted?.birth, place: kubernetes?.place });
  const [node, judge] = [policy.node(identity), judgeOf(config.standard, identity)];
  const { decode, ...tables } = await openTables(lasting, opened);
  const telling = { node, policy, delivery, memory, kubernetes, windowMs: config.window };
  const closing = { inFlight: cpus().length, incomparable: incomparableOn(native), policy, judge };
  const agent = createAgent({
    clock: systemClock,
    kernel,
    decodeEvent: decode.event,
    decodeFlows: decode.flows,
    decodeListeners: decode.listeners,
    lookups: lookupsOf(kernel, decode.dns, { ...config, resumed: lookups, heard: tables.far.heard }),
    ...tables,
    closeWindow: windowCloser(node, closing, memory),
    begin,
    ...telling,
    signals: opened.signals,
    allEvents: config.profile === 'full',
  });
  const counting = { pins, log, clock: systemClock, agentId: node['agent.id'], since: begin.since, known };
  await beginCounting(opened, tables.namespaces, { ...counting, orphanMs: config.limits.orphan_max });
  const goesOn = opened.adopted?.outdated === undefined;
  if (goesOn) onOpen(agent);
  await agent.run(goesOn ? signal : AbortSignal.abort());
  if (goesOn && !signal.aborted) log.warn('no agent looked for too long: counting begins anew');
}
