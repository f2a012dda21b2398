/** Content encodings of a request, within a limit that holds while it is inflated: a bomb does not go off. */

import { promisify } from 'node:util';
import { gunzip, zstdDecompress } from 'node:zlib';
import { OperatorError } from '../../lib/errors.ts';
import { formatBytes } from '../../lib/units.ts';

const inflaters = { gzip: promisify(gunzip), zstd: promisify(zstdDecompress) } as const;

function tooLarge(bytesMax: number): OperatorError {
  const max = formatBytes(bytesMax);
  return new OperatorError('request.too_large', {
    max,
    what: 'inflated',
    limit: 'limits.inflated in hub.yaml',
  });
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
    return await inflaters[name](body, { maxOutputLength: bytesMax });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(bytesMax);
    throw new OperatorError('request.malformed', { reason: `${name}: ${message}` }, { cause: error });
  }
}
