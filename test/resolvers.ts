/** Real resolvers for tests, each a process in a namespace, ended with its block. */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Namespace } from '../lab/namespaces.ts';
import type { Workplace } from './daemons.ts';
import { eventually } from './rig.ts';

export class Resolver implements AsyncDisposable {
  readonly #child: ChildProcess;
  #said = '';

  /** Ready once it says so. */
  static async start(at: Namespace, argv: readonly string[], ready: RegExp): Promise<Resolver> {
    const resolver = new Resolver(at, argv);
    const here = await eventually(() => ready.test(resolver.#said) || resolver.#ended, 20_000);
    if (!here || resolver.#ended) throw new Error(`${argv.join(' ')}: ${resolver.#said}`);
    return resolver;
  }

  private constructor(at: Namespace, argv: readonly string[]) {
    this.#child = spawn('nsenter', [`--net=${at.path}`, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (text: Buffer) => (this.#said += text.toString());
    this.#child.stdout?.on('data', keep);
    this.#child.stderr?.on('data', keep);
  }

  get #ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }
}

/** More than fits into 512 bytes. */
const longText = Array.from({ length: 4 }, (_, i) => `"${String(i).repeat(200)}"`).join(' ');

const zone = `$TTL 60
@ SOA ns.lab.test. root.lab.test. 1 60 60 60 60
@ NS ns
ns A 10.31.2.2
www A 10.31.2.80
www A 10.31.2.81
www AAAA fd31:2::80
long TXT ${longText}
`;

/** BIND, for lab.test; of broken.test it has lost the zone, and says SERVFAIL. */
export function bind(at: Namespace, folder: Workplace, ports: readonly number[]): Promise<Resolver> {
  folder.write('lab.zone', zone);
  const listen = ports.map((port) => `listen-on port ${port} { any; }; listen-on-v6 port ${port} { any; };`);
  const file = folder.write(
    'named.conf',
    `options {
      directory "${folder.path}"; pid-file none; session-keyfile none; recursion no; dnssec-validation no;
      notify no; ${listen.join(' ')}
    };
    controls { };
    zone "lab.test" { type primary; file "lab.zone"; };
    zone "broken.test" { type primary; file "lost.zone"; };
    `,
  );
  return Resolver.start(at, ['named', '-g', '-n', '1', '-c', file], /\brunning$/m);
}

/** dnsmasq as a stub: asked on 127.0.0.53, it asks `upstream`. */
export function dnsmasq(at: Namespace, upstream: string): Promise<Resolver> {
  const options = ['conf-file=/dev/null', 'no-daemon', 'no-resolv', 'no-hosts', 'user=root', 'pid-file='];
  const place = ['listen-address=127.0.0.53', 'bind-interfaces', 'cache-size=0', `server=${upstream}`];
  return Resolver.start(at, ['dnsmasq', ...[...options, ...place].map((o) => `--${o}`)], /using nameserver/);
}
