/**
 * The map of the agent: kernel → decode → enrich → window → deliver, for one generation of counting. Builds
 * the parts, connects them, closes in reverse.
 */

import { cpus } from 'node:os';
import { systemClock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { wantedSignals } from '../../model/signals.ts';
import { questionsFolder, signalsNeeded } from '../../question/discovery.ts';
import { createAgent, type Agent, type LastSeen } from '../agent.ts';
import type { Governor } from '../budget/governor.ts';
import { meterOf, profileOf } from '../budget/main.ts';
import type { AgentConfig } from '../config.ts';
import type { Delivery } from '../deliver/delivery.ts';
import type { Kubernetes } from '../enrich/kubernetes/kubernetes.ts';
import { nodeLabels } from '../enrich/node.ts';
import { configure } from '../kernel/control.ts';
import { kernelLimitsOf } from '../kernel/generation.ts';
import { artefacts, type Native } from '../kernel/native.ts';
import { beginCounting, openKernel, type OpenedKernel } from '../kernel/open.ts';
import type { Pins } from '../kernel/pins.ts';
import { scopeCookies } from '../kernel/scope.ts';
import { incomparableOn } from '../kernel/signals.ts';
import { lookupsOf } from '../lookups/source.ts';
import { agentState, pastOf } from '../begin/main.ts';
import { windowCloser } from '../window/closing.ts';
import { judgeOf } from '../window/standard/judge.ts';
import type { FieldPolicy } from '../window/policy/policy.ts';
import { openTables } from '../tables/main.ts';

/** What generations of counting that follow each other have in common. */
export interface Lasting {
  readonly config: AgentConfig;
  readonly log: Log;
  readonly native: Native;
  readonly delivery: Delivery;
  readonly policy: FieldPolicy;
  readonly kubernetes: Kubernetes | undefined;
  readonly governor: Governor;
  readonly beat: () => void;
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

/**
 * One generation of counting, to its end, and how it stood then. `onOpen` when it runs; not for one that is
 * only to be ended.
 */
export async function runGeneration(
  lasting: Lasting,
  signal: AbortSignal,
  onOpen: (agent: Agent) => void,
): Promise<LastSeen> {
  const { config, native, delivery, log, pins, policy, kubernetes, governor, beat } = lasting;
  const opened = await openCounts(lasting);
  await using kernel = opened.kernel;
  const { begin, memory, known, lookups } = pastOf(opened.adopted, delivery.resumed(), systemClock);
  const identity = nodeLabels({ ...config, ...opened.adopted?.birth, place: kubernetes?.place });
  const [node, judge] = [policy.node(identity), judgeOf(config.standard, identity)];
  const { decode, ...tables } = await openTables(lasting, opened);
  const telling = { node, policy, delivery, memory, kubernetes, budget: governor, beat };
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
    profile: profileOf(kernel, native),
  });
  const counting = { pins, log, clock: systemClock, agentId: node['agent.id'], since: begin.since, known };
  await beginCounting(opened, tables.namespaces, { ...counting, orphanMs: config.limits.orphan_max });
  const goesOn = opened.adopted?.outdated === undefined;
  if (goesOn) onOpen(agent);
  governor.begin(kernel.control, meterOf(kernel));
  try {
    await agent.run(goesOn ? signal : AbortSignal.abort());
  } finally {
    governor.end();
  }
  if (goesOn && !signal.aborted && governor.plan.counting)
    log.warn('no agent looked for too long: counting begins anew');
  return { status: agent.status(), labels: agent.labels() };
}
