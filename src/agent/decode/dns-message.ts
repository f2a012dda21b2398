/**
 * From bytes to a DNS message (RFC 1035, 3596, 6762, 6891, 9460), as far as a lookup is told by: header,
 * questions, answers. The bytes are somebody else's: every loop is bounded by a named maximum, compression
 * pointers only ever lead backwards, and what does not fit ends the reading, never with an exception.
 */

import { formatAddress } from '../../lib/address.ts';
import type { DnsAnswer, DnsMessage, DnsQuestion } from '../../model/dns.ts';

export const dnsMessageLimits = {
  /** Of a name on the wire, lengths included (RFC 1035). */
  nameBytesMax: 255,
  /** More than fit into a name. */
  pointersMax: 128,
  questionsMax: 4,
  /** Records that are looked at, of all sections. */
  recordsMax: 64,
} as const;

const headerBytes = 12;
/** Type and class of a question. */
const questionTailBytes = 4;
/** Type, class, time to live and length of a record. */
const recordTailBytes = 10;

const types: Readonly<Record<number, string>> = {
  1: 'A',
  2: 'NS',
  5: 'CNAME',
  6: 'SOA',
  12: 'PTR',
  15: 'MX',
  16: 'TXT',
  28: 'AAAA',
  33: 'SRV',
  35: 'NAPTR',
  39: 'DNAME',
  43: 'DS',
  46: 'RRSIG',
  47: 'NSEC',
  48: 'DNSKEY',
  52: 'TLSA',
  64: 'SVCB',
  65: 'HTTPS',
  251: 'IXFR',
  252: 'AXFR',
  255: 'ANY',
  257: 'CAA',
};
const [typeA, typeCname, typeAaaa, typeOpt] = [1, 5, 28, 41];

const rcodes: readonly string[] = [
  'NOERROR',
  'FORMERR',
  'SERVFAIL',
  'NXDOMAIN',
  'NOTIMP',
  'REFUSED',
  'YXDOMAIN',
  'YXRRSET',
  'NXRRSET',
  'NOTAUTH',
  'NOTZONE',
];
const rcodeBadVersion = 16;

function typeName(type: number): string {
  return types[type] ?? `TYPE${String(type)}`; // as RFC 3597 writes it
}

function rcodeName(rcode: number): string {
  return rcode === rcodeBadVersion ? 'BADVERS' : (rcodes[rcode] ?? `RCODE${String(rcode)}`);
}

/** Where a message is: `end` is behind the last byte that is there. */
interface Bytes {
  readonly view: DataView;
  readonly start: number;
  readonly end: number;
}

interface Read<T> {
  readonly value: T;
  /** Behind it. */
  readonly next: number;
}

/** A byte in a name's text: letters lower case, what a dot, a backslash or no printable character as an escape. */
function nameCharacter(byte: number): string {
  if (byte >= 0x41 && byte <= 0x5a) return String.fromCharCode(byte + 0x20);
  if (byte === 0x2e || byte === 0x5c) return `\\${String.fromCharCode(byte)}`;
  if (byte > 0x20 && byte < 0x7f) return String.fromCharCode(byte);
  return `\\${String(byte).padStart(3, '0')}`;
}

function readName({ view, start, end }: Bytes, from: number): Read<string> | undefined {
  const labels: string[] = [];
  let [at, next, bytes, lowest] = [from, -1, 0, from];
  for (let pointers = 0; at < end;) {
    const length = view.getUint8(at);
    if (length === 0) return { value: labels.join('.') || '.', next: next < 0 ? at + 1 : next };
    if (length >= 0xc0) {
      if (at + 1 >= end || ++pointers > dnsMessageLimits.pointersMax) return undefined;
      if (next < 0) next = at + 2;
      at = start + (view.getUint16(at) & 0x3fff);
      if (at >= lowest) return undefined; // forwards, or round in a circle
      lowest = at;
      continue;
    }
    bytes += length + 1;
    if (length > 63 || at + 1 + length > end || bytes >= dnsMessageLimits.nameBytesMax) return undefined;
    let label = '';
    for (let i = 1; i <= length; i++) label += nameCharacter(view.getUint8(at + i));
    labels.push(label);
    at += 1 + length;
  }
  return undefined;
}

