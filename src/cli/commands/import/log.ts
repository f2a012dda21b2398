/** One log, read twice: what is in it, and then its records, in an order and under numbers that never change. */

import { OperatorError } from '../../../lib/errors.ts';
import type { ConnectionState } from '../../../model/connection.ts';
import type { NumberedRecord, SondeRecord } from '../../../model/record.ts';
import { newClosings } from './closing.ts';
import { linesOf, lineMax, type Line, type LinesOptions } from './lines.ts';
import { connectionRecord, flowRecord, type Making, type OneConnection } from './records.ts';
import { newSums, windowMs } from './sums.ts';
import { NotConnLog, zeekReader, type Connection, type Read } from './zeek.ts';

const limits = {
  /** Rows, and connections, that are held before they are told. What is told of a log depends on it. */
  heldMax: 20_000,
  examplesMax: 5,
} as const;

export interface BadExample {
  readonly line: number;
  readonly problem: string;
}

/** What is in a log. */
export interface Survey {
  readonly file: string;
  readonly hash: string;
  readonly lines: number;
  readonly connections: number;
  readonly states: Readonly<Partial<Record<ConnectionState, number>>>;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Of other protocols than TCP and UDP. */
  readonly others: number;
  readonly bad: number;
  /** The first of them. */
  readonly examples: readonly BadExample[];
  readonly hosts: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

interface Reading {
  readonly onConnection: (connection: Connection, line: number) => void;
  readonly onOther?: () => void;
  readonly onBad?: (example: BadExample) => void;
}

const tooLong: Read = { is: 'bad', problem: `it is longer than ${lineMax} bytes` };

function notOne(file: string, error: NotConnLog): OperatorError {
  return new OperatorError('import.file', { file, reason: error.message }, { cause: error });
}

/** Calls back for every line that says something. Yields where others may have a turn: the last line's number. */
async function* reading(
  file: string,
  batches: AsyncIterable<readonly Line[]>,
  { onConnection, onOther, onBad }: Reading,
): AsyncGenerator<number> {
  const read = zeekReader();
  const take = ({ number, text }: Line): void => {
    const of = text === undefined ? tooLong : read(text);
    if (of?.is === 'connection') onConnection(of.of, number);
    if (of?.is === 'other') onOther?.();
    if (of?.is === 'bad') onBad?.({ line: number, problem: of.problem });
  };
  for await (const batch of batches) {
    try {
      batch.forEach(take);
    } catch (error) {
      throw error instanceof NotConnLog ? notOne(file, error) : error;
    }
    yield batch.at(-1)?.number ?? 0;
  }
}

export type HostOf = (connection: Connection) => string;

/** Throws import.file and import.cut_off. */
export async function surveyLog(file: string, hostOf: HostOf, options: LinesOptions): Promise<Survey> {
  const states: Partial<Record<ConnectionState, number>> = {};
  const examples: BadExample[] = [];
  const hosts = new Set<string>();
  const counts = { connections: 0, others: 0, bad: 0, bytesSent: 0, bytesReceived: 0 };
  let [firstMs, lastMs, lines] = [Infinity, 0, 0];
  const { lines: batches, hash } = linesOf(file, options);
  const parts: Reading = {
    onConnection(of) {
      const { state } = of.outcome;
      counts.connections++;
      counts.bytesSent += of.bytesSent;
      counts.bytesReceived += of.bytesReceived;
      states[state] = (states[state] ?? 0) + 1;
      hosts.add(hostOf(of));
      firstMs = Math.min(firstMs, of.startMs);
      lastMs = Math.max(lastMs, of.endMs);
    },
    onOther() {
      counts.others++;
    },
    onBad(example) {
      counts.bad++;
      if (examples.length < limits.examplesMax) examples.push(example);
    },
  };
  for await (const number of reading(file, batches, parts)) lines = Math.max(lines, number);
  return { file, hash: hash(), lines, ...counts, states, examples, hosts: hosts.size, firstMs, lastMs };
}

/** `allEvents`: every connection is told singly; otherwise, as an agent does by default, those that failed. */
export interface Telling {
  readonly hostOf: HostOf;
  readonly allEvents: boolean;
  readonly making: Making;
}

function isFailure({ outcome: { state } }: Connection): boolean {
  return state !== 'closed' && state !== 'open';
}

type Number = (record: SondeRecord) => NumberedRecord;

function numbering(): Number {
  let sequence = 0;
  return (record) => ({ ...record, 'record.sequence': ++sequence });
}

/**
 * Single connections. Those that failed and those that did not have sources of their own, each without gaps:
 * what is asked for this time changes no number.
 */
function tellSingly({ allEvents, making }: Telling) {
  const [failures, others] = [numbering(), numbering()];
  return (one: OneConnection): NumberedRecord[] => {
    if (isFailure(one.of)) {
      return [failures(connectionRecord(one, { ...making, bootId: `${making.bootId}-failures` }))];
    }
    const record = others(connectionRecord(one, { ...making, bootId: `${making.bootId}-others` }));
    return allEvents ? [record] : [];
  };
}

/**
 * The same file gives the same records under the same `record.sequence`, whatever the time and the shift.
 * Throws import.changed where it is not the file that was surveyed.
 */
export async function* recordsOf(
  survey: Survey,
  telling: Telling,
  options: LinesOptions,
): AsyncGenerator<NumberedRecord[]> {
  const { hostOf, making } = telling;
  const sums = newSums();
  const closings = newClosings(survey.file, making);
  const singly = tellSingly(telling);
  const numbered = numbering();
  let held: OneConnection[] = [];

  function take(): NumberedRecord[] {
    const flows = sums.take().map((row) => {
      const record = flowRecord(row, making);
      closings.add(row, record);
      return numbered(record);
    });
    const events = held.flatMap(singly);
    held = [];
    return [...flows, ...events];
  }

  const { lines, hash } = linesOf(survey.file, options);
  let full: NumberedRecord[] = [];
  const onConnection = (of: Connection, line: number): void => {
    const host = hostOf(of);
    sums.add(of, host);
    held.push({ of, host, line });
    // By the line and not by what was read at once: so rows are the same next time.
    if (Math.max(sums.size(), held.length) >= limits.heldMax) full = [...full, ...take()];
  };
  for await (const _ of reading(survey.file, lines, { onConnection })) {
    if (full.length === 0) continue;
    yield full;
    full = [];
  }
  if (hash() !== survey.hash) throw new OperatorError('import.changed', { file: survey.file });
  yield take();
  const range = {
    first: Math.floor(survey.firstMs / windowMs),
    last: Math.floor(survey.lastMs / windowMs),
  };
  for (const record of closings.records(range)) {
    full.push(numbered(record));
    if (full.length < limits.heldMax) continue;
    yield full;
    full = [];
  }
  yield full;
}
