/** Content encodings of a request, within a limit that holds while it is inflated: a bomb does not go off. */

import { promisify } from 'node:util';
import { gunzip, zstdDecompress } from 'node:zlib';
import { isOperatorError, OperatorError } from '../../lib/errors.ts';
import { formatBytes } from '../../lib/units.ts';
import { freeBytes } from '../../model/row/binary.ts';

/** Frames of one zstd body: an empty one takes 9 bytes of a request and 80 µs. Nobody's sender makes so many. */
const framesMax = 1000;

/** Each chunk of what comes out is a turn of a thread: as a rule a request is one. */
const chunkSize = 1 << 20;

interface Inflated {
  readonly buffer: Buffer;
  /** `bytesWritten`: of the body, how much was read. */
  readonly engine: { readonly bytesWritten: number };
}

const inflateFrame = promisify(zstdDecompress) as unknown as (
  body: Buffer,
  options: { readonly maxOutputLength: number; readonly chunkSize: number; readonly info: true },
) => Promise<Inflated>;

/** Frame by frame: Node ends with the first one (24.21) and says nothing of what comes behind it. */
async function inflateFrames(body: Buffer, bytesMax: number): Promise<Buffer> {
  const frames: Buffer[] = [];
  let [at, length] = [0, 0];
  do {
    if (frames.length === framesMax) throw new Error(`more than ${framesMax} frames`);
    const maxOutputLength = Math.max(1, bytesMax - length);
    const { buffer, engine } = await inflateFrame(body.subarray(at), {
      maxOutputLength,
      chunkSize,
      info: true,
    });
    frames.push(at === 0 ? buffer : Buffer.from(buffer)); // of many small ones each would keep a whole chunk
    length += buffer.length;
    at += engine.bytesWritten;
  } while (at < body.length && length <= bytesMax);
  if (length > bytesMax) throw tooLarge(bytesMax);
  return frames.length === 1 && frames[0] ? frames[0] : Buffer.concat(frames);
}

const inflateGzip = promisify<Buffer, { maxOutputLength: number; chunkSize: number }, Buffer>(gunzip);

const inflaters = {
  gzip: (body: Buffer, bytesMax: number) => inflateGzip(body, { maxOutputLength: bytesMax, chunkSize }),
  zstd: inflateFrames,
} as const;

function tooLarge(bytesMax: number): OperatorError {
  const max = formatBytes(bytesMax);
  return new OperatorError('request.too_large', {
    max,
    what: 'inflated',
    limit: 'limits.inflated in hub.yaml',
  });
}

/** Nobody reads it any more. It goes at once: what lies about until the collector comes is a hundred requests. */
export function release(inflated: Buffer): void {
  if (inflated.buffer.byteLength >= chunkSize) freeBytes(inflated); // a small one may share its memory
}

/** `encoding` is the Content-Encoding header. Throws request.compression, request.too_large and request.malformed. */
export async function inflate(
  body: Buffer,
  { encoding, bytesMax }: { readonly encoding: string | undefined; readonly bytesMax: number },
): Promise<Buffer> {
  const name = encoding?.trim().toLowerCase() || 'identity';
  if (name === 'identity' && body.length <= bytesMax) return body;
  if (name === 'identity') throw tooLarge(bytesMax);
  if (name !== 'gzip' && name !== 'zstd') throw new OperatorError('request.compression', { encoding: name });
  try {
    return await inflaters[name](body, bytesMax);
  } catch (error) {
    if (isOperatorError(error)) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(bytesMax);
    throw new OperatorError('request.malformed', { reason: `${name}: ${message}` }, { cause: error });
  }
}
