/**
 * One JSON object per line, on standard output or in a rotating file. A file is written through to the disk
 * before its records count as delivered. A line that a crash cut short is removed when the file is opened
 * again, and what is in the file already is not written a second time.
 */

import {
  closeSync,
  constants,
  ftruncateSync,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import type { Clock } from '../../../lib/clock.ts';
import { bytes } from '../../../lib/schema.ts';
import { jsonLine } from '../../../lib/terminal.ts';
import type { NumberedRecord } from '../../../model/record.ts';
import { nameModes, recognised, rendered, type Names } from '../../../model/rendering.ts';
import type { Exporter, OpenExporter } from '../exporter.ts';

const schema = z
  .strictObject({
    path: z.string().min(1).default('-').meta({ description: 'file to append to; - is standard output' }),
    max_size: bytes({ min: '64KiB', max: '64GiB', default: '100MB' }).meta({
      description: 'rotate beyond this size',
    }),
    keep: z
      .int()
      .min(0)
      .max(1000)
      .default(5)
      .meta({ description: 'rotated files to keep: PATH.1 is the newest' }),
    names: z.enum(nameModes).default('canonical').meta({
      description:
        'of fields ([records](records.md#under-other-names)): our own, OpenTelemetry\u2019s or ECS\u2019s, with the required labels under our own too',
    }),
  })
  .meta({ description: 'records as JSON lines' });

/** Addresses and users are in it: for the owner and the group. */
const mode = 0o640;

type Options = z.output<typeof schema>;

/** Text of one write: a batch is never one giant string. */
const chunkBytes = 64 * 1024;

function* toChunks(records: readonly NumberedRecord[], names: Names): Generator<Buffer> {
  let text = '';
  for (const record of records) {
    text += `${jsonLine(rendered(record, names))}\n`;
    if (text.length < chunkBytes) continue;
    yield Buffer.from(text);
    text = '';
  }
  if (text !== '') yield Buffer.from(text);
}

function openStream(stream: NodeJS.WritableStream, names: Names): OpenExporter {
  const write = (bytes: Buffer): Promise<void> =>
    new Promise((resolve, reject) => {
      stream.write(bytes, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  return {
    async deliver(records) {
      let bytes = 0;
      for (const chunk of toChunks(records, names)) {
        await write(chunk);
        bytes += chunk.length;
      }
      return { settled: records.length, bytes };
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** How often a reader that takes nothing is asked again: at first, and at most. */
const askAgainMs = { first: 1, max: 50 } as const;

/**
 * A pipe or a terminal whose reader may stop (a pager, Ctrl-S). Node would stand still with the terminal, and
 * not end before the pipe is read: here it is opened once more, to be asked whether it takes something.
 */
async function openPatient(clock: Clock, names: Names): Promise<OpenExporter> {
  const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
  const file = await open('/proc/self/fd/1', O_WRONLY | O_NONBLOCK | O_NOCTTY);

  async function writeAll(bytes: Buffer, signal: AbortSignal): Promise<void> {
    let pauseMs: number = askAgainMs.first;
    for (let written = 0; written < bytes.length;) {
      try {
        written += (await file.write(bytes, written)).bytesWritten;
        pauseMs = askAgainMs.first;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EPIPE') process.stdout.emit('error', error); // whoever listens there ends us
        if (code !== 'EAGAIN') throw error;
        await clock.sleep(pauseMs, signal);
        pauseMs = Math.min(askAgainMs.max, pauseMs * 2);
      }
    }
  }

  return {
    async deliver(records, signal) {
      let bytes = 0;
      for (const chunk of toChunks(records, names)) {
        await writeAll(chunk, signal);
        bytes += chunk.length;
      }
      return { settled: records.length, bytes };
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}

async function openStdout(clock: Clock, names: Names): Promise<OpenExporter> {
  const kind = fstatSync(1);
  if (!kind.isFIFO() && !process.stdout.isTTY) return openStream(process.stdout, names);
  try {
    return await openPatient(clock, names);
  } catch {
    return openStream(process.stdout, names); // another user's terminal: as Node does it
  }
}

/** The place behind the last newline before `end`; 0 if there is none. */
function behindNewline(fd: number, end: number): number {
  const chunk = Buffer.alloc(chunkBytes);
  for (let to = end; to > 0;) {
    const from = Math.max(0, to - chunk.length);
    const length = readSync(fd, chunk, 0, to - from, from);
    const newline = chunk.subarray(0, length).lastIndexOf(0x0a);
    if (newline >= 0) return from + newline + 1;
    to = from;
  }
  return 0;
}

/** The last record that a file has: with its boot and instance it says which ones are in it already. */
interface Mark {
  readonly bootId: unknown;
  readonly instance: unknown;
  readonly sequence: number;
}

/** Longer than the longest closing record: 1,024 namespaces at 1 kB each. */
const lineBytesMax = 8 << 20;

const noMark: Mark = { bootId: undefined, instance: undefined, sequence: -1 };

function lastMark(fd: number, size: number): Mark | undefined {
  const start = behindNewline(fd, size - 1);
  if (size === 0 || size - start > lineBytesMax) return undefined;
  const line = Buffer.alloc(size - start);
  readSync(fd, line, 0, line.length, start);
  try {
    const { record = {} } = recognised(JSON.parse(line.toString('utf8'))) ?? {};
    const { 'boot.id': bootId, 'agent.instance': instance, 'record.sequence': sequence } = record;
    return typeof sequence === 'number' ? { bootId, instance, sequence } : undefined;
  } catch {
    return undefined; // not a line of ours
  }
}

interface Found {
  readonly size: number;
  readonly mark: Mark | undefined;
}

/** Cuts a file behind its last whole line, and looks what that is. */
function repair(path: string): Found {
  const fd = openSync(path, 'a+', mode);
  try {
    const { size } = fstatSync(fd);
    const whole = behindNewline(fd, size);
    if (whole < size) ftruncateSync(fd, whole);
    return { size: whole, mark: lastMark(fd, whole) };
  } finally {
    closeSync(fd);
  }
}

/** The last line of the file that was rotated away last, where the new one has none yet. */
function rotatedMark(path: string): Mark | undefined {
  try {
    const fd = openSync(`${path}.1`, 'r');
    try {
      return lastMark(fd, fstatSync(fd).size);
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined; // there is none
  }
}

function isWritten(record: NumberedRecord, mark: Mark): boolean {
  return (
    record['boot.id'] === mark.bootId &&
    record['agent.instance'] === mark.instance &&
    record['record.sequence'] <= mark.sequence
  );
}

function rotate({ path, keep }: Options): void {
  rmSync(`${path}.${String(keep)}`, { force: true });
  for (let i = keep - 1; i >= 1; i--) {
    try {
      renameSync(`${path}.${String(i)}`, `${path}.${String(i + 1)}`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  if (keep > 0) renameSync(path, `${path}.1`);
  else rmSync(path);
}

/** Makes the file's folder, and no more: a path that is far from existing is more likely a slip. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

async function openFile(options: Options): Promise<OpenExporter> {
  await makeFolder(dirname(options.path));
  const found = repair(options.path);
  let { size } = found;
  const rotated = size === 0 && options.keep > 0 ? rotatedMark(options.path) : undefined;
  const mark = found.mark ?? rotated ?? noMark;
  let file: FileHandle = await open(options.path, 'a', mode);

  async function append(chunks: readonly Buffer[]): Promise<void> {
    try {
      for (const chunk of chunks) await file.appendFile(chunk);
      await file.datasync();
    } catch (error) {
      await file.truncate(size); // no half line: the next try would go on behind it
      throw error;
    }
  }

  return {
    async deliver(records) {
      const chunks = [
        ...toChunks(
          records.filter((record) => !isWritten(record, mark)),
          options.names,
        ),
      ];
      const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      if (size > 0 && size + length > options.max_size) {
        rotate(options);
        const next = await open(options.path, 'a', mode);
        await file.close();
        [file, size] = [next, 0];
      }
      if (length > 0) await append(chunks);
      size += length;
      return { settled: records.length, bytes: length };
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}

export const exporter: Exporter<typeof schema> = {
  name: 'jsonl',
  summary: 'JSON lines on standard output or in a rotating file',
  schema,
  open: (options, { clock }) => (options.path === '-' ? openStdout(clock, options.names) : openFile(options)),
};
