/** sonde import: recorded traffic into a hub, as if an agent had seen it. */

import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { systemClock } from '../../lib/clock.ts';
import { exitCodes, OperatorError } from '../../lib/errors.ts';
import { formatDuration, parseDurationMs } from '../../lib/units.ts';
import type { Command, CommandContext, Values } from '../command.ts';
import { defaultHub, fetchRetention, type HubOptions } from '../hub-client.ts';
import { recordsOf, surveyLog, type HostOf, type Survey, type Telling } from './import/log.ts';
import { checkTimes, newSender, type Sent } from './import/send.ts';
import { windowMs } from './import/sums.ts';
import { keptLine, sentLines, surveyLines } from './import/told.ts';

function text(values: Values, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}

function refuse(problem: string): never {
  throw new OperatorError('usage.bad_value', { command: 'import', problem });
}

/** Behind the last record, so that none is in the future of a hub with another clock. */
const marginMs = 10_000;

/** In whole windows: rows stay what they are. */
function shiftMsOf(values: Values, surveys: readonly Survey[]): number {
  const shift = text(values, 'shift');
  if (shift === undefined) return 0;
  const whole = (ms: number): number => Math.floor(ms / windowMs) * windowMs;
  if (shift === 'now') {
    const lastMs = Math.max(...surveys.map((survey) => survey.lastMs));
    return whole(systemClock.wallMs() - marginMs - lastMs);
  }
  const ms = parseDurationMs(shift);
  if (ms !== undefined && ms % windowMs === 0) return ms;
  return refuse(`--shift ${shift} is neither now nor a duration in whole 10 s, such as 364d`);
}

interface Progress {
  readonly read: (bytes: number) => void;
  readonly end: () => void;
}

/** A line that is written again and again, on a terminal only. */
function newProgress(what: string, bytesAll: number): Progress {
  const { stderr } = process;
  let percent = -1;
  return {
    read(bytes) {
      const now = bytesAll === 0 ? 100 : Math.floor((100 * bytes) / bytesAll);
      if (!stderr.isTTY || now === percent) return;
      percent = now;
      stderr.write(`\r${what} ${percent} %`);
    },
    end() {
      if (percent >= 0) stderr.write('\r\u001b[K');
    },
  };
}

function hubOf(values: Values, signal: AbortSignal): HubOptions {
  return { url: text(values, 'hub') ?? process.env['SONDE_HUB'] ?? defaultHub, signal };
}

function hostOfOption(host: string | undefined): HostOf {
  return host === undefined ? ({ originator }) => originator : () => host;
}

function sizeOf(file: string): number {
  try {
    const found = statSync(file);
    if (found.isFile()) return found.size;
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new OperatorError('import.file', { file, reason }, { cause: error });
  }
  throw new OperatorError('import.file', { file, reason: 'it is no file' });
}

async function survey(file: string, hostOf: HostOf, signal: AbortSignal): Promise<Survey> {
  const progress = newProgress('reading', sizeOf(file));
  try {
    return await surveyLog(file, hostOf, { signal, onRead: progress.read });
  } finally {
    progress.end();
  }
}

/** The log's content names it; and the node, for with another one it is told otherwise. */
function bootIdOf({ hash }: Survey, host: string | undefined): string {
  const of = host === undefined ? hash : createHash('sha256').update(`${hash}\n${host}`).digest('hex');
  return `zeek-${of.slice(0, 32)}`;
}

interface Plan {
  readonly hub: HubOptions;
  readonly telling: Omit<Telling, 'making'>;
  readonly host: string | undefined;
  readonly environment: string;
  readonly shiftMs: number;
}

async function send(log: Survey, plan: Plan): Promise<Sent> {
  const { hub, shiftMs, environment } = plan;
  const firstWindow = Math.floor(log.firstMs / windowMs);
  const making = { bootId: bootIdOf(log, plan.host), environment, shiftMs, firstWindow };
  const progress = newProgress('sending', sizeOf(log.file));
  const sender = newSender(hub, systemClock);
  try {
    const options = { signal: hub.signal, onRead: progress.read };
    for await (const records of recordsOf(log, { ...plan.telling, making }, options)) {
      await sender.send(records);
    }
    await sender.end();
  } finally {
    progress.end();
  }
  return sender.sent;
}

