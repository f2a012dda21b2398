/** DNS lookups, listeners and own addresses. */

import { valueForms } from '../connection.ts';
import { addressChanges } from '../own-address.ts';
import { listenerChanges } from '../record.ts';
import type { Fields } from './field.ts';

export const dnsFields = {
  'dns.question.name': {
    on: 'dns',
    type: 'string',
    otel: 'dns.question.name',
    ecs: 'dns.question.name',
    classes: 'H P3',
    means:
      'lower case, printable ASCII, all else as `\\DDD`; `*.example.com` and `*` stand for names beyond `limits.dns_names`',
  },
  'dns.question.name.form': {
    on: 'dns?',
    type: 'string',
    values: valueForms,
    classes: 'E P0',
    means: 'what is left of it, where the [field policy](policy.md) changed it',
  },
  'dns.question.type': {
    on: 'dns',
    type: 'string',
    ecs: 'dns.question.type',
    prometheus: { label: 'qtype' },
    classes: 'E P0',
    means: 'A, AAAA, CNAME, SVCB, HTTPS, PTR, SRV, MX, TXT …; `TYPE65280` for one without a name',
  },
  'dns.rcode': {
    on: 'dns',
    type: 'string',
    otel: 'sonde.dns.response_code',
    ecs: 'dns.response_code',
    prometheus: { label: 'rcode' },
    classes: 'E P0',
    means:
      'NOERROR, FORMERR, SERVFAIL, NXDOMAIN, REFUSED …, `RCODE12` for one without a name, or `unanswered`: no answer for `dns.timeout` after the last query',
  },
  'dns.latency_ms': {
    on: 'dns',
    type: 'double',
    unit: 'ms',
    nullable: true,
    prometheus: { value: 'sonde_dns_lookup_seconds' },
    classes: 'P0',
    means: 'the same as `latency_ms`',
  },
  'dns.lookups': {
    on: 'dns',
    type: 'int',
    prometheus: { value: 'sonde_dns_lookups_total' },
    classes: 'P0',
    means: 'how many',
  },
  'dns.attempts': {
    on: 'dns',
    type: 'int',
    prometheus: { value: 'sonde_dns_attempts_total' },
    classes: 'P0',
    means: 'queries sent for them; the same query sent again is no new lookup',
  },
  'dns.truncated': {
    on: 'dns',
    type: 'int',
    classes: 'P0',
    means:
      'answers with the TC bit: mostly the same question is then asked over TCP, which is a lookup of its own',
  },
  'dns.answers': {
    on: 'dns?',
    type: 'list',
    of: 'string',
    otel: 'dns.answers',
    classes: 'U P2',
    means: 'addresses, at most 8',
  },
  'dns.ttl_min': {
    on: 'dns?',
    type: 'int',
    unit: 's',
    classes: 'P0',
    means: 'the shortest of all answers',
  },
} as const satisfies Fields;

export const listenerFields = {
  'listener.id': {
    on: 'listener',
    type: 'string',
    classes: 'H P0',
    means: 'boot id and socket cookie: the same in all records of a listener',
  },
  'listener.changes': {
    on: 'listener',
    type: 'list',
    of: 'string',
    values: listenerChanges,
    classes: 'E P0',
    means:
      'why it is told: `appeared`; `present` (older than the agent, or an hour has passed); `owner`, `limit` (another one); `counts` (something was added to them); `waiting` (a connection has waited for accept() for a second or more: told with every window); `gone`',
  },
  'listener.backlog': {
    on: 'listener',
    type: 'int',
    prometheus: { value: 'sonde_listener_backlog' },
    classes: 'P0',
    means: 'connections that wait to be accepted, as the sweep found them',
  },
  'listener.backlog_max': {
    on: 'listener',
    type: 'int',
    prometheus: { value: 'sonde_listener_backlog_max' },
    classes: 'P0',
    means: 'the limit that listen() set. The kernel lets in one more',
  },
  'listener.waiting_ms': {
    on: 'listener?',
    type: 'int',
    unit: 'ms',
    classes: 'P0',
    means:
      'how long the first of them had waited then, since its handshake; 0 when none did. To the kernel’s tick. Absent on kernels before 6.3, and where the queue moved while it was looked at',
  },
  'listener.drops': {
    on: 'listener',
    type: 'int',
    prometheus: { value: 'sonde_listener_drops_total' },
    classes: 'P0',
    means:
      'segments that it let fall since it was last told: SYNs, and ACKs that would have made a connection (the kernel’s `sk_drops`: one lost connection may be two)',
  },
  'listener.synack_retransmits': {
    on: 'listener',
    type: 'int',
    prometheus: { value: 'sonde_listener_synack_retransmits_total' },
    classes: 'P0',
    means:
      'SYN-ACKs repeated since: the other side does not complete. Only while the signal `retransmits` is on',
  },
  'listener.resets_sent': {
    on: 'listener',
    type: 'int',
    prometheus: { value: 'sonde_listener_resets_sent_total' },
    classes: 'P0',
    means: 'resets that it answered with since, to connections that were not established',
  },
} as const satisfies Fields;

export const addressFields = {
  'address.change': {
    on: 'address',
    type: 'string',
    values: addressChanges,
    classes: 'E P0',
    means:
      'why it is told: `appeared` in this window; `present` (older than the agent, or an hour has passed); `gone` since this window',
  },
} as const satisfies Fields;
