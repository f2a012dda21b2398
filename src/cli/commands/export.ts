/** sonde export: rows of a hub's store, as NDJSON or Parquet. */

import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createInterface } from 'node:readline';
import { exitCodes, isOperatorError, OperatorError } from '../../lib/errors.ts';
import { printable, safeJson } from '../../lib/terminal.ts';
import { formatBytes } from '../../lib/units.ts';
import { exportFormats, exportTables, type ExportFormat } from '../../question/export.ts';
import type { Command, CommandContext, Output, Values } from '../command.ts';
import { defaultHub, fetchStream, type HubOptions } from '../hub-client.ts';

function text(values: Values, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}

function refuse(problem: string): never {
  throw new OperatorError('usage.bad_value', { command: 'export', problem });
}

function formatOf(values: Values, out: string | undefined): ExportFormat {
  const asked = text(values, 'format') ?? 'ndjson';
  const format = exportFormats.find((each) => each === asked);
  if (format === undefined) return refuse(`--format is ${exportFormats.join(' or ')}, not ${asked}`);
  if (format === 'parquet' && out === undefined) return refuse('--format parquet needs --out FILE');
  return format;
}

function pathOf(values: Values, format: ExportFormat): string {
  const table = text(values, 'table') ?? 'flows';
  const names = ['since', 'from', 'to', 'host', 'environment'];
  const query = new URLSearchParams({ format });
  for (const name of names) {
    const value = text(values, name);
    if (value !== undefined) query.set(name, value);
  }
  return `/api/v1/export/${encodeURIComponent(table)}?${query.toString()}`;
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? (error as Error).message;
}

/** Of the two ends: a file has a code of the system, a body that broke off has none of those. */
const fileCodes = /^E(NOENT|ACCES|PERM|ISDIR|NOTDIR|NOSPC|ROFS|DQUOT|FBIG|IO|NAMETOOLONG|MFILE|XDEV)$/;

function broken(error: unknown, file: string | undefined): unknown {
  if (isOperatorError(error)) return error;
  const code = codeOf(error);
  if (file !== undefined && fileCodes.test(code)) {
    return new OperatorError('export.file', { file, reason: code }, { cause: error });
  }
  return new OperatorError('export.broken', { reason: code }, { cause: error });
}

/** Under another name until it is whole and on the disk: a file that is there is all of it. */
async function writeFile(out: string, body: Readable, signal: AbortSignal): Promise<number> {
  const part = `${out}.part`;
  const file = createWriteStream(part, { flush: true });
  try {
    await pipeline(body, file, { signal });
    await rename(part, out);
  } catch (error) {
    await rm(part, { force: true }).catch(() => 'it is said why it cannot be written');
    signal.throwIfAborted();
    throw broken(error, out);
  }
  return file.bytesWritten;
}

/** A terminal shows what is not seen as JSON can escape it; anything else gets the bytes as they are. */
async function print(body: Readable, stdout: Output): Promise<void> {
  try {
    if (!stdout.isTerminal) {
      body.setEncoding('utf8');
      for await (const chunk of body) stdout.write(chunk as string);
      return;
    }
    for await (const line of createInterface({ input: body, crlfDelay: Infinity })) {
      stdout.write(`${safeJson(line)}\n`);
    }
  } catch (error) {
    throw broken(error, undefined);
  }
}

async function run({ values, stdout, say, signal }: CommandContext): Promise<number> {
  const out = text(values, 'out');
  const path = pathOf(values, formatOf(values, out));
  const hub: HubOptions = { url: text(values, 'hub') ?? process.env['SONDE_HUB'] ?? defaultHub, signal };
  const body = await fetchStream(path, hub);
  if (out === undefined) await print(body, stdout);
  else say(`sonde: ${printable(out)} has ${formatBytes(await writeFile(out, body, signal))}`);
  return exitCodes.ok;
}

export const command: Command = {
  name: 'export',
  summary: 'rows of a hub’s store, as NDJSON or Parquet',
  options: {
    table: { type: 'string', value: 'NAME', help: 'which rows (flows); see below' },
    since: { type: 'string', value: 'TIME', help: 'how far back, such as 15m (1h)' },
    from: { type: 'string', value: 'WHEN', help: 'start instead, such as 2026-01-31T14:00:00Z' },
    to: { type: 'string', value: 'WHEN', help: 'end; now by default' },
    host: { type: 'string', value: 'NAME', help: 'only this host.name' },
    environment: { type: 'string', value: 'NAME', help: 'only this environment' },
    format: { type: 'string', value: 'WORD', help: `${exportFormats.join(' or ')} (ndjson)` },
    out: {
      type: 'string',
      value: 'FILE',
      help: 'where to, under that name when it is whole; standard output without it',
    },
    hub: { type: 'string', value: 'URL', help: `the hub to ask; SONDE_HUB, or ${defaultHub}` },
  },
  notes: [
    `Tables: ${Object.keys(exportTables).join(', ')}.`,
    'docs/reference/store.md says what a row of each is. They come in no order.',
  ],
  run,
};