interface Importing {
  readonly surveys: readonly Survey[];
  readonly plan: Plan;
  readonly retention: Readonly<Record<string, string>>;
}

/** Whether all of it was stored, now or before. */
async function sendAll(
  { surveys, plan, retention }: Importing,
  { stdout }: CommandContext,
): Promise<boolean> {
  const { shiftMs } = plan;
  let isWhole = true;
  for (const log of surveys) {
    const sent = await send(log, plan);
    const kept = keptLine(log.firstMs + shiftMs, systemClock.wallMs(), retention);
    stdout.write(`${[...sentLines(log.file, sent), ...kept].join('\n')}\n`);
    isWhole &&= sent.rejected + sent.outside === 0;
  }
  return isWhole;
}

/** Says what is in each; those in which there is something come back. */
async function surveyAll(
  files: readonly string[],
  hostOf: HostOf,
  { stdout, signal }: CommandContext,
): Promise<{ readonly surveys: readonly Survey[]; readonly isRead: boolean }> {
  const found: Survey[] = [];
  for (const file of files) {
    const log = await survey(file, hostOf, signal);
    stdout.write(`${surveyLines(log).join('\n')}\n`);
    found.push(log);
  }
  const surveys = found.filter(({ connections }) => connections > 0);
  return { surveys, isRead: surveys.length > 0 && found.every(({ bad }) => bad === 0) };
}

/** Throws what says that nothing of a log could be taken. */
function planned(surveys: readonly Survey[], { values, say, signal }: CommandContext): Plan {
  const shiftMs = shiftMsOf(values, surveys);
  if (shiftMs !== 0) say(`sonde: times are moved by ${formatDuration(Math.abs(shiftMs))} (--shift)`);
  for (const { file, firstMs, lastMs } of surveys) {
    const times = { file, firstMs: firstMs + shiftMs, lastMs: lastMs + shiftMs };
    checkTimes(times, systemClock.wallMs());
  }
  const host = text(values, 'host');
  return {
    hub: hubOf(values, signal),
    telling: { hostOf: hostOfOption(host), allEvents: values['all-events'] === true },
    host,
    environment: text(values, 'environment') ?? 'imported',
    shiftMs,
  };
}

async function run(context: CommandContext): Promise<number> {
  const { values, word, more = [], say, signal } = context;
  if (word === undefined) return refuse('name the files to import');
  const isDry = values['dry-run'] === true;
  // A hub that is not there is better known before a long log is read.
  const retention = isDry ? {} : await fetchRetention(hubOf(values, signal));
  const hostOf = hostOfOption(text(values, 'host'));
  const { surveys, isRead } = await surveyAll([word, ...more], hostOf, context);
  if (surveys.length === 0) say('sonde: there is no connection to import');
  if (isDry || surveys.length === 0) return isRead ? exitCodes.ok : exitCodes.degraded;
  const plan = planned(surveys, context);
  const isWhole = await sendAll({ surveys, plan, retention }, context);
  return isRead && isWhole ? exitCodes.ok : exitCodes.degraded;
}

export const command: Command = {
  name: 'import',
  summary: 'recorded traffic, from conn.log files of Zeek, into a hub',
  word: { name: 'FILE…', help: 'tab-separated or JSON, plain or gzip; complete ones only', many: true },
  options: {
    host: {
      type: 'string',
      value: 'NAME',
      help: 'host.name of all of it; the originator’s address by default',
    },
    environment: { type: 'string', value: 'NAME', help: 'environment of all of it (imported)' },
    shift: {
      type: 'string',
      value: 'TIME',
      help: 'later by that much, such as 364d; now: so that it ends now',
    },
    'all-events': { type: 'boolean', help: 'each connection singly too, not only those that failed' },
    'dry-run': { type: 'boolean', help: 'only say what is in them' },
    hub: { type: 'string', value: 'URL', help: `where to; SONDE_HUB, or ${defaultHub}` },
  },
  notes: [
    'The same file again is not counted twice. Exit code 1: lines could not be read, or records not stored.',
    'docs/operating/import-export.md says how Zeek’s states are told, and what becomes of old times.',
  ],
  run,
};
