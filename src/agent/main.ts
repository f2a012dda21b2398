/**
 * The map of the agent: kernel → decode → enrich → window → deliver. Builds the parts, connects them, closes
 * in reverse.
 */

import { cpus } from 'node:os';
import { systemClock } from '../lib/clock.ts';
import { agentStateFolder } from '../lib/local-state.ts';
import type { Log } from '../lib/log.ts';
import { createAgent, type Agent } from './agent.ts';
import type { AgentConfig } from './config.ts';
import { eventDecoder } from './decode/events.ts';
import { flowDecoder } from './decode/flows.ts';
import { netnsDecoder, ownerDecoder } from './decode/tables.ts';
import { openDelivery } from './deliver/delivery.ts';
import { nodeLabels } from './enrich/node.ts';
import { openOwners } from './enrich/owners.ts';
import { openNamespaces } from './kernel/namespaces.ts';
import { artefacts, loadNative } from './kernel/native.ts';
import { Kernel } from './kernel/programs.ts';
import { scopeCookies } from './kernel/scope.ts';
import { openLocalServer } from './local/server.ts';
import { windowCloser } from './window/closing.ts';
import { parseKernelCounters } from './window/reconcile.ts';

export interface AgentOptions {
  readonly log: Log;
  /** Where state is kept; SONDE_STATE by default. */
  readonly stateFolder?: string | undefined;
  readonly onOpen?: (agent: Agent) => void;
}

/** Runs an agent until the signal. Throws OperatorError for what an operator can mend. */
export async function runAgent(
  config: AgentConfig,
  signal: AbortSignal,
  { log, stateFolder, onOpen }: AgentOptions,
): Promise<void> {
  await using open = new AsyncDisposableStack();
  const server = open.use(await openLocalServer(config.instance, log));
  const paths = artefacts();
  const native = loadNative(paths);
  const node = nodeLabels({ instance: config.instance, environment: config.environment });

  const kernel = open.use(
    new Kernel(native, paths.object, {
      flowRowsMax: config.limits.flow_rows,
      eventBytesMax: 2 ** Math.ceil(Math.log2(config.limits.event_buffer)),
    }),
  );
  kernel.set({
    detailClosed: config.profile !== 'failures',
    trace: config.profile === 'full',
    slowUs: config.slow * 1000,
  });
  kernel.budget(
    { perSecond: config.limits.events_per_second, burst: config.limits.events_per_second },
    { perSecond: config.limits.trace_events_per_second, burst: config.limits.trace_events_per_second },
  );
  if (config.namespaces) kernel.scope(await scopeCookies(native, config.namespaces));

  const decodeNetns = netnsDecoder(kernel.types);
  const decodeOwner = ownerDecoder(kernel.types);
  const owners = openOwners({
    used: () => kernel.ownersUsed(),
    read: (id) => decodeOwner(kernel.owners, id),
  });
  const namespaces = openNamespaces({
    native,
    used: () => kernel.namespacesUsed(),
    read: (id) => decodeNetns(kernel.namespaces, id),
    parse: parseKernelCounters,
  });
  const closeWindow = windowCloser(node, {
    inFlight: cpus().length,
    // 6.10 gave it the kernel's reason, and made it fire without a socket. The count includes the program's
    // own argument.
    outRstsComparable: native.kernelArguments('btf_trace_tcp_send_reset') >= 4,
  });

  const delivery = open.use(
    await openDelivery(config, {
      folder: agentStateFolder(config.instance, stateFolder),
      bootId: node['boot.id'],
      clock: systemClock,
      log,
    }),
  );

  const agent = createAgent({
    clock: systemClock,
    kernel,
    decodeEvent: eventDecoder(kernel.types),
    decodeFlows: flowDecoder(kernel.types),
    owners,
    namespaces,
    closeWindow,
    delivery,
    node,
    windowMs: config.window,
    allEvents: config.profile === 'full',
  });

  await kernel.start();
  await namespaces.start();
  server.serve(agent);
  onOpen?.(agent);
  await agent.run(signal);
}
