/** hub.yaml: its schema, and reading it. Every key has a default; a key that nobody knows is an error. */

import { join } from 'node:path';
import * as z from 'zod';
import { checkConfig, readYaml } from '../lib/config-file.ts';
import { isLoopbackAddress } from '../lib/loopback.ts';
import { amount, bytes, duration, listenAddress } from '../lib/schema.ts';
import { detectSchema } from './detect/config.ts';
import { expectationsSchema } from './expect/config.ts';

const listen = listenAddress({
  default: '127.0.0.1:7400',
  problem: (host) =>
    isLoopbackAddress(host)
      ? undefined
      : `${host} is not a loopback address, and the hub asks nobody yet who they are`,
}).meta({
  description: 'address of page, API and OTLP; only loopback, as long as nobody must say who they are',
});

/** Those who start the hub are in other folders than it is: what is not absolute would be two places. */
const path = z.string().regex(/^\//, {
  error: ({ input }) => `must be an absolute path, such as /srv/sonde; got ${String(input)}`,
});

const address = z.url({ protocol: /^https?$/, error: 'must be the http or https address of a ClickHouse' });

const store = z
  .strictObject({
    url: address.meta({
      description: 'HTTP interface of your ClickHouse, such as https://clickhouse.example:8443',
    }),
    username: z.string().min(1).default('default').meta({ description: 'creates the tables and fills them' }),
    password_file: path.optional().meta({ description: 'file with the password; none without it' }),
    database: z
      .string()
      .regex(/^[A-Za-z_]\w{0,63}$/, 'must be a name of letters, digits and _')
      .default('sonde')
      .meta({ description: 'is created when it is not there' }),
    cluster: z
      .strictObject({
        name: z.string().min(1).meta({ description: 'as remote_servers of your ClickHouse calls it' }),
        urls: z
          .array(address)
          .min(1)
          .max(1000)
          .meta({ description: 'HTTP interface of every node: each gets its tables from the hub' }),
      })
      .optional()
      .meta({ description: 'tables are distributed over it' }),
    ask: z
      .strictObject({
        username: z.string().min(1).meta({ description: 'may only read' }),
        password_file: path.optional().meta({ description: 'file with its password; none without it' }),
      })
      .optional()
      .meta({ description: 'the user that questions are asked as; the one above without it' }),
    disk: amount({ min: '1MiB' }).optional().meta({
      description: "what Sonde's tables may take on each node; beyond it the oldest go. No limit without it",
    }),
  })
  .optional()
  .meta({ description: 'a ClickHouse of your own; without it the hub starts an embedded one' });

const embedded = z.strictObject({
  memory: bytes({ min: '256MiB', max: '1024GiB', default: '1GiB' }).meta({
    description: 'what the embedded ClickHouse may use',
  }),
  disk: amount({ min: '1MiB' }).prefault('75%').meta({
    description: 'what its tables may take, as a size or a share of the file system; beyond it the oldest go',
  }),
  disk_free: amount({ min: '0B' }).prefault('1GiB').meta({
    description: 'what is left free there; below it the oldest go, too',
  }),
});

const retention = z.strictObject({
  flows: duration({ min: '1h', max: '400d', default: '3d' }).meta({ description: 'windows as they came' }),
  minutes: duration({ min: '1h', max: '1000d', default: '30d' }).meta({
    description: 'sums per minute; as long as windows, at least',
  }),
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
  data: path
    .optional()
    .meta({ description: 'folder of journal and embedded ClickHouse; $SONDE_STATE/hub, /var/lib/sonde/hub' }),
  store,
  embedded: embedded.prefault({}).meta({ description: 'the embedded ClickHouse' }),
  retention: retention.prefault({}).meta({ description: 'how long the store keeps what' }),
  detect: detectSchema.prefault({}).meta({ description: 'what detectors find, and who is told' }),
  expectations: expectationsSchema,
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
