/**
 * An agent: alone of its instance, with a delivery that lasts, over one generation of counting or several
 * (generation/main.ts): a new one begins when the old one can only be ended.
 */

import { systemClock } from '../lib/clock.ts';
import { agentStateFolder } from '../lib/local-state.ts';
import type { Log } from '../lib/log.ts';
import type { Agent } from './agent.ts';
import { createGovernor } from './budget/governor.ts';
import { createLadder, type Ladder } from './budget/ladder.ts';
import { kernelOpens, resting, restUntilCalm } from './budget/main.ts';
import type { AgentConfig } from './config.ts';
import { openDelivery, type Delivery } from './deliver/delivery.ts';
import { openCluster } from './enrich/kubernetes/open.ts';
import { bootId } from './enrich/node.ts';
import { runGeneration, type Ended } from './generation/main.ts';
import { keptObjects } from './kernel/kept-object.ts';
import { artefacts, loadNative, type Native } from './kernel/native.ts';
import { openPins, removePins, showRemoved } from './kernel/pins.ts';
import { openLocalServer } from './local/server.ts';
import { vitalSigns } from './vitals.ts';
import { openPolicy } from './window/policy/policy.ts';

export interface AgentOptions {
  readonly log: Log;
  /** Where state is kept; SONDE_STATE by default. */
  readonly stateFolder?: string | undefined;
  readonly onOpen?: (agent: Agent) => void;
  /** In place of what the build and the configuration give: a test kills the agent in the midst of them. */
  readonly native?: Native;
  readonly delivery?: Delivery;
  /** A test has one that steps faster. */
  readonly ladder?: Ladder;
}

/** Runs an agent until the signal. Throws OperatorError for what an operator can mend. */
export async function runAgent(
  config: AgentConfig,
  signal: AbortSignal,
  { log, stateFolder, onOpen, ...given }: AgentOptions,
): Promise<void> {
  await using open = new AsyncDisposableStack();
  const server = open.use(await openLocalServer(config.instance, log));
  const policy = await openPolicy(config.policy);
  const kubernetes = await openCluster(config.kubernetes, config.limits.cluster_addresses);
  if (kubernetes) open.use(kubernetes);
  const native = given.native ?? loadNative(artefacts());
  const governor = createGovernor({
    wishes: config,
    ladder: given.ladder ?? createLadder(),
    log,
    wallMs: () => systemClock.wallMs(),
    monotonicMs: () => Number(systemClock.monotonicNs() / 1_000_000n),
    opens: () => kernelOpens(native),
  });
  const { beat, serve, vitals } = vitalSigns(systemClock, () => governor.plan.windowMs);
  const folder = agentStateFolder(config.instance, stateFolder);
  const parts = { folder, bootId: bootId(), clock: systemClock, log, vitals };
  const delivery = open.use(given.delivery ?? (await openDelivery(config, parts)));
  const lasts =
    given.delivery !== undefined || Object.values(config.exporters).some((of) => of !== undefined);
  const place = lasts ? await openPins(config.instance) : undefined;
  const pins = typeof place === 'string' ? undefined : place;
  if (pins) open.use(pins);
  else await detachLeft(config.instance, log);
  const kept = keptObjects(folder, log);
  const lasting = { config, log, native, delivery, policy, kubernetes, governor, beat, pins, kept };
  let [opened, before]: [typeof onOpen, Ended | undefined] = [onOpen, undefined];
  const opens = (agent: Agent): void => {
    if (typeof place === 'string') log.warn(`nothing is pinned (${place}): a killed agent leaves a gap`);
    server.serve(agent);
    serve(agent);
    opened?.(agent);
    opened = undefined;
  };
  do {
    before = await runGeneration(lasting, signal, { onOpen: opens, before });
    const idle = resting(before.last, governor);
    server.serve(idle);
    serve(idle);
    if (!governor.plan.counting) await restUntilCalm(governor, signal, { clock: systemClock, log, beat });
  } while (!signal.aborted || before.successor);
}

/** Two generations never count at once, also where the agent that comes next keeps none. */
async function detachLeft(instance: string, log: Log): Promise<boolean> {
  const removed = await removePins(instance);
  if (!removed) return false;
  log.warn(`removed ${showRemoved(removed)} of instance ${instance}; what no window told of them is lost`);
  return true;
}

/** Detaches and removes what a killed agent of this instance left. Throws if one is running. */
export async function detachAgent({ instance }: AgentConfig, log: Log): Promise<void> {
  await using _lock = await openLocalServer(instance, log);
  if (!(await detachLeft(instance, log))) log.info(`nothing of instance ${instance} is attached`);
}
