/**
 * The churn that is measured: one client process and one server process on this machine, in a network
 * namespace of the run's own, so that no run finds the TIME_WAIT sockets of another. A connection is:
 * connect, accept, send, answer, close.
 */

import { ChurnServer, runChurnClient, type ChurnTruth } from '../lab/churn.ts';
import { Namespace } from '../lab/namespaces.ts';

export type Placement = {
  readonly clientCpu: number;
  readonly serverCpu: number;
};

export type ChurnCost = {
  readonly connections: number;
  /** From before the first connection to after the last, of the client. */
  readonly elapsedS: number;
  /** User and system time of both processes. */
  readonly cpuS: number;
  /** Socket to return of close, the median connection of the run. */
  readonly medianUs: number;
};

/** Payload of each direction: one segment. */
const payloadBytes = 128;
export const churnPort = 9001;
/**
 * 20,000 closed connections leave as many local ports in TIME_WAIT towards one destination; there are 28,000.
 */
const perAddressMax = 15_000;
const limitS = 300;

function cpuS(truths: readonly ChurnTruth[]): number {
  const processes = truths.flatMap((truth) => truth.processes);
  return processes.reduce((sum, p) => sum + p.cpuUserNs + p.cpuSystemNs, 0) / 1e9;
}

function assertAsPlanned(truths: readonly ChurnTruth[]): void {
  for (const { process, unexpected } of truths.flatMap((truth) => truth.processes)) {
    if (Object.keys(unexpected).length > 0)
      throw new Error(`churn ${process}: ${JSON.stringify(unexpected)}`);
  }
}

/** `rate`: connections per second; without it, as fast as they go. */
export async function churn(
  { clientCpu, serverCpu }: Placement,
  { connections, rate = 0 }: { readonly connections: number; readonly rate?: number },
): Promise<ChurnCost> {
  await using namespace = await Namespace.open('bench');
  const netns = namespace.path;
  const payload = { send: payloadBytes, receive: payloadBytes };
  const at = { ip: '127.0.0.1', port: churnPort };
  await using server = await ChurnServer.start({
    name: 'bench-server',
    netns,
    cpu: serverCpu,
    limitS,
    listeners: [{ ...at, ip: '0.0.0.0', action: 'fin_remote', ...payload }],
  });
  const client = await runChurnClient({
    name: 'bench-client',
    netns,
    cpu: clientCpu,
    limitS,
    rate,
    targets: [
      {
        ...at,
        addresses: Math.ceil(connections / perAddressMax),
        action: 'fin_local',
        count: connections,
        ...payload,
      },
    ],
  });
  const truths = [client, await server.stop()];
  assertAsPlanned(truths);
  return {
    connections,
    elapsedS: client.elapsedNs / 1e9,
    cpuS: cpuS(truths),
    medianUs: (client.processes[0]?.connectionMedianNs ?? 0) / 1e3,
  };
}
