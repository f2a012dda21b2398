/** Where OpenTelemetry data goes and how: options of each signal's exporter. */

import { readFileSync } from 'node:fs';
import { validateHeaderName, validateHeaderValue } from 'node:http';
import * as z from 'zod';
import { bytes, duration } from '../../../lib/schema.ts';
import { tlsSchema } from '../tls.ts';

export const protocols = ['http/protobuf', 'http/json', 'grpc'] as const;
export type Protocol = (typeof protocols)[number];

/** `standard` is where it goes if nobody says where. */
export function endpointSchema(standard: string, path: string): z.ZodDefault<z.ZodURL> {
  return z
    .url({ protocol: /^https?$/, error: 'must be a URL that starts with http:// or https://' })
    .refine((text) => new URL(text).password === '', 'must not hold a password: use headers_file')
    .default(standard)
    .meta({ description: `where to; over HTTP ${path} is added` });
}

/** What else says how it goes there. */
export const wireShape = {
  protocol: z
    .enum(protocols)
    .default('http/protobuf')
    .meta({ description: 'what a request is written in, and what it travels by' }),
  compression: z
    .enum(['gzip', 'zstd', 'none'])
    .default('gzip')
    .meta({ description: 'of requests; not every collector takes zstd, and gRPC does not' }),
  headers: z
    .record(z.string().min(1).max(256), z.string().max(8192))
    .default({})
    .meta({ description: 'to send with each request; secrets belong into headers_file' }),
  headers_file: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'a file with more of them, one `Name: value` per line' }),
  tls: tlsSchema.meta({ description: 'for an https endpoint' }),
  timeout: duration({ min: '100ms', max: '10m', default: '10s' }).meta({
    description: 'how long to wait for an answer before trying again',
  }),
  batch: bytes({ min: '1kB', max: '64MiB', default: '1MiB' }).meta({
    description: 'most bytes of a request before it is compressed, unless one record has more',
  }),
} as const;

export type WireOptions = z.output<z.ZodObject<typeof wireShape>> & { readonly endpoint: string };

/** What cannot be together with gRPC; `standard` is the endpoint that nobody named. */
export function grpcProblem(
  { protocol, endpoint, compression }: WireOptions,
  standard: string,
): { readonly path: keyof WireOptions; readonly message: string } | undefined {
  if (protocol !== 'grpc') return undefined;
  if (endpoint === standard)
    return { path: 'endpoint', message: `must be named for gRPC, which is not spoken at ${standard}` };
  if (new URL(endpoint).pathname !== '/')
    return { path: 'endpoint', message: 'must have no path: gRPC has none' };
  if (compression === 'zstd') return { path: 'compression', message: 'must be gzip or none with gRPC' };
  return undefined;
}

/** For superRefine: says what is wrong where it is. */
export function refuseGrpcProblem(
  standard: string,
): (options: WireOptions, context: z.RefinementCtx) => void {
  return (options, context) => {
    const problem = grpcProblem(options, standard);
    if (problem) context.addIssue({ code: 'custom', path: [problem.path], message: problem.message });
  };
}

function readHeaders(path: string): [string, string][] {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line, i) => {
      const colon = line.indexOf(':');
      // The line itself may be a secret.
      if (colon < 1) throw new Error(`${path}: header ${String(i + 1)} is not written as Name: value`);
      return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
    });
}

/** Throws for one that no request can have. */
export function headersOf({ headers, headers_file }: WireOptions): [name: string, value: string][] {
  const all = [...Object.entries(headers), ...(headers_file === undefined ? [] : readHeaders(headers_file))];
  for (const [name, value] of all) {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  }
  return all;
}
