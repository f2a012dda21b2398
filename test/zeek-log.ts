/** Zeek's conn.log as Zeek writes it, made up: its totals are known. */

import { gzipSync } from 'node:zlib';

export interface ZeekLine {
  readonly ts: number;
  readonly uid: string;
  readonly 'id.orig_h': string;
  readonly 'id.orig_p': number;
  readonly 'id.resp_h': string;
  readonly 'id.resp_p': number;
  readonly proto: string;
  readonly service?: string;
  readonly duration?: number;
  readonly orig_bytes?: number;
  readonly resp_bytes?: number;
  readonly conn_state: string;
  readonly history?: string;
  readonly orig_pkts?: number;
  readonly resp_pkts?: number;
}

const types: Readonly<Record<keyof ZeekLine, string>> = {
  ts: 'time',
  uid: 'string',
  'id.orig_h': 'addr',
  'id.orig_p': 'port',
  'id.resp_h': 'addr',
  'id.resp_p': 'port',
  proto: 'enum',
  service: 'string',
  duration: 'interval',
  orig_bytes: 'count',
  resp_bytes: 'count',
  conn_state: 'string',
  history: 'string',
  orig_pkts: 'count',
  resp_pkts: 'count',
};
const fields = Object.keys(types) as (keyof ZeekLine)[];

const header = [
  '#separator \\x09',
  '#set_separator\t,',
  '#empty_field\t(empty)',
  '#unset_field\t-',
  '#path\tconn',
  '#open\t2026-11-25-09-00-00',
  `#fields\t${fields.join('\t')}`,
  `#types\t${Object.values(types).join('\t')}`,
];

function cell(line: ZeekLine, field: keyof ZeekLine): string {
  const value = line[field];
  if (value === undefined) return '-';
  return field === 'ts' || field === 'duration' ? (value as number).toFixed(6) : String(value);
}

/** The rows begin in line 9. */
export const headerLines = header.length;

export function zeekTsv(lines: readonly ZeekLine[]): string {
  const rows = lines.map((line) => fields.map((field) => cell(line, field)).join('\t'));
  return `${[...header, ...rows, '#close\t2026-11-25-10-00-00'].join('\n')}\n`;
}

export function zeekJson(lines: readonly ZeekLine[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}

export function packed(text: string): Buffer {
  return gzipSync(text);
}

/** TCP from 10.0.0.1 to 10.0.0.9:443, closed by both. */
export function zeekLine(change: Partial<ZeekLine> = {}): ZeekLine {
  return {
    ts: Date.UTC(2026, 10, 25, 9) / 1000,
    uid: 'CHhAvVGS1DHFjwGM9',
    'id.orig_h': '10.0.0.1',
    'id.orig_p': 40_000,
    'id.resp_h': '10.0.0.9',
    'id.resp_p': 443,
    proto: 'tcp',
    service: 'ssl',
    duration: 1.5,
    orig_bytes: 100,
    resp_bytes: 2000,
    conn_state: 'SF',
    history: 'ShADadFf',
    orig_pkts: 5,
    resp_pkts: 6,
    ...change,
  };
}
