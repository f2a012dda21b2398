/** From labelled rows of lookups to records. */

import { unansweredLookup, type LookupRow } from '../../model/dns.ts';
import type { FarLabels } from '../../model/far.ts';
import { mergeHistograms } from '../../model/latency.ts';
import type { DnsRecord, NodeLabels, ProcessLabels } from '../../model/record.ts';
import { mergeEqual } from './merge.ts';
import type { FieldPolicy } from './policy/policy.ts';
import {
  addressOrAny,
  latencyLabels,
  meanMs,
  type Labelled,
  type Merged,
  type WindowBounds,
} from './records.ts';
import type { Judge } from './standard/judge.ts';

/** Addresses of one row. */
const answersMax = 8;

function added(a: LookupRow, b: LookupRow): LookupRow {
  const ttls = [a.ttlMinSeconds, b.ttlMinSeconds].filter((ttl) => ttl !== undefined);
  return {
    ...a,
    lookups: a.lookups + b.lookups,
    attempts: a.attempts + b.attempts,
    truncated: a.truncated + b.truncated,
    latencySumUs: a.latencySumUs + b.latencySumUs,
    latency: mergeHistograms(a.latency, b.latency),
    answers: [...new Set([...a.answers, ...b.answers])].slice(0, answersMax),
    ttlMinSeconds: ttls.length > 0 ? Math.min(...ttls) : undefined,
  };
}

/** What they are about; the process is told beside it. */
function lookupLabels({ of: row, netnsInode }: Omit<Labelled<LookupRow>, 'process'>) {
  return {
    attribution: row.attribution,
    direction: row.direction,
    'destination.ip': addressOrAny(row.server, row.family),
    'destination.ip.form': row.serverForm,
    'destination.port': row.serverPort,
    'network.transport': row.transport,
    ...(row.family ? { 'network.type': row.family } : {}),
    'network.namespace': netnsInode,
    'connection.state': row.rcode === unansweredLookup ? ('timed_out' as const) : ('closed' as const),
    'dns.question.name': row.name,
    'dns.question.type': row.type,
    'dns.rcode': row.rcode,
  };
}

type LookupLabels = ReturnType<typeof lookupLabels> & ProcessLabels & FarLabels;

/** Rows that became equal once they were labelled and went through the field policy are one row. */
export function mergeLookups(
  rows: readonly Labelled<LookupRow>[],
  passing: { readonly policy: FieldPolicy; readonly judge: Judge },
): Merged<LookupRow, LookupLabels>[] {
  return mergeEqual(rows, { kind: 'dns', ...passing, labelsOf: lookupLabels, add: added });
}

function dnsCounts(row: LookupRow) {
  const latencyMs = meanMs(row.latency, row.latencySumUs);
  return {
    latency_ms: latencyMs,
    ...latencyLabels(row.latency),
    'dns.latency_ms': latencyMs,
    'dns.lookups': row.lookups,
    'dns.attempts': row.attempts,
    'dns.truncated': row.truncated,
    ...(row.answers.length > 0 ? { 'dns.answers': row.answers } : {}),
    ...(row.ttlMinSeconds === undefined ? {} : { 'dns.ttl_min': row.ttlMinSeconds }),
  };
}

export function dnsRecord(
  { of: row, labels }: Merged<LookupRow, LookupLabels>,
  { node, bounds, policy }: { node: NodeLabels; bounds: WindowBounds; policy: FieldPolicy },
): DnsRecord {
  return {
    'event.name': 'sonde.dns',
    time: bounds.end,
    'window.number': bounds.number,
    'window.start': bounds.start,
    'window.end': bounds.end,
    ...node,
    ...labels,
    ...policy.apply(dnsCounts(row)),
  };
}
