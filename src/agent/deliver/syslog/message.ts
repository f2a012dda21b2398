/**
 * A record as a message of RFC 5424. What it says is JSON: structured data would take a number that IANA
 * gives to enterprises, and SIEMs read JSON. No byte order mark stands before it, as few of them expect one.
 *
 * A record that is too long loses whole fields, the longest first, and says which: half a JSON text is none.
 */

import { jsonLine } from '../../../lib/terminal.ts';
import type { NumberedRecord } from '../../../model/record.ts';
import { rendered, type Names } from '../../../model/rendering.ts';

/** In the order of their codes; the four that systems do not agree about are left out. */
const codes =
  'kern user mail daemon auth syslog lpr news uucp cron authpriv ftp . . . . local0 local1 local2';
const facilityCodes: ReadonlyMap<string, number> = new Map(
  `${codes} local3 local4 local5 local6 local7`.split(' ').map((name, code) => [name, code]),
);
export const facilities = [...facilityCodes.keys()].filter((name) => name !== '.');

const severities = { warning: 4, notice: 5, informational: 6 } as const;

export interface MessageForm {
  readonly facility: string;
  readonly appName: string;
  /** Instead of the record's. */
  readonly hostname: string | undefined;
  readonly names: Names;
  readonly bytesMax: number;
}

export interface Message {
  readonly bytes: Buffer;
  /** Fields that it had no room for. */
  readonly leftOut: readonly string[];
}

/** What says which record it is, and of what. */
const identity: ReadonlySet<string> = new Set([
  'event.name',
  'time',
  'host.name',
  'boot.id',
  'agent.instance',
  'record.sequence',
  'connection.state',
  'destination.ip',
  'destination.port',
  'process.name',
  'window.number',
]);

function severityOf(record: NumberedRecord): number {
  switch (record['event.name']) {
    case 'sonde.listener':
    case 'sonde.address':
      return severities.notice;
    case 'sonde.window':
      return Object.keys(record.lost).length > 0 ? severities.warning : severities.informational;
    default: {
      const state = record['connection.state'];
      return state === 'open' || state === 'closed' ? severities.informational : severities.warning;
    }
  }
}

/** Printable ASCII without spaces; `-` where there is nothing. */
function headField(text: string, lengthMax: number): string {
  return text.replace(/[^\x21-\x7e]/g, '?').slice(0, lengthMax) || '-';
}

function headOf(record: NumberedRecord, form: MessageForm): string {
  const priority = (facilityCodes.get(form.facility) ?? 0) * 8 + severityOf(record);
  const host = headField(form.hostname ?? record['host.name'], 255);
  const message = headField(record['event.name'], 32);
  return `<${String(priority)}>1 ${record.time} ${host} ${form.appName} - ${message} - `;
}

/** The names themselves take room: so many are said, and how many more. */
const namesMax = 10;

function said(leftOut: readonly string[]): readonly string[] {
  const more = leftOut.length - namesMax;
  return more > 0 ? [...leftOut.slice(0, namesMax), `and ${String(more)} more`] : leftOut;
}

/** Undefined for a record that is too long even without what could be left out. */
export function messageOf(record: NumberedRecord, form: MessageForm): Message | undefined {
  const head = headOf(record, form);
  const whole = Buffer.from(head + jsonLine(rendered(record, form.names)));
  if (whole.length <= form.bytesMax) return { bytes: whole, leftOut: [] };
  const rest = new Map<string, unknown>(Object.entries(record));
  const length = (name: string): number => JSON.stringify(rest.get(name) ?? null).length;
  const longestFirst = Object.keys(record)
    .filter((name) => !identity.has(name))
    .sort((one, other) => length(other) - length(one));
  const leftOut: string[] = [];
  for (const name of longestFirst) {
    rest.delete(name);
    leftOut.push(name);
    const shorter = rendered(Object.fromEntries(rest) as unknown as NumberedRecord, form.names);
    const told = { ...shorter, 'sonde.truncated': said(leftOut) };
    const bytes = Buffer.from(head + jsonLine(told));
    if (bytes.length <= form.bytesMax) return { bytes, leftOut };
  }
  return undefined;
}