function readQuestion(bytes: Bytes, from: number): Read<DnsQuestion> | undefined {
  const name = readName(bytes, from);
  if (!name || name.next + questionTailBytes > bytes.end) return undefined;
  const type = typeName(bytes.view.getUint16(name.next));
  return { value: { name: name.value, type }, next: name.next + questionTailBytes };
}

interface ResourceRecord {
  readonly name: string;
  readonly type: number;
  readonly ttl: number;
  readonly dataAt: number;
  readonly dataBytes: number;
}

function readRecord(bytes: Bytes, from: number): Read<ResourceRecord> | undefined {
  const name = readName(bytes, from);
  if (!name || name.next + recordTailBytes > bytes.end) return undefined;
  const { view } = bytes;
  const dataAt = name.next + recordTailBytes;
  const dataBytes = view.getUint16(dataAt - 2);
  if (dataAt + dataBytes > bytes.end) return undefined;
  const [type, ttl] = [view.getUint16(name.next), view.getUint32(name.next + 4)];
  return { value: { name: name.value, type, ttl, dataAt, dataBytes }, next: dataAt + dataBytes };
}

function addressOf(view: DataView, { type, dataAt, dataBytes }: ResourceRecord): string | undefined {
  if (type === typeA && dataBytes === 4)
    return [0, 1, 2, 3].map((i) => String(view.getUint8(dataAt + i))).join('.');
  return type === typeAaaa && dataBytes === 16 ? formatAddress(view, dataAt) : undefined;
}

function answerOf(bytes: Bytes, record: ResourceRecord): DnsAnswer {
  const address = addressOf(bytes.view, record);
  const target = record.type === typeCname ? readName(bytes, record.dataAt)?.value : undefined;
  return {
    name: record.name,
    type: typeName(record.type),
    ttlSeconds: record.ttl > 0x7fff_ffff ? 0 : record.ttl, // RFC 2181: the highest bit set is zero
    ...(address === undefined ? {} : { address }),
    ...(target === undefined ? {} : { target }),
  };
}

/** Answers, and what the OPT record adds to the response code, as far as the bytes go. */
function readRecords(
  bytes: Bytes,
  from: number,
  counts: { readonly answers: number; readonly all: number },
): { answers: DnsAnswer[]; rcodeHigh: number } {
  const answers: DnsAnswer[] = [];
  const most = Math.min(counts.all, dnsMessageLimits.recordsMax);
  for (let i = 0, at = from; i < most; i++) {
    const record = readRecord(bytes, at);
    if (!record) break;
    if (i < counts.answers) answers.push(answerOf(bytes, record.value));
    else if (record.value.type === typeOpt) return { answers, rcodeHigh: record.value.ttl >>> 24 };
    at = record.next;
  }
  return { answers, rcodeHigh: 0 };
}

/**
 * The message whose first `captured` bytes are at `start`; undefined for what is none. Of one that is cut,
 * whole records are read.
 */
export function parseDnsMessage(view: DataView, start: number, captured: number): DnsMessage | undefined {
  if (captured < headerBytes) return undefined;
  const bytes = { view, start, end: start + captured };
  const flags = view.getUint16(start + 2);
  const [questionCount, answerCount, authorityCount, additionalCount] = [4, 6, 8, 10].map((at) =>
    view.getUint16(start + at),
  ) as [number, number, number, number];
  if (questionCount > dnsMessageLimits.questionsMax) return undefined;
  const questions: DnsQuestion[] = [];
  let at = start + headerBytes;
  for (let i = 0; i < questionCount; i++) {
    const question = readQuestion(bytes, at);
    if (!question) return undefined;
    questions.push(question.value);
    at = question.next;
  }
  const all = answerCount + authorityCount + additionalCount;
  const { answers, rcodeHigh } = readRecords(bytes, at, { answers: answerCount, all });
  return {
    id: view.getUint16(start),
    response: (flags & 0x8000) !== 0,
    truncated: (flags & 0x0200) !== 0,
    rcode: rcodeName((rcodeHigh << 4) | (flags & 15)),
    questions,
    answers,
  };
}
