/**
 * Zeek's conn.log, a line at a time: tab-separated under its own header, or a JSON object to the line. A
 * header may come again, as where logs were joined.
 */

import { formatAddress, parseAddress } from '../../../lib/address.ts';
import type { NetworkType } from '../../../model/connection.ts';
import { outcomeOf, type Outcome } from './outcome.ts';

export interface Connection {
  readonly startMs: number;
  /** What was seen of it last. */
  readonly endMs: number;
  readonly uid: string | undefined;
  readonly originator: string;
  readonly originatorPort: number;
  readonly responder: string;
  readonly responderPort: number;
  readonly family: NetworkType;
  readonly transport: 'tcp' | 'udp';
  readonly outcome: Outcome;
  /** What Zeek recognised, such as `http`. */
  readonly service: string | undefined;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly packetsSent: number;
  readonly packetsReceived: number;
}

export type Read =
  | { readonly is: 'connection'; readonly of: Connection }
  /** ICMP and the like. */
  | { readonly is: 'other' }
  | { readonly is: 'bad'; readonly problem: string };

/** What a line says of a field; undefined where it is unset. */
type Get = (field: string) => string | undefined;

class BadLine extends Error {
  override readonly name = 'BadLine';
}

const needed = ['ts', 'id.orig_h', 'id.orig_p', 'id.resp_h', 'id.resp_p', 'proto', 'conn_state'] as const;

/** Longer than the hub takes records of at all, and a window each 10 s. */
const durationMsMax = 31 * 86_400_000;
const timeMsMax = Date.UTC(2200, 0, 1);
/** Seconds are below it, milliseconds (JSON::TS_MILLIS) above. */
const timeSMax = 1e11;
const shownMax = 40;

function shown(text: string): string {
  return JSON.stringify(text.length > shownMax ? `${text.slice(0, shownMax)}…` : text);
}

function present(get: Get, field: string): string {
  const value = get(field);
  if (value === undefined) throw new BadLine(`${field} is not there`);
  return value;
}

function amount(text: string, field: string): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (value >= 0 && value < Infinity) return value;
  throw new BadLine(`${field} is ${shown(text)}, no number from 0 on`);
}

function count(get: Get, field: string): number {
  const value = amount(get(field) ?? '0', field);
  if (Number.isSafeInteger(value)) return value;
  throw new BadLine(`${field} is ${value}, no whole number`);
}

function port(get: Get, field: string): number {
  const value = amount(present(get, field), field);
  if (Number.isInteger(value) && value < 65_536) return value;
  throw new BadLine(`${field} is ${value}, no port`);
}

function timeMs(text: string): number {
  const isText = /^\d{4}-\d\d-\d\dT/.test(text);
  const value = isText ? Date.parse(text) : amount(text, 'ts');
  const ms = isText || value > timeSMax ? value : value * 1000;
  if (ms >= 0 && ms < timeMsMax) return ms;
  throw new BadLine(`ts is ${shown(text)}, no time`);
}

function durationMs(text: string | undefined): number {
  const ms = amount(text ?? '0', 'duration') * 1000;
  if (ms <= durationMsMax) return ms;
  throw new BadLine(`duration is ${shown(text ?? '')}, longer than 31 days`);
}

function address(get: Get, field: string): { readonly ip: string; readonly family: NetworkType } {
  const text = present(get, field);
  const view = parseAddress(text);
  if (!view) throw new BadLine(`${field} is ${shown(text)}, no address`);
  const ip = formatAddress(view, 0);
  return { ip, family: ip.includes(':') ? 'ipv6' : 'ipv4' };
}

function connectionOf(get: Get): Read {
  const startMs = timeMs(present(get, 'ts'));
  const transport = present(get, 'proto').toLowerCase();
  if (transport !== 'tcp' && transport !== 'udp') return { is: 'other' };
  const originator = address(get, 'id.orig_h');
  const connState = present(get, 'conn_state');
  const outcome = outcomeOf(connState, { transport, history: get('history') ?? '' });
  if (!outcome) throw new BadLine(`conn_state is ${shown(connState)}, which Zeek does not say`);
  return {
    is: 'connection',
    of: {
      startMs,
      endMs: startMs + durationMs(get('duration')),
      uid: get('uid'),
      originator: originator.ip,
      originatorPort: port(get, 'id.orig_p'),
      responder: address(get, 'id.resp_h').ip,
      responderPort: port(get, 'id.resp_p'),
      family: originator.family,
      transport,
      outcome,
      service: get('service'),
      bytesSent: count(get, 'orig_bytes'),
      bytesReceived: count(get, 'resp_bytes'),
      packetsSent: count(get, 'orig_pkts'),
      packetsReceived: count(get, 'resp_pkts'),
    },
  };
}

function jsonGet(text: string): Get {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new BadLine('it is no JSON');
  }
  const fields = value as Readonly<Record<string, unknown>>;
  return (field) => {
    const of = fields[field];
    return typeof of === 'string' || typeof of === 'number' ? String(of) : undefined;
  };
}

/** `\x09` in a header is a tab. */
function unescaped(text: string): string {
  return text.replace(/\\x([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}

/** What the lines above said of those below. */
interface Header {
  separator: string;
  unset: string;
  empty: string;
  places: ReadonlyMap<string, number> | undefined;
  width: number;
}

/** `#NAME` and what it says. */
function readHeader(text: string, header: Header): void {
  if (text.startsWith('#separator ')) {
    header.separator = unescaped(text.slice('#separator '.length));
    return;
  }
  const [name, ...values] = text.split(header.separator);
  const [first = ''] = values;
  if (name === '#unset_field') header.unset = first;
  if (name === '#empty_field') header.empty = first;
  if (name === '#fields') {
    header.places = new Map(values.map((field, place) => [field, place]));
    header.width = values.length;
  }
  if (name === '#types' && header.places) {
    const type = values[header.places.get('ts') ?? -1];
    if (type !== undefined && type !== 'time') throw new NotConnLog(`its ts is a ${type}, not a time`);
  }
}

/** Said once for the file: none of its lines could be read. */
export class NotConnLog extends Error {
  override readonly name = 'NotConnLog';
}

function rowGet(text: string, { separator, unset, empty, places, width }: Header): Get {
  if (!places) throw new BadLine('no #fields stand above it');
  const cells = text.split(separator);
  if (cells.length !== width) throw new BadLine(`it has ${cells.length} fields, not ${width}`);
  return (field) => {
    const value = cells[places.get(field) ?? -1];
    return value === unset || value === empty ? undefined : value;
  };
}

/** Reads one line after the other; undefined for what is no data. Throws NotConnLog for another log's header. */
export function zeekReader(): (text: string) => Read | undefined {
  const header: Header = { separator: '\t', unset: '-', empty: '(empty)', places: undefined, width: 0 };
  return (text) => {
    if (text === '') return undefined;
    if (text.startsWith('#')) {
      readHeader(text, header);
      const lacks = needed.filter((field) => header.places?.has(field) === false);
      if (lacks.length > 0) throw new NotConnLog(`its #fields lack ${lacks.join(', ')}`);
      return undefined;
    }
    try {
      return connectionOf(text.startsWith('{') ? jsonGet(text) : rowGet(text, header));
    } catch (error) {
      if (error instanceof BadLine) return { is: 'bad', problem: error.message };
      throw error;
    }
  };
}
