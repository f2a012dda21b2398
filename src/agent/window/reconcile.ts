/**
 * Reconciliation: what Sonde counted in a network namespace against what the kernel counted there.
 *
 * The identities, protocol 6 only, each held to the unit in 56 scenarios on kernels 6.1 to 7.3:
 *   ActiveOpens = SYNs sent · PassiveOpens = children of listeners
 *   EstabResets = ends from ESTABLISHED or CLOSE_WAIT
 *   AttemptFails − EmbryonicRsts = ends with an error before ESTABLISHED
 *   RetransSegs = retransmissions of both kinds
 *   OutRsts = resets sent (only where the kernel traces resets without a socket).
 */

import {
  reconciledCounters,
  type KernelCounters,
  type NamespaceObservation,
  type Reading,
  type ReconciledCounter,
} from '../../model/observation.ts';
import type { NamespaceCoverage } from '../../model/coverage.ts';

/**
 * Reads values of one protocol line pair of /proc/net/snmp or netstat by name; throws for one that is not
 * there.
 */
function protocolLine(text: string, protocol: string): (name: string) => number {
  const [names, values] = text.split('\n').filter((line) => line.startsWith(`${protocol}:`));
  const columns = values?.split(' ') ?? [];
  const places = new Map(names?.split(' ').map((name, i) => [name, i]));
  return (name) => {
    const value = columns[places.get(name) ?? -1];
    if (value === undefined) throw new Error(`the kernel shows no ${protocol} ${name}`);
    return Number(value);
  };
}

/** The kernel's side, from a namespace's /proc/net/snmp and /proc/net/netstat, and tcp_abort_on_overflow. */
export function parseKernelCounters([snmp = '', netstat = '', abort]: readonly string[]): KernelCounters {
  const tcp = protocolLine(snmp, 'Tcp');
  const extended = protocolLine(netstat, 'TcpExt');
  const compared = {
    activeOpens: tcp('ActiveOpens'),
    passiveOpens: tcp('PassiveOpens'),
    attemptFails: tcp('AttemptFails') - extended('EmbryonicRsts'),
    estabResets: tcp('EstabResets'),
    retransSegs: tcp('RetransSegs'),
    outRsts: tcp('OutRsts'),
  };
  const inbound = {
    listenOverflows: extended('ListenOverflows'),
    listenDrops: extended('ListenDrops'),
    reqQFullDrop: extended('TCPReqQFullDrop'),
    reqQFullDoCookies: extended('TCPReqQFullDoCookies'),
    syncookiesSent: extended('SyncookiesSent'),
    embryonicRsts: extended('EmbryonicRsts'),
  };
  return { compared, inbound, ...(abort === undefined ? {} : { abortsOnOverflow: abort.trim() !== '0' }) };
}

/**
 * kernel − seen, 0 if they agree. While connections come and go the two cannot be read in one instant: then
 * they agree when the kernel's number lies between Sonde's two, give or take `inFlight` changes that are half
 * done (one per CPU).
 */
function difference(name: ReconciledCounter, baseline: Reading, now: Reading, inFlight: number): number {
  const kernel = now.kernel[name] - baseline.kernel[name];
  const low = now.before[name] - baseline.after[name];
  const high = now.after[name] - baseline.before[name];
  const slack = low === high ? 0 : inFlight;
  if (kernel < low - slack) return kernel - low;
  if (kernel > high + slack) return kernel - high;
  return 0;
}

interface Circumstances {
  readonly placeless: boolean;
  /** Since counting began, where tcp_abort_on_overflow is on; else 0. */
  readonly aborted: number;
  readonly skipped: number;
}

/** Of what has an explanation; anything else is a fault, of Sonde's or of its books. */
function explanation(
  name: ReconciledCounter,
  by: number,
  { placeless, aborted, skipped }: Circumstances,
): string {
  if (placeless && by > 0) return 'no place in the table of network namespaces (kernel.namespaces_full)';
  if (name === 'attemptFails' && by < 0 && -by <= aborted)
    return 'tcp_abort_on_overflow: the kernel counts these in EmbryonicRsts and not in AttemptFails';
  if (Math.abs(by) <= skipped)
    return `the kernel left out ${String(skipped)} runs of a program (kernel.runs_skipped)`;
  return 'unexplained';
}

export interface ReconcileOptions {
  readonly inFlight: number;
  /** Runs of the programs that the kernel left out, since counting began. */
  readonly skipped?: number;
  /** Counters that cannot be compared here, and why. */
  readonly incomparable: Readonly<Partial<Record<ReconciledCounter, string>>>;
}

export function reconcile(observation: NamespaceObservation, options: ReconcileOptions): NamespaceCoverage {
  const { counts, baseline, now } = observation;
  const head = {
    'network.namespace': counts.inode,
    'network.namespace.cookie': String(counts.cookie),
    seen: counts.counters,
  };
  if (!baseline || !now) return { ...head, unreachable: observation.unreachable ?? 'not entered' };
  const { inFlight, incomparable, skipped = 0 } = options;
  const compared = reconciledCounters.filter((name) => incomparable[name] === undefined);
  const seen = Object.fromEntries(compared.map((name) => [name, now.after[name] - baseline.before[name]]));
  const kernel = Object.fromEntries(compared.map((name) => [name, now.kernel[name] - baseline.kernel[name]]));
  const differences = compared
    .map((name) => [name, difference(name, baseline, now, inFlight)] as const)
    .filter(([, by]) => by !== 0);
  const overflows = now.inbound.listenOverflows - baseline.inbound.listenOverflows;
  const aborted = now.abortsOnOverflow === true ? overflows : 0;
  const circumstances = { placeless: observation.placeless ?? false, aborted, skipped };
  const explained = differences.map(([name, by]) => [name, explanation(name, by, circumstances)] as const);
  return {
    ...head,
    seen,
    kernel,
    difference: Object.fromEntries(differences),
    ...(differences.length === 0 ? {} : { explained: Object.fromEntries(explained) }),
    ...(Object.keys(incomparable).length === 0 ? {} : { incomparable }),
  };
}
