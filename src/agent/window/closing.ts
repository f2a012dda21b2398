/**
 * The end of a window: rows become records, and a closing record says what the node saw, lost and could not
 * see.
 *
 * Owns the balance since counting began: what was reported opened and not yet ended. Must be fed every
 * window, in order. What it remembers from one to the next goes with each window to the agent that may come
 * after.
 */

import type { Attribution, ConnectionState, Transport } from '../../model/connection.ts';
import type { LookupRow } from '../../model/dns.ts';
import type { FlowRow, NamespaceObservation } from '../../model/observation.ts';
import type { OwnAddress } from '../../model/own-address.ts';
import type {
  DnsRecord,
  EnrichmentSource,
  FlowRecord,
  NodeLabels,
  RowRecord,
  WindowRecord,
} from '../../model/record.ts';
import { signalNames, type SignalName } from '../../model/signals.ts';
import { newTally, type Fields, type Findings, type Shortfall } from '../../model/standard.ts';
import { addressTeller, type AddressMemory } from './addresses.ts';
import { coverageSince, type Opens } from './coverage.ts';
import { inboundSince, type InboundTotals } from './inbound.ts';
import { listenerTeller, newListenerMemory, type Inventory, type ListenerMemory } from './listeners.ts';
import { dnsRecord, mergeLookups } from './lookups.ts';
import { mergeRows } from './merge.ts';
import type { FieldPolicy } from './policy/policy.ts';
import { reconcile, type ReconcileOptions } from './reconcile.ts';
import { flowRecord, type Labelled, type WindowBounds } from './records.ts';
import type { Judge } from './standard/judge.ts';

export interface WindowParts {
  readonly bounds: WindowBounds;
  readonly rows: readonly Labelled<FlowRow>[];
  /** The listeners that there are at its end, and that went in it. */
  readonly inventory?: Inventory;
  /** The node's own. */
  readonly addresses?: readonly OwnAddress[];
  /** Of DNS; none where the signal is off. */
  readonly lookups?: readonly Labelled<LookupRow>[];
  /** Counts since the agent started, by `stage.reason`. */
  readonly losses: Readonly<Record<string, number>>;
  /** Resets sent since counting began, by the kernel's reason; left out where it gives none. */
  readonly resets?: Readonly<Record<string, number>>;
  readonly namespaces: readonly NamespaceObservation[];
  /** Those that were on from its beginning to its end. */
  readonly signals: readonly SignalName[];
}

export interface ClosedWindow {
  readonly records: readonly RowRecord[];
  readonly closing: WindowRecord;
  readonly findings: Findings;
}

function total(records: readonly FlowRecord[], value: (record: FlowRecord) => number): number {
  return records.reduce((sum, record) => sum + value(record), 0);
}

/** Sums over a window's UDP flows; what is zero is left out. */
function udpSums(records: readonly FlowRecord[]): Record<string, number> {
  const sums = {
    opened: total(records, (r) => r['connections.opened']),
    adopted: total(records, (r) => r['connections.adopted']),
    ended: total(records, (r) => r['connections.ended']),
    open: total(records, (r) => r['connections.open']),
    abandoned: total(records, (r) => r['connections.abandoned'] ?? 0),
    'bytes.sent': total(records, (r) => r['bytes.sent']),
    'bytes.received': total(records, (r) => r['bytes.received']),
    'datagrams.sent': total(records, (r) => r['segments.sent']),
    'datagrams.received': total(records, (r) => r['segments.received']),
  };
  return Object.fromEntries(Object.entries(sums).filter(([, sum]) => sum > 0));
}

type Shares = Pick<
  WindowRecord,
  'connections.ended.states' | 'attribution' | 'coverage.attributed' | 'coverage.attributable'
>;

function countShares(records: readonly FlowRecord[]): Shares {
  const states: Partial<Record<ConnectionState, number>> = {};
  const attribution: Partial<Record<Attribution, number>> = {};
  for (const record of records) {
    const state = record['connection.state'];
    if (record['connections.ended'] > 0) states[state] = (states[state] ?? 0) + record['connections.ended'];
    const stayed = record['connections.open'] + (record['connections.abandoned'] ?? 0);
    const connections = stayed + record['connections.ended'];
    // Refusals are none.
    if (connections > 0)
      attribution[record.attribution] = (attribution[record.attribution] ?? 0) + connections;
  }
  const attributable = Object.values(attribution).reduce((sum, count) => sum + count, 0);
  return {
    'connections.ended.states': states,
    attribution,
    'coverage.attributed': attributable - (attribution.unknown ?? 0),
    'coverage.attributable': attributable,
  };
}

