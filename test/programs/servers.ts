/** Real servers in the foreground, each in a network namespace and a folder of the test's own. */

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Namespace } from '../../lab/namespaces.ts';

const readyMsMax = 30_000;

/** In a network namespace; the rest is this machine's. The program is the child itself, not a child's child. */
function inside(at: Namespace, argv: readonly string[]): string[] {
  return [`--net=${at.path}`, '--', ...argv];
}

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a client to its end. */
export function run(at: Namespace, ...argv: readonly string[]): Ran {
  return spawnSync('nsenter', inside(at, argv), { encoding: 'utf8', timeout: 60_000 });
}

export class Server implements AsyncDisposable {
  readonly #child: ChildProcess;
  said = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (text: Buffer) => (this.said += text.toString()));
  }

  /** Resolves when somebody listens on that port. */
  static async start(at: Namespace, port: number, argv: readonly string[]): Promise<Server> {
    const child = spawn('nsenter', inside(at, argv), { stdio: ['ignore', 'pipe', 'pipe'] });
    const server = new Server(child);
    const isListening = () => at.sockets().some(({ state, localPort }) => state === 10 && localPort === port);
    const end = performance.now() + readyMsMax;
    while (!isListening()) {
      if (child.exitCode !== null || performance.now() > end) {
        child.kill('SIGKILL');
        throw new Error(`${argv.join(' ')} does not listen: ${server.said}`);
      }
      await sleep(20);
    }
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const late = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(late);
  }
}

/** Where a server may live: a folder below the test's, which that user owns. */
function home(folder: string, name: string, user?: string): string {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  if (user !== undefined) spawnSync('chown', [user, path]);
  return path;
}

function checked(program: string, ...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program}: ${error?.message ?? stderr}`);
}

export interface Place {
  readonly at: Namespace;
  readonly ip: string;
  readonly folder: string;
}

export function nginx({ at, ip, folder }: Place): Promise<Server> {
  const path = home(folder, 'nginx');
  writeFileSync(
    join(path, 'nginx.conf'),
    `daemon off; user root; worker_processes 2; pid ${path}/pid; error_log stderr;
     events { worker_connections 64; }
     http { access_log off; server { listen ${ip}:80; location / { return 200 "hello"; } } }`,
  );
  return Server.start(at, 80, ['nginx', '-p', path, '-e', 'stderr', '-c', join(path, 'nginx.conf')]);
}

export function redis({ at, ip, folder }: Place): Promise<Server> {
  const path = home(folder, 'redis');
  const options = ['--bind', ip, '--port', '6379', '--protected-mode', 'no', '--save', '', '--dir', path];
  return Server.start(at, 6379, ['redis-server', ...options]);
}

/** The newest that is installed; Debian keeps its programs off the PATH. */
function postgresPrograms(): string {
  const root = '/usr/lib/postgresql';
  const newest =
    readdirSync(root)
      .sort((a, b) => Number(a) - Number(b))
      .at(-1) ?? '';
  return join(root, newest, 'bin');
}

export function postgres({ at, ip, folder }: Place): Promise<Server> {
  const data = join(home(folder, 'postgres', 'postgres'), 'data');
  const asUser = ['--reuid=postgres', '--regid=postgres', '--clear-groups'];
  const programs = postgresPrograms();
  checked('setpriv', ...asUser, join(programs, 'initdb'), '-D', data, '-A', 'trust', '--no-sync');
  writeFileSync(join(data, 'pg_hba.conf'), 'host all all all trust\n');
  const options = ['-D', data, '-c', `listen_addresses=${ip}`, '-c', 'unix_socket_directories='];
  return Server.start(at, 5432, ['setpriv', ...asUser, join(programs, 'postgres'), ...options]);
}

/** With a key that opens it: `key` in its folder. */
export function sshd({ at, folder }: Place): Promise<Server> {
  const path = home(folder, 'sshd');
  for (const name of ['host', 'key'])
    checked('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', join(path, name));
  if (!existsSync('/run/sshd')) mkdirSync('/run/sshd', { mode: 0o755 }); // it insists on that one
  chmodSync(path, 0o700);
  const settings = {
    HostKey: join(path, 'host'),
    AuthorizedKeysFile: join(path, 'key.pub'),
    PidFile: 'none',
    StrictModes: 'no',
    UsePAM: 'no',
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  return Server.start(at, 22, ['/usr/sbin/sshd', '-D', '-e', '-f', '/dev/null', '-p', '22', ...options]);
}

export function dnsmasq({ at, ip }: Place): Promise<Server> {
  const options = ['--no-resolv', '--no-hosts', '--address=/test/10.9.9.9', `--listen-address=${ip}`];
  return Server.start(at, 53, [
    'dnsmasq',
    '-k',
    '-C',
    '/dev/null',
    '--bind-interfaces',
    '--user=root',
    ...options,
  ]);
}
