/**
 * What the engine is told: two files in its folder, written before every start; the packaged one has them no
 * longer than that. In XML: clickhouse-local ends without a word when it is given YAML (26.7).
 */
import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** New ones for every hub process: whoever read an old file has nothing. */
export interface EngineUsers {
  /** Creates and fills the tables. */
  readonly hub: Credentials;
  /** Asks, and can change and reach nothing. */
  readonly ask: Credentials;
}

export function makeUsers(): EngineUsers {
  const make = (username: string): Credentials => ({
    username,
    password: randomBytes(24).toString('base64url'),
  });
  return { hub: make('hub'), ask: make('ask') };
}

export interface EngineFiles {
  readonly server: string;
  readonly users: string;
  readonly log: string;
  /** What the process itself says, before and beside its log. */
  readonly output: string;
  readonly data: string;
}

export function engineFiles(folder: string): EngineFiles {
  return {
    server: join(folder, 'engine.xml'),
    users: join(folder, 'users.xml'),
    log: join(folder, 'engine.log'),
    output: join(folder, 'engine.out'),
    data: join(folder, 'data'),
  };
}

/** Engines that make a cluster have the same users, and each a TCP port: one shard each. */
export interface ClusterPart {
  readonly name: string;
  readonly users: EngineUsers;
  readonly tcpPort: number;
  readonly tcpPorts: readonly number[];
  /** Of a ZooKeeper on loopback: tables can then be Replicated…, each shard with one replica. */
  readonly zookeeperPort?: number;
}

export interface EngineConfiguration {
  readonly files: EngineFiles;
  readonly users: EngineUsers;
  readonly httpPort: number;
  readonly tcpPort?: number;
  readonly memoryMaxBytes: number;
  readonly cluster?: ClusterPart;
  /** Of a release whose defaults cost questions time; older ones do not know the settings. */
  readonly isNew: boolean;
}

type Leaf = string | number;
interface Tree {
  readonly [name: string]: Leaf | Tree | readonly (Leaf | Tree)[];
}

const mib = 2 ** 20;

function remoteServers({ name, users, tcpPorts }: ClusterPart): Tree {
  const shard = tcpPorts.map((port) => ({
    replica: { host: '127.0.0.1', port, user: users.hub.username, password: users.hub.password },
  }));
  return { [name]: { shard } };
}

function coordination({ tcpPort, tcpPorts, zookeeperPort }: ClusterPart): Tree {
  if (zookeeperPort === undefined) return {};
  return {
    zookeeper: { node: { host: '127.0.0.1', port: zookeeperPort } },
    macros: { shard: String(tcpPorts.indexOf(tcpPort) + 1), replica: 'only' },
    default_replica_path: '/clickhouse/tables/{shard}/{database}/{table}',
    default_replica_name: '{replica}',
  };
}

function serverConfiguration({
  files,
  users,
  httpPort,
  tcpPort,
  memoryMaxBytes,
  cluster,
}: EngineConfiguration): Tree {
  return {
    logger: {
      level: 'warning',
      log: files.log,
      errorlog: '',
      size: '10M',
      count: 2,
      console: 0,
    },
    path: `${files.data}/`,
    // A server's own defaults are folders of the machine.
    tmp_path: `${files.data}/tmp/`,
    user_files_path: `${files.data}/user_files/`,
    format_schema_path: `${files.data}/format_schemas/`,
    users_config: files.users,
    listen_host: '127.0.0.1',
    http_port: httpPort,
    ...(tcpPort === undefined ? {} : { tcp_port: tcpPort }),
    max_server_memory_usage: memoryMaxBytes,
    // Caches take their share of the above; the defaults assume a machine that has nothing else to do.
    mark_cache_size: Math.round(memoryMaxBytes / 16),
    uncompressed_cache_size: 0,
    index_mark_cache_size: Math.min(16 * mib, Math.round(memoryMaxBytes / 64)),
    background_pool_size: 2,
    background_merges_mutations_concurrency_ratio: 2,
    background_schedule_pool_size: 8,
    max_connections: 128,
    // A wide part is hundreds of files: merges that make and drop them all the time cost more than the rows.
    merge_tree: { min_bytes_for_wide_part: 128 * mib },
    http_handlers: httpHandlers(users),
    ...(cluster === undefined ? {} : { remote_servers: remoteServers(cluster), ...coordination(cluster) }),
  };
}

function basicAuthorization({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/**
 * Only these two are let in. The user that clickhouse-local starts as has no password, and cannot be kept to
 * the inside in any other way: its address is the same as everybody's here.
 */
function httpHandlers({ hub, ask }: EngineUsers): Tree {
  const queries = [hub, ask].map((credentials) => ({
    headers: { Authorization: basicAuthorization(credentials) },
    handler: { type: 'dynamic_query_handler', query_param_name: 'query' },
  }));
  const ping = {
    url: '/ping',
    handler: { type: 'static', status: 200, response_content: 'Ok.' },
  };
  return { rule: [ping, ...queries] };
}

/** Reading questions' tables and what the client itself asks; no other source of data and no other table. */
const askGrants = ['GRANT SELECT ON sonde.*'];

function user({ password }: Credentials, grants: readonly string[]): Tree {
  return {
    password,
    networks: { ip: ['127.0.0.1', '::1'] },
    profile: 'default',
    quota: 'default',
    grants: { query: grants },
  };
}

/**
 * It gives a query one thread only where a GiB for each is not free. And of long statements it takes a third
 * of the planning, 0.1 s and more, to look for comparisons that follow from others.
 */
const timeSavers: Tree = { max_threads_min_free_memory_per_thread: 0, optimize_and_compare_chain: 0 };

function usersConfiguration({ hub, ask }: EngineUsers, isNew: boolean): Tree {
  const settings = isNew ? timeSavers : {};
  return {
    profiles: { default: settings, ask: { ...settings, readonly: 2 } },
    quotas: { default: {} },
    users: {
      // clickhouse-local starts as this one, and with no password: it may start listeners and wait.
      default: {
        no_password: '',
        networks: { ip: ['127.0.0.1', '::1'] },
        profile: 'default',
        quota: 'default',
        grants: { query: ['GRANT SYSTEM LISTEN ON *.*', 'GRANT SELECT ON system.numbers'] },
      },
      hub: user(hub, ['GRANT ALL ON *.*']),
      ask: { ...user(ask, askGrants), profile: 'ask' },
    },
  };
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** A list repeats its element. */
function element(name: string, value: Tree[string]): string {
  if (Array.isArray(value)) return value.map((each: Leaf | Tree) => element(name, each)).join('');
  const text =
    typeof value === 'object'
      ? `\n${Object.entries(value)
          .map(([inner, content]) => element(inner, content))
          .join('')}`
      : String(value).replace(/[&<>]/g, (character) => entities[character] ?? '');
  return `<${name}>${text}</${name}>\n`;
}

export function writeConfiguration(configuration: EngineConfiguration): void {
  const { files, users, isNew } = configuration;
  const write = (file: string, value: Tree): void =>
    writeFileSync(file, element('clickhouse', value), { mode: 0o600 });
  write(files.server, serverConfiguration(configuration));
  write(files.users, usersConfiguration(users, isNew));
}

/** Who is let in stands in them. */
export function removeConfiguration({ server, users }: EngineFiles): void {
  for (const file of [server, users]) rmSync(file, { force: true });
}