/** By label, and those that are not missing by rule and label. */
function countShort(short: readonly Shortfall[]): Pick<WindowRecord, 'unlabelled' | 'nonstandard'> {
  const [unlabelled, nonstandard]: [Record<string, number>, Record<string, number>] = [{}, {}];
  for (const { label, rule } of short) {
    if (rule === 'missing') unlabelled[label] = (unlabelled[label] ?? 0) + 1;
    else nonstandard[`${rule}.${label}`] = (nonstandard[`${rule}.${label}`] ?? 0) + 1;
  }
  return { unlabelled, nonstandard };
}

interface Told extends Pick<ClosedWindow, 'findings'> {
  readonly records: readonly FlowRecord[];
  readonly lookups: readonly DnsRecord[];
  readonly short: ReturnType<typeof countShort>;
}

/** Rows become records, and what falls short of the standard is counted. */
function toldRows(
  { rows, asked, bounds }: Pick<WindowParts, 'rows' | 'bounds'> & { asked: readonly Labelled<LookupRow>[] },
  { node, policy, judge }: Pick<ClosingOptions, 'policy' | 'judge'> & { node: NodeLabels },
): Told {
  const tally = newTally();
  const all: Shortfall[] = [];
  const judged = <T extends FlowRecord | DnsRecord>(record: T, short: readonly Shortfall[]): T => {
    tally.add(record as unknown as Fields, short);
    all.push(...short);
    return record;
  };
  const lookups = mergeLookups(asked, { policy, judge }).map((row) =>
    judged(dnsRecord(row, { node, bounds, policy }), row.short),
  );
  const records = mergeRows(rows, { policy, judge }).map((row) =>
    judged(flowRecord(row, node, bounds), row.short),
  );
  return { records, lookups, findings: tally.findings(), short: countShort(all) };
}

