/**
 * How far the clock of each agent is off the hub's: from when its records were sent (or, where that is not
 * said, when its windows ended) and when they came. What comes late looks like a clock that is behind: as
 * with NTP's filter the smallest of the last differences counts, for it has the least delay in it.
 *
 * Owns the last differences of every agent (`sourcesMax`), and `clocks.json` in the folder of the journal:
 * corrections outlive the hub. What was stored is never corrected again.
 */

import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import type { Log } from '../../lib/log.ts';
import { lruMap } from '../../lib/lru.ts';
import type { ClockReading } from '../../model/row/cells.ts';
import { fieldOf, type LogRecord, type Value } from '../../model/row/record.ts';
import { sourceOf } from './ledger.ts';

export const clockLimits = {
  sourcesMax: 10_000,
  /** Differences that are kept of each agent. */
  samplesMax: 8,
  /** So many that agree tell that the clock was set. */
  agreeingMin: 3,
  /** Closer together they are one. */
  apartMsMin: 500,
  /** Far above what a collector between agent and hub keeps records for. */
  correctedMsMin: 15_000,
  /** A correction stays what it is for less: windows shall follow each other without gaps. */
  changeMsMin: 2000,
  /** What is further off is no clock but a mistake; a sender's word is worth more than a window's time. */
  sentMsMax: 24 * 3_600_000,
  endedMsMax: 3_600_000,
} as const;

/** `atMs`: by the sender's clock; `offMs`: what the hub's had more. */
interface Sample {
  readonly atMs: number;
  offMs: number;
}

export interface Clocks {
  /** Learns from the records of one request, which came at `nowMs`. */
  look(records: readonly LogRecord[], nowMs: number): void;
  readonly of: (record: LogRecord) => ClockReading;
}

const [bootField, instanceField, endField] = ['boot.id', 'agent.instance', 'window.end'].map(fieldOf) as [
  number,
  number,
  number,
];

function textOf({ fields, resource }: LogRecord, field: number): string {
  const value: Value = fields[field] ?? resource[field];
  return typeof value === 'string' ? value : '';
}

function sourceOfRecord(record: LogRecord): string {
  return sourceOf({
    bootId: textOf(record, bootField),
    instance: textOf(record, instanceField),
    sequence: 0,
  });
}

/** Its resource says whose it is. */
function isOfResource({ fields }: LogRecord): boolean {
  return fields[bootField] === undefined && fields[instanceField] === undefined;
}

/** By when it was sent, or made; undefined where that says nothing. */
function sampleOf(record: LogRecord, nowMs: number): Sample | undefined {
  const { observedMs, eventName } = record;
  if (observedMs === 0 && eventName !== 'sonde.window') return undefined;
  const [atMs, offMsMax] =
    observedMs > 0
      ? [observedMs, clockLimits.sentMsMax]
      : [Date.parse(textOf(record, endField)), clockLimits.endedMsMax];
  const offMs = nowMs - atMs;
  return Math.abs(offMs) <= offMsMax ? { atMs, offMs } : undefined; // NaN is nothing either
}

function spread(values: readonly number[]): number {
  return Math.max(...values) - Math.min(...values);
}

/**
 * Undefined where it cannot be told yet. A clock that is ahead shows at once: nothing comes before it was
 * sent. One that is behind is off by the same time again and again, while of records that waited each has
 * waited less than the one before.
 */
export function offsetOf(samples: readonly Sample[]): number | undefined {
  const last = samples.slice(-clockLimits.agreeingMin);
  const agree =
    last.length === clockLimits.agreeingMin &&
    spread(last.map(({ offMs }) => offMs)) <= spread(last.map(({ atMs }) => atMs)) / 2;
  if (agree) return Math.min(...last.map(({ offMs }) => offMs));
  const smallest = Math.min(...samples.map(({ offMs }) => offMs));
  return smallest < 0 || smallest < clockLimits.correctedMsMin ? smallest : undefined;
}

function corrected(offsetMs: number, before: number): number {
  if (Math.abs(offsetMs) < clockLimits.correctedMsMin) return 0;
  return Math.abs(offsetMs - before) < clockLimits.changeMsMin ? before : Math.round(offsetMs);
}

function addSample(samples: Sample[], sample: Sample): void {
  const last = samples.at(-1);
  if (last && Math.abs(sample.atMs - last.atMs) < clockLimits.apartMsMin)
    last.offMs = Math.min(last.offMs, sample.offMs);
  else samples.push(sample);
  if (samples.length > clockLimits.samplesMax) samples.shift();
}

const kept = z.record(z.string(), z.number().int());

function readKept(file: string, log: Log): Readonly<Record<string, number>> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
  try {
    return kept.parse(JSON.parse(text));
  } catch {
    log.warn(`${file} cannot be read: clocks of agents are measured anew`);
    return {};
  }
}

/** By agent, those that are not 0; on disk. */
function openCorrections(folder: string, log: Log) {
  const file = join(folder, 'clocks.json');
  const corrections = new Map(Object.entries(readKept(file, log)));

  function write(): void {
    try {
      writeFileSync(`${file}.new`, `${JSON.stringify(Object.fromEntries(corrections))}\n`);
      renameSync(`${file}.new`, file);
    } catch (error) {
      log.warn(`${file} cannot be written: ${(error as Error).message}`);
    }
  }

  return {
    of: (source: string) => corrections.get(source) ?? 0,
    set(source: string, correctionMs: number): void {
      corrections.delete(source);
      if (correctionMs !== 0) corrections.set(source, correctionMs);
      const [oldest] = corrections.keys();
      if (corrections.size > clockLimits.sourcesMax && oldest !== undefined) corrections.delete(oldest);
      write();
    },
  };
}

interface AgentClock {
  readonly samples: Sample[];
  reading: ClockReading;
}

export function openClocks(folder: string, log: Log): Clocks {
  const corrections = openCorrections(folder, log);
  const agents = lruMap<string, AgentClock>(clockLimits.sourcesMax);
  /** Most records of a request have one resource: of the last one. */
  let recent: { readonly resource: unknown; readonly reading: ClockReading } | undefined;

  function agentOf(source: string): AgentClock {
    const known = agents.get(source);
    if (known) return known;
    const correctionMs = corrections.of(source);
    const agent = { samples: [], reading: { offsetMs: correctionMs, correctionMs } };
    agents.set(source, agent);
    return agent;
  }

  function learn(source: string, sample: Sample): void {
    const agent = agentOf(source);
    addSample(agent.samples, sample);
    const offset = offsetOf(agent.samples);
    if (offset === undefined) return;
    const before = agent.reading.correctionMs;
    const correctionMs = corrected(offset, before);
    agent.reading = { offsetMs: Math.round(offset), correctionMs };
    if (correctionMs !== before) corrections.set(source, correctionMs);
  }

  return {
    look(records, nowMs) {
      recent = undefined;
      let last: LogRecord | undefined;
      for (const record of records) {
        const isLikeLast = record.resource === last?.resource && record.observedMs === last.observedMs;
        if (isLikeLast && record.observedMs > 0 && isOfResource(record)) continue;
        last = record;
        const sample = sampleOf(record, nowMs);
        if (sample) learn(sourceOfRecord(record), sample);
      }
    },
    of(record) {
      const isPlain = isOfResource(record);
      if (isPlain && record.resource === recent?.resource) return recent.reading;
      const { reading } = agentOf(sourceOfRecord(record));
      if (isPlain) recent = { resource: record.resource, reading };
      return reading;
    },
  };
}
