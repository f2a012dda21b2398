/** The lines of a file, plain or gzip, and a hash of all that is in it. A line too long to be one is passed over. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { OperatorError } from '../../../lib/errors.ts';
import { isGzip } from '../../gzip.ts';

/** Bytes. Zeek's longest are far below it. */
export const lineMax = 65_536;

const chunkBytes = 262_144;
const newline = 0x0a;
const carriageReturn = 0x0d;

export interface Line {
  /** From 1 on. */
  readonly number: number;
  /** Undefined where it is longer than `lineMax`. */
  readonly text: string | undefined;
}

/** Holds no more than one line, whatever comes. */
function lineSplitter() {
  let rest: Buffer = Buffer.alloc(0);
  let isTooLong = false;
  let number = 0;

  function take(bytes: Buffer): Line {
    const long = isTooLong || bytes.length > lineMax;
    isTooLong = false;
    const end = bytes.at(-1) === carriageReturn ? bytes.length - 1 : bytes.length;
    return { number: ++number, text: long ? undefined : bytes.toString('utf8', 0, end) };
  }

  return {
    push(chunk: Buffer): Line[] {
      const data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const lines: Line[] = [];
      let at = 0;
      for (let end = data.indexOf(newline); end >= 0; end = data.indexOf(newline, at)) {
        lines.push(take(data.subarray(at, end)));
        at = end + 1;
      }
      rest = data.subarray(at);
      if (rest.length > lineMax) {
        isTooLong = true;
        rest = Buffer.alloc(0);
      }
      return lines;
    },
    /** What is left without an end. */
    end: (): Line[] => (rest.length > 0 || isTooLong ? [take(rest)] : []),
  };
}

export interface LinesOptions {
  readonly signal: AbortSignal;
  /** Bytes of the file that were read, as it is on disk. */
  readonly onRead?: ((bytes: number) => void) | undefined;
}

export interface FileLines {
  /** As many as came at once. */
  readonly lines: AsyncIterable<readonly Line[]>;
  /** Of what is in it, unpacked. Asked once, when the lines are over. */
  readonly hash: () => string;
}

function open(file: string, { signal, onRead }: LinesOptions): Readable {
  const isPacked = isGzip(file);
  const bytes = createReadStream(file, { signal, highWaterMark: chunkBytes });
  bytes.on('data', () => onRead?.(bytes.bytesRead));
  if (!isPacked) return bytes;
  const unpacked = createGunzip({ chunkSize: chunkBytes });
  bytes.once('error', (error) => unpacked.destroy(error));
  return bytes.pipe(unpacked);
}

function refused(file: string, error: unknown): OperatorError {
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (code === 'Z_BUF_ERROR') return new OperatorError('import.cut_off', { file }, { cause: error });
  return new OperatorError('import.file', { file, reason: code || message }, { cause: error });
}

/** Iterating throws import.file and import.cut_off. */
export function linesOf(file: string, options: LinesOptions): FileLines {
  const hash = createHash('sha256');
  const splitter = lineSplitter();
  async function* read(): AsyncGenerator<readonly Line[]> {
    try {
      for await (const chunk of open(file, options)) {
        hash.update(chunk as Buffer);
        yield splitter.push(chunk as Buffer);
      }
    } catch (error) {
      options.signal.throwIfAborted();
      throw refused(file, error);
    }
    yield splitter.end();
  }
  return { lines: read(), hash: () => hash.digest('hex') };
}