/** Records of all kinds that somebody in the background has not said all about yet. */
function countUnenriched(all: readonly RowRecord[]): WindowRecord['unenriched'] {
  const counts: Partial<Record<EnrichmentSource, number>> = {};
  for (const name of all.flatMap(
    (record) => ('enrichment.missing' in record && record['enrichment.missing']) || [],
  ))
    counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** What was added since `before`; names with nothing new are left out. */
/** A count that is smaller than it was began anew, with another instance of a program. */
function since(
  before: Readonly<Record<string, number>>,
  now: Readonly<Record<string, number>>,
): Record<string, number> {
  const added = Object.entries(now).map(([name, count]) => {
    const was = before[name] ?? 0;
    return [name, count < was ? count : count - was] as const;
  });
  return Object.fromEntries(added.filter(([, count]) => count !== 0));
}

/** From one window to the next. JSON. */
export interface ClosingMemory {
  stillOpen: number;
  /** By namespace cookie: one that is gone is not named any more, and takes nothing back. */
  untracked: Record<string, number>;
  losses: Readonly<Record<string, number>>;
  resets: Readonly<Record<string, number>>;
  /** Last counts of opens, by namespace cookie. */
  opens: Record<string, Opens>;
  /** What was told of attempts from outside, by namespace cookie. */
  inbound: Record<string, InboundTotals>;
  listeners: ListenerMemory;
  addresses: AddressMemory;
  /** Signals that were off for a while: what they count is less than the kernel's, for good. */
  missed: SignalName[];
}

export function newMemory(): ClosingMemory {
  return {
    stillOpen: 0,
    untracked: {},
    losses: {},
    resets: {},
    opens: {},
    inbound: {},
    listeners: newListenerMemory(),
    addresses: [],
    missed: [],
  };
}

/** Of a network namespace that is gone, and told to the end. */
export function forgetNamespace(memory: ClosingMemory, cookie: bigint): void {
  const without = <T>(all: Record<string, T>): Record<string, T> =>
    Object.fromEntries(Object.entries(all).filter(([other]) => other !== String(cookie)));
  memory.opens = without(memory.opens);
  memory.untracked = without(memory.untracked);
  memory.inbound = without(memory.inbound);
}

/** What another process remembered: only the kernel's counts of losses go on, the others began anew with us. */
export function takeOver(memory: ClosingMemory): ClosingMemory {
  const kept = Object.entries(memory.losses).filter(([name]) => name.startsWith('kernel.'));
  // An agent before us may have been an older one, which did not remember all of it.
  return { ...newMemory(), ...memory, losses: Object.fromEntries(kept) };
}

/** What a signal that was off for a while makes incomparable, besides what always is. */
function incomparable(options: ReconcileOptions, missed: readonly SignalName[]): ReconcileOptions {
  if (!missed.includes('retransmits')) return options;
  const retransSegs = 'the signal retransmits was off';
  return { ...options, incomparable: { ...options.incomparable, retransSegs } };
}

export interface ClosingOptions extends ReconcileOptions {
  readonly policy: FieldPolicy;
  readonly judge: Judge;
}

/** What there is at a window's end, whether or not anything happened to it. */
function standingTeller(
  telling: { readonly node: NodeLabels; readonly policy: FieldPolicy },
  memory: Pick<ClosingMemory, 'listeners' | 'addresses'>,
): (there: Pick<WindowParts, 'inventory' | 'addresses'>, bounds: WindowBounds) => RowRecord[] {
  const tellListeners = listenerTeller(telling, memory.listeners);
  const tellAddresses = addressTeller(telling, memory.addresses);
  return ({ inventory, addresses }, bounds) => [
    ...(inventory ? tellListeners(inventory, bounds) : []),
    ...(addresses ? tellAddresses(addresses, bounds) : []),
  ];
}

function listening(inventory: Inventory | undefined): number {
  return inventory?.listeners.filter(({ of }) => !of.gone).length ?? 0;
}

/** `memory` is the closer's, and up to date between two windows. `node` has been through the policy. */
export function windowCloser(
  node: NodeLabels,
  { policy, judge, ...options }: ClosingOptions,
  memory: ClosingMemory = newMemory(),
): (parts: WindowParts) => ClosedWindow {
  const tellStanding = standingTeller({ node, policy }, memory);
  return ({ bounds, rows, lookups: asked = [], losses, resets, namespaces, signals, ...told }) => {
    const { records, lookups, findings, short } = toldRows({ rows, asked, bounds }, { node, policy, judge });
    const of = (transport: Transport) => records.filter((r) => r['network.transport'] === transport);
    const [tcp, udp] = [of('tcp'), of('udp')];
    const opened = total(tcp, (r) => r['connections.opened']);
    const adopted = total(tcp, (r) => r['connections.adopted']);
    const ended = total(tcp, (r) => r['connections.ended']);
    const found = total(tcp, (r) => r['connections.open'] + (r['connections.abandoned'] ?? 0));
    let untracked = 0;
    for (const { counts } of namespaces) {
      const cookie = String(counts.cookie);
      untracked += counts.untracked - (memory.untracked[cookie] ?? 0);
      if (counts.untracked > 0) memory.untracked[cookie] = counts.untracked;
    }
    memory.stillOpen += opened + adopted - ended;
    memory.missed = signalNames.filter((name) => memory.missed.includes(name) || !signals.includes(name));
    const comparing = {
      ...incomparable(options, memory.missed),
      skipped: losses['kernel.runs_skipped'] ?? 0,
    };
    const all = [...records, ...lookups, ...tellStanding(told, bounds)];
    const compared = namespaces.map((observation) => ({
      ...reconcile(observation, comparing),
      ...inboundSince(memory.inbound, observation),
    }));
    const coverage = coverageSince(memory.opens, compared);
    const closing: WindowRecord = {
      'event.name': 'sonde.window',
      time: bounds.end,
      'window.number': bounds.number,
      'window.start': bounds.start,
      'window.end': bounds.end,
      'window.records': all.length,
      ...(bounds.last ? { 'window.last': true as const } : {}),
      ...node,
      'connections.opened': opened,
      'connections.adopted': adopted,
      'connections.established': total(tcp, (r) => r['connections.established']),
      'connections.ended': ended,
      'connections.open': bounds.last ? 0 : found,
      'connections.orphaned': bounds.last ? 0 : memory.stillOpen - found,
      'connections.abandoned': bounds.last ? memory.stillOpen : 0,
      'connections.untracked': untracked,
      'bytes.sent': total(tcp, (r) => r['bytes.sent']),
      'bytes.received': total(tcp, (r) => r['bytes.received']),
      retransmits: total(tcp, (r) => r.retransmits),
      refusals: total(tcp, (r) => r.refusals ?? 0),
      ...(resets ? { 'resets.reasons': since(memory.resets, resets) } : {}),
      listeners: listening(told.inventory),
      ...countShares(tcp),
      ...short,
      unenriched: countUnenriched(all),
      udp: udpSums(udp),
      signals,
      lost: since(memory.losses, losses),
      'coverage.seen': coverage.seen,
      'coverage.kernel': coverage.kernel,
      'coverage.unreachable': coverage.unreachable,
      'coverage.namespaces': compared,
    };
    Object.assign(memory, { losses, resets: resets ?? {} });
    return { records: all, closing, findings };
  };
}
