/**
 * The map of the agent: kernel → decode → enrich → window → deliver, for one generation of counting. Builds
 * the parts, connects them, closes in reverse.
 */

import { cpus } from 'node:os';
import { systemClock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { createAgent, type Agent, type LastSeen } from '../agent.ts';
import type { Governor } from '../budget/governor.ts';
import { meterOf, profileOf } from '../budget/main.ts';
import type { AgentConfig } from '../config.ts';
import type { Delivery } from '../deliver/delivery.ts';
import type { Kubernetes } from '../enrich/kubernetes/kubernetes.ts';
import { nodeLabels } from '../enrich/node.ts';
import type { Native } from '../kernel/native.ts';
import type { KeptObjects } from '../kernel/kept-object.ts';
import { beginCounting, openKernel, openSuccessor, type OpenedKernel } from '../kernel/open.ts';
import type { Pins } from '../kernel/pins.ts';
import { incomparableOn } from '../kernel/signals.ts';
import { lookupsOf } from '../lookups/source.ts';
import { openOptions, pastOf } from '../begin/main.ts';
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
  readonly kept: KeptObjects;
}

/** How one ended. */
export interface Ended {
  readonly last: LastSeen;
  /** Counts already, where this one could only be ended. */
  readonly successor?: OpenedKernel | undefined;
}

function lastSeenOf(agent: Agent): LastSeen {
  return { status: agent.status(), labels: agent.labels() };
}

/** What comes behind it is there before. */
async function endOnly(agent: Agent, next: () => Promise<OpenedKernel>): Promise<Ended> {
  const successor = await next();
  try {
    await agent.run(AbortSignal.abort());
  } catch (error) {
    await successor.kernel[Symbol.asyncDispose]();
    throw error;
  }
  return { last: lastSeenOf(agent), successor };
}

/**
 * One generation of counting, to its end, and how it stood then. `onOpen` when it runs; not for one that is
 * only to be ended. `before` is the one that it comes behind.
 */
export async function runGeneration(
  lasting: Lasting,
  signal: AbortSignal,
  { onOpen, before }: { readonly onOpen: (agent: Agent) => void; readonly before: Ended | undefined },
): Promise<Ended> {
  const { config, native, delivery, log, pins, kept, policy, kubernetes, governor, beat } = lasting;
  const options = await openOptions(lasting);
  const opened = before?.successor ?? openKernel(options);
  await using kernel = opened.kernel;
  const since = before?.successor && before.last.status.lastWindow?.['window.end'];
  const resumed = delivery.resumed();
  const { begin, memory, known, lookups } = pastOf(opened.adopted, resumed, { clock: systemClock, since });
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
  const counting = { pins, log, clock: systemClock, orphanMs: config.limits.orphan_max };
  const keep = () => kept.keep(options.object);
  const birth = { agentId: node['agent.id'], since: begin.since, known };
  await beginCounting(opened, tables.namespaces, { ...counting, ...birth, keep });
  governor.begin(kernel.control, meterOf(kernel));
  try {
    if (opened.adopted?.outdated !== undefined)
      return await endOnly(agent, () => openSuccessor(options, kernel));
    onOpen(agent);
    await agent.run(signal);
  } finally {
    governor.end();
  }
  if (!signal.aborted && governor.plan.counting)
    log.warn('no agent looked for too long: counting begins anew');
  return { last: lastSeenOf(agent) };
}
