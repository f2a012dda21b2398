/** From labelled rows of lookups to records. */

import { unansweredLookup, type LookupRow } from '../../model/dns.ts';
import { mergeHistograms } from '../../model/latency.ts';
import type { DnsRecord, NodeLabels } from '../../model/record.ts';
import { addressOrAny, latencyLabels, meanMs, type Labelled, type WindowBounds } from './records.ts';
import { whose } from './whose.ts';

function identity({ of: row, process, netnsInode }: Labelled<LookupRow>): string {
  return JSON.stringify([
    whose(process),
    netnsInode,
    row.attribution,
    row.direction,
    row.transport,
    row.family,
    row.server,
    row.serverPort,
    row.name,
    row.type,
    row.rcode,
  ]);
}

function added(a: LookupRow, b: LookupRow): LookupRow {
  const ttls = [a.ttlMinSeconds, b.ttlMinSeconds].filter((ttl) => ttl !== undefined);
  return {
    ...a,
    lookups: a.lookups + b.lookups,
    attempts: a.attempts + b.attempts,
    truncated: a.truncated + b.truncated,
    latencySumUs: a.latencySumUs + b.latencySumUs,
    latency: mergeHistograms(a.latency, b.latency),
    answers: [...new Set([...a.answers, ...b.answers])],
    ttlMinSeconds: ttls.length > 0 ? Math.min(...ttls) : undefined,
  };
}

/** Rows that became equal once they were labelled are one row. */
export function mergeLookups(rows: readonly Labelled<LookupRow>[]): Labelled<LookupRow>[] {
  const merged = new Map<string, Labelled<LookupRow>>();
  for (const row of rows) {
    const key = identity(row);
    const before = merged.get(key);
    merged.set(key, before ? { ...before, of: added(before.of, row.of) } : row);
  }
  return [...merged.values()];
}

export function dnsRecord(
  { of: row, process, netnsInode }: Labelled<LookupRow>,
  node: NodeLabels,
  window: WindowBounds,
): DnsRecord {
  const latencyMs = meanMs(row.latency, row.latencySumUs);
  return {
    'event.name': 'sonde.dns',
    time: window.end,
    'window.number': window.number,
    'window.start': window.start,
    'window.end': window.end,
    ...node,
    ...process,
    attribution: row.attribution,
    direction: row.direction,
    'destination.ip': addressOrAny(row.server, row.family),
    'destination.ip.form': row.serverForm,
    'destination.port': row.serverPort,
    'network.transport': row.transport,
    ...(row.family ? { 'network.type': row.family } : {}),
    'network.namespace': netnsInode,
    'connection.state': row.rcode === unansweredLookup ? 'timed_out' : 'closed',
    latency_ms: latencyMs,
    ...latencyLabels(row.latency),
    'dns.question.name': row.name,
    'dns.question.type': row.type,
    'dns.rcode': row.rcode,
    'dns.latency_ms': latencyMs,
    'dns.lookups': row.lookups,
    'dns.attempts': row.attempts,
    'dns.truncated': row.truncated,
    ...(row.answers.length > 0 ? { 'dns.answers': row.answers } : {}),
    ...(row.ttlMinSeconds === undefined ? {} : { 'dns.ttl_min': row.ttlMinSeconds }),
  };
}
