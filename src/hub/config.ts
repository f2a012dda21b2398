/** hub.yaml: its schema, and reading it. Every key has a default; a key that nobody knows is an error. */

import { join } from 'node:path';
import * as z from 'zod';
import { checkConfig, readYaml } from '../lib/config-file.ts';
import { isLoopbackAddress } from '../lib/loopback.ts';
import { bytes, duration } from '../lib/schema.ts';

const portMax = 65_535;

/** `127.0.0.1:7400`, `[::1]:7400`. */
const listen = z
  .string()
  .transform((text, context) => {
    const [, bracketed, plain = '', port = ''] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
    const host = bracketed ?? plain;
    if (host === '' || Number(port) > portMax) {
      context.addIssue({
        code: 'custom',
        message: `must be ADDRESS:PORT, such as 127.0.0.1:7400; got ${text}`,
      });
      return z.NEVER;
    }
    if (!isLoopbackAddress(host)) {
      const message = `${host} is not a loopback address, and the hub asks nobody yet who they are`;
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    }
    return { host, port: Number(port) };
  })
  .prefault('127.0.0.1:7400')
  .meta({
    description: 'address of page, API and OTLP; only loopback, as long as nobody must say who they are',
  });

const store = z
  .strictObject({
    url: z
      .url({ protocol: /^https?$/, error: 'must be the http or https address of a ClickHouse' })
      .meta({ description: 'HTTP interface of your ClickHouse, such as https://clickhouse.example:8443' }),
    username: z.string().min(1).default('default').meta({ description: 'creates the tables and fills them' }),
    password_file: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'file with the password; none without it' }),
    database: z
      .string()
      .regex(/^[A-Za-z_]\w{0,63}$/, 'must be a name of letters, digits and _')
      .default('sonde')
      .meta({ description: 'is created when it is not there' }),
  })
  .optional()
  .meta({ description: 'a ClickHouse of your own; without it the hub starts an embedded one' });

const embedded = z.strictObject({
  memory: bytes({ min: '256MiB', max: '1024GiB', default: '1GiB' }).meta({
    description: 'what the embedded ClickHouse may use',
  }),
});

const retention = z.strictObject({
  flows: duration({ min: '1h', max: '400d', default: '3d' }).meta({ description: 'windows as they came' }),
  minutes: duration({ min: '1h', max: '1000d', default: '30d' }).meta({ description: 'sums per minute' }),
  hours: duration({ min: '1d', max: '4000d', default: '400d' }).meta({ description: 'sums per hour' }),
  events: duration({ min: '1h', max: '400d', default: '3d' }).meta({ description: 'single connections' }),
});

const limits = z.strictObject({
  request: bytes({ min: '64KiB', max: '256MiB', default: '16MiB' }).meta({
    description: 'one request as it comes; larger ones get 413',
  }),
  inflated: bytes({ min: '64KiB', max: '1GiB', default: '64MiB' }).meta({
    description: 'one request inflated; larger ones get 413',
  }),
  in_flight: bytes({ min: '1MiB', max: '16GiB', default: '256MiB' }).meta({
    description: 'all requests under way; beyond it senders get 429 and send again',
  }),
  journal: bytes({ min: '1MiB', max: '1024GiB', default: '2GiB' }).meta({
    description: 'what may wait on disk for the store; beyond it senders get 429 and send again',
  }),
  request_time: duration({ min: '1s', max: '10m', default: '30s' }).meta({
    description: 'from the first byte of a request to its last',
  }),
  stop_time: duration({ min: '0s', max: '10m', default: '5s' }).meta({
    description: 'a stop waits so long for requests, then so long for the store; the journal keeps the rest',
  }),
});

export const hubSchema = z.strictObject({
  listen,
  data: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'folder of journal and embedded ClickHouse; $SONDE_STATE/hub, /var/lib/sonde/hub' }),
  store,
  embedded: embedded.prefault({}).meta({ description: 'the embedded ClickHouse' }),
  retention: retention.prefault({}).meta({ description: 'how long the store keeps what' }),
  limits: limits.prefault({}).meta({ description: 'what this hub takes' }),
});

export type HubConfig = z.output<typeof hubSchema>;

/** Checks a configuration and fills in the defaults. `file` is for the message only. */
export function parseHubConfig(value: unknown, file: string): HubConfig {
  return checkConfig(hubSchema, { value, file });
}

export function readHubConfig(file: string): HubConfig {
  return parseHubConfig(readYaml(file), file);
}

/** Where the hub keeps its journal and the embedded ClickHouse its data. */
export function dataFolder({ data }: HubConfig, environment: NodeJS.ProcessEnv = process.env): string {
  return data ?? join(environment['SONDE_STATE'] || '/var/lib/sonde', 'hub');
}
