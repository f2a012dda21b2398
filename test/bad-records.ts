/** Records that the hub must not store, each with the reason that it is to name. */
import type { RejectionReason } from '../src/model/row/rejection.ts';
import { connection, dnsLookups, flow, listener, ownAddress, windowEnd, type FlatRecord } from './otlp.ts';

export interface BadRecord {
  readonly reason: RejectionReason;
  /** `times`: what a sound record has. */
  readonly record: (times: FlatRecord) => FlatRecord;
  /** What the answer says. */
  readonly says: RegExp;
  /** JSON has no word for it. */
  readonly protobufOnly?: true;
}

const mebibyte = 2 ** 20;
const long = 'x'.repeat(mebibyte);
/** Of the records before it in its request: the first is 1, the last 3. */
const sequence = 2;

const flows = (reason: RejectionReason, change: FlatRecord, says: RegExp): BadRecord => ({
  reason,
  record: (times) => flow(sequence, { ...times, ...change }),
  says,
});

const unknownEvents: readonly BadRecord[] = [
  flows('unknown_event', { 'event.name': 'sonde.none' }, /the event name is "sonde\.none"/),
  flows('unknown_event', { 'event.name': '' }, /\(no event name\): the event name is ""/),
  flows('unknown_event', { 'event.name': 'constructor' }, /the event name is "constructor"/),
  flows('unknown_event', { 'event.name': long }, /the event name is "x{100}"$/),
];

const missing: readonly BadRecord[] = [
  flows('missing', { 'boot.id': undefined }, /boot\.id is missing/),
  flows('missing', { 'record.sequence': undefined }, /record\.sequence is missing/),
  flows('missing', { 'connection.state': undefined }, /connection\.state is missing/),
];

const types: readonly BadRecord[] = [
  flows('type', { 'destination.port': '443' }, /destination\.port is "443", not a number/),
  flows('type', { 'process.name': 7 }, /process\.name is 7, not text/),
  flows('type', { 'process.name': [1, 2] }, /process\.name is a list or map, not text/),
  flows('type', { 'connection.established': 'yes' }, /connection\.established is "yes"/),
  flows('type', { 'latency.histogram': [1, 2] }, /latency\.histogram is not a list of bounds/),
  flows('type', { labels: { tier: 1 } }, /labels\.tier is 1, not text/),
  flows('type', { labels: 'tier=gold' }, /labels is "tier=gold", not a map/),
  {
    reason: 'type',
    record: (times) => windowEnd(sequence, { ...times, lost: [1] }),
    says: /sonde\.window: lost is a list or map, not a map/,
  },
  {
    reason: 'type',
    record: (times) => dnsLookups(sequence, { ...times, 'dns.answers': [1] }),
    says: /sonde\.dns: dns\.answers has 1, not text/,
  },
  {
    reason: 'type',
    record: (times) => listener(sequence, { ...times, 'destination.port': true }),
    says: /sonde\.listener: destination\.port is true, not a number/,
  },
];

const bounds: readonly BadRecord[] = [
  flows('bounds', { 'destination.port': 65_536 }, /destination\.port is 65536/),
  flows('bounds', { 'bytes.sent': -1 }, /bytes\.sent is -1, not a whole number/),
  flows('bounds', { 'bytes.sent': 1.5 }, /bytes\.sent is 1\.5/),
  flows('bounds', { 'bytes.sent': 2 ** 53 }, /bytes\.sent is 9007199254740992/),
  flows('bounds', { 'connection.state': 'shut' }, /connection\.state is "shut", none of/),
  {
    reason: 'bounds',
    record: (times) => connection(sequence, { ...times, latency_ms: Infinity }),
    says: /sonde\.connection: latency_ms is Infinity/,
    protobufOnly: true,
  },
  {
    reason: 'bounds',
    record: (times) => ownAddress(sequence, { ...times, 'address.change': 'perhaps' }),
    says: /sonde\.address: address\.change is "perhaps"/,
  },
];

const times: readonly BadRecord[] = [
  flows('time', { 'window.start': 'yesterday' }, /window\.start is "yesterday", not an RFC 3339 time/),
  flows('time', { 'window.start': '1970-01-01T00:00:00.000Z' }, /window\.start 1970-.* is too old/),
  flows('time', { 'window.start': '0001-01-01T00:00:00.000Z' }, /window\.start .* is too old/),
  flows('time', { 'window.end': '2099-01-01T00:00:00.000Z' }, /window\.end 2099-.* is in the future/),
  flows(
    'time',
    { 'window.start': '2099-01-01T00:00:00.000Z', 'window.end': '2099-01-01T00:00:10.000Z' },
    /2099-.* is in the future/,
  ),
  {
    reason: 'time',
    record: (of) =>
      flow(sequence, { ...of, 'window.start': of['window.end'], 'window.end': of['window.start'] }),
    says: /window\.end is before window\.start/,
  },
  {
    reason: 'time',
    record: (of) => connection(sequence, { ...of, time: '2099-01-01T00:00:00.000Z' }),
    says: /sonde\.connection: the time 2099-.* is in the future/,
  },
  {
    reason: 'missing',
    record: (of) => connection(sequence, { ...of, time: '1970-01-01T00:00:00.000Z' }),
    says: /sonde\.connection: the record has no time/,
  },
  {
    reason: 'time',
    record: (of) => connection(sequence, { ...of, 'process.start': '1700-01-01T00:00:00.000Z' }),
    says: /process\.start is outside the years/,
  },
];

const sizes: readonly BadRecord[] = [
  flows('bounds', { 'process.name': long }, /process\.name is longer than 1024 characters$/),
  flows('bounds', { 'process.executable.path': long }, /process\.executable\.path is longer than 4096/),
  flows('bounds', { labels: { tier: long } }, /labels\.tier is longer than 1024 characters$/),
  flows('bounds', { labels: { [long]: 'gold' } }, /a key of labels is longer than 1024 characters$/),
  flows(
    'bounds',
    { labels: Object.fromEntries(Array.from({ length: 1001 }, (_, key) => [`k${key}`, ''])) },
    /labels has more than 1000 keys$/,
  ),
  {
    reason: 'bounds',
    record: (of) => connection(sequence, { ...of, 'process.command_line': long }),
    says: /process\.command_line is longer than 1024 characters$/,
  },
  {
    reason: 'bounds',
    record: (of) => dnsLookups(sequence, { ...of, 'dns.answers': ['192.0.2.1', long] }),
    says: /a value of dns\.answers is longer than 1024 characters$/,
  },
  {
    reason: 'bounds',
    record: (of) => windowEnd(sequence, { ...of, lost: { [long]: 1 } }),
    says: /a key of lost is longer than 1024 characters$/,
  },
];

export const badRecords: readonly BadRecord[] = [
  ...unknownEvents,
  ...missing,
  ...types,
  ...bounds,
  ...times,
  ...sizes,
];
