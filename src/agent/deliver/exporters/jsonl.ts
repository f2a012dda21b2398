/**
 * One JSON object per line, on standard output or in a rotating file. A file is written through to the disk
 * before a window counts as delivered; a line that a crash cut short is removed when the file is opened
 * again.
 */

import { closeSync, ftruncateSync, fstatSync, openSync, readSync, renameSync, rmSync } from 'node:fs';
import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import * as z from 'zod';
import { bytes } from '../../../lib/schema.ts';
import { jsonLine } from '../../../lib/terminal.ts';
import type { SondeRecord } from '../../../model/record.ts';
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
  })
  .meta({ description: 'records as JSON lines' });

/** Addresses and users are in it: for the owner and the group. */
const mode = 0o640;

type Options = z.output<typeof schema>;

function toLines(records: readonly SondeRecord[]): string {
  return records.map((record) => `${jsonLine(record)}\n`).join('');
}

function openStdout(): OpenExporter {
  return {
    deliver: (records) =>
      new Promise((resolve, reject) => {
        process.stdout.write(toLines(records), (error) => {
          if (error) reject(error);
          else resolve();
        });
      }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Cuts the file behind its last whole line. Returns its size then. */
function repair(path: string): number {
  const fd = openSync(path, 'a+', mode);
  try {
    const { size } = fstatSync(fd);
    const chunk = Buffer.alloc(64 * 1024);
    for (let end = size; end > 0;) {
      const start = Math.max(0, end - chunk.length);
      const length = readSync(fd, chunk, 0, end - start, start);
      const newline = chunk.subarray(0, length).lastIndexOf(0x0a);
      if (newline >= 0 || start === 0) {
        const whole = newline >= 0 ? start + newline + 1 : 0;
        if (whole < size) ftruncateSync(fd, whole);
        return whole;
      }
      end = start;
    }
    return size;
  } finally {
    closeSync(fd);
  }
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
  let size = repair(options.path);
  let file: FileHandle = await open(options.path, 'a', mode);
  return {
    async deliver(records) {
      const text = Buffer.from(toLines(records));
      if (size > 0 && size + text.length > options.max_size) {
        await file.close();
        rotate(options);
        file = await open(options.path, 'a', mode);
        size = 0;
      }
      try {
        await file.appendFile(text);
        if (records.some((record) => record['event.name'] === 'sonde.window')) await file.datasync();
      } catch (error) {
        await file.truncate(size); // no half line: the next batch would go on behind it
        throw error;
      }
      size += text.length;
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}

export const exporter: Exporter<typeof schema> = {
  name: 'jsonl',
  summary: 'JSON lines on standard output or in a rotating file',
  schema,
  open: (options) => (options.path === '-' ? Promise.resolve(openStdout()) : openFile(options)),
};
