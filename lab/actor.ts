/**
 * The handle of one actor process (lab/actor.c): an identity with sockets. Owns the process; disposing kills
 * it, and it dies by itself when this process does. Commands of one actor run one after another; different
 * actors run side by side.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { ActorError, Channel } from './channel.ts';
import { programPath } from './programs.ts';

export type SocketId = number;
export type SocketKind = 'tcp4' | 'tcp6' | 'mptcp4' | 'mptcp6' | 'udp4' | 'udp6';
export type Address = { readonly ip: string; readonly port: number };

export type SocketOption =
  | 'lingerS'
  | 'userTimeoutMs'
  | 'synCount'
  | 'keepalive'
  | 'keepaliveIdleS'
  | 'keepaliveIntervalS'
  | 'keepaliveCount'
  | 'deferAcceptS'
  | 'fastopen'
  | 'fastopenConnect'
  | 'linger2S'
  | 'noDelay'
  | 'receiveBuffer'
  | 'sendBuffer'
  | 'reuseAddress'
  | 'reusePort'
  | 'ipv6Only';

/**
 * `bytesSent` and `bytesReceived` are payload: sent at least once, arrived in order (read or not). A FIN that
 * arrived may
 *  count one in bytesReceived: ask before the peer closes. */
export type SocketInfo = {
  readonly state: string;
  readonly bytesSent: number;
  readonly bytesRetransmitted: number;
  readonly bytesReceived: number;
  readonly retransmits: number;
  readonly segmentsOut: number;
  readonly segmentsIn: number;
  readonly rttUs: number;
  readonly rttMinUs: number;
  /** Had something to send, and of that: held up by the peer's window, by its own send buffer. */
  readonly busyUs: number;
  readonly peerWindowUs: number;
  readonly sendBufferUs: number;
};

/**
 * What `until` waits for: this state, at least so many retransmits or unread bytes, at most so many
 * unacknowledged.
 */
export type Wish =
  | { readonly state: string }
  | { readonly retransmits: number }
  | { readonly unread: number }
  | { readonly unacked: number };

export type Output = { readonly status: number; readonly text: string };

const waitMs = 10_000;
/** Longest name the kernel keeps for a task. */
const nameLengthMax = 15;

export class Actor {
  readonly name: string;
  readonly pid: number;
  readonly #channel: Channel;
  readonly #process: ChildProcess | undefined;
  readonly #childChannel: Duplex | undefined;
  #ended = false;

  private constructor(parts: {
    name: string;
    pid: number;
    channel: Channel;
    process?: ChildProcess;
    childChannel?: Duplex;
  }) {
    this.name = parts.name;
    this.pid = parts.pid;
    this.#channel = parts.channel;
    this.#process = parts.process;
    this.#childChannel = parts.childChannel;
  }

  /** Starts an actor in a network namespace: `new`, `-` (this one), or a path such as /proc/PID/ns/net. */
  static async start(options: { name: string; netns: string }): Promise<{ actor: Actor; netns: number }> {
    const { name } = options;
    if (name.length > nameLengthMax)
      throw new RangeError(`actor name ${name} is longer than ${nameLengthMax}`);
    const child = spawn(programPath('actor'), [name, options.netns], {
      stdio: ['pipe', 'pipe', 'inherit', 'pipe'],
    });
    const [stdin, stdout, , spare] = child.stdio;
    if (!stdin || !stdout || !spare) throw new Error('an actor has three pipes');
    child.on('error', () => undefined); // a missing program shows as an actor that is gone
    const channel = new Channel(stdout, stdin);
    const greeting = await channel.line(waitMs);
    const [verdict, pid, netns] = (greeting ?? '').split(' ');
    if (verdict !== 'ok') throw new ActorError(`start actor ${name} (${programPath('actor')})`, 'GONE');
    const childChannel = spare as Duplex;
    childChannel.on('error', () => undefined);
    const actor = new Actor({ name, pid: Number(pid), channel, process: child, childChannel });
    return { actor, netns: Number(netns) };
  }

  async socket(kind: SocketKind = 'tcp4'): Promise<SocketId> {
    return this.#number(['socket', kind]);
  }

  /** Answers the port that was bound. */
  async bind(socket: SocketId, ip: string, port = 0): Promise<number> {
    return this.#number(['bind', socket, ip, port]);
  }

  /** Answers the port. */
  async listen(socket: SocketId, backlog = 128): Promise<number> {
    return this.#number(['listen', socket, backlog]);
  }

  async set(socket: SocketId, option: SocketOption, value: number): Promise<void> {
    await this.#channel.ask(['set', socket, option, value]);
  }

  /**
   * Non-blocking connect, waited for; `block: true` sleeps inside connect() itself. Throws an ActorError with
   * the errno.
   */
  async connect(
    socket: SocketId,
    to: Address,
    how: { block?: boolean; waitMs?: number } = {},
  ): Promise<void> {
    const bound = how.waitMs ?? waitMs;
    await this.#channel.ask(['connect', socket, to.ip, to.port, bound, how.block ? 'block' : 'wait'], bound);
  }

  /** Non-blocking connect without waiting: `pending`, or `connected` at once. */
  async connectStart(socket: SocketId, to: Address): Promise<'pending' | 'connected'> {
    const [word] = await this.#channel.ask(['connect', socket, to.ip, to.port, 0, 'start']);
    return word === 'pending' ? 'pending' : 'connected';
  }

  /** The result of a connect that was started. */
  async connectFinish(socket: SocketId, boundMs = waitMs): Promise<void> {
    await this.#channel.ask(['finish', socket, boundMs], boundMs);
  }

  /** connect(AF_UNSPEC): the socket can be used again. */
  async disconnect(socket: SocketId): Promise<void> {
    await this.#channel.ask(['disconnect', socket]);
  }

  async accept(listener: SocketId, boundMs = waitMs): Promise<SocketId> {
    return this.#number(['accept', listener, boundMs], boundMs);
  }

  /** All bytes are in the send queue when this resolves. */
  async send(socket: SocketId, bytes: number, boundMs = waitMs): Promise<void> {
    await this.#channel.ask(['send', socket, bytes, boundMs], boundMs);
  }

  /** Reads exactly so many bytes. */
  async receive(socket: SocketId, bytes: number, boundMs = waitMs): Promise<void> {
    await this.#channel.ask(['recv', socket, bytes, boundMs], boundMs);
  }

  /**
   * Reads until the peer's FIN; answers the bytes read. Throws an ActorError when the connection fails
   * instead.
   */
  async receiveEnd(socket: SocketId, boundMs = waitMs): Promise<number> {
    return this.#number(['recv', socket, 'end', boundMs], boundMs);
  }

  /**
   * Sends datagrams, one by one, `many` with one call, or as one buffer that the kernel has to `cut`. Without
   * `to` the socket is connected.
   */
  async sendDatagrams(
    socket: SocketId,
    of: {
      readonly count: number;
      readonly bytes: number;
      readonly to?: Address;
      readonly how?: 'one' | 'many' | 'cut';
    },
  ): Promise<void> {
    const { count, bytes, to, how = 'one' } = of;
    await this.#channel.ask(
      ['datagrams', socket, to?.ip ?? '-', to?.port ?? 0, count, bytes, how],
      2 * waitMs,
    );
  }

  /** Sends one datagram with these bytes. */
  async sendPayload(socket: SocketId, to: Address, payload: Buffer): Promise<void> {
    await this.#channel.ask(['payload', socket, to.ip, to.port, payload.toString('hex')]);
  }

  /** Receives so many datagrams, and answers each with one of `reply` bytes. Answers the bytes received. */
  async takeDatagrams(socket: SocketId, count: number, reply?: number): Promise<number> {
    return this.#number(['take', socket, count, waitMs, reply ?? '-'], waitMs);
  }

  /**
   * So many sockets, one after another, from ports of their own if `firstPort` says so: each is connected,
   * sends one datagram and is closed.
   */
  async shortFlows(
    kind: 'udp4' | 'udp6',
    to: Address,
    of: { readonly count: number; readonly bytes: number; readonly firstPort?: number },
  ): Promise<void> {
    const { count, bytes, firstPort = 0 } = of;
    await this.#channel.ask(['flows', kind, to.ip, to.port, count, bytes, firstPort], 3 * waitMs);
  }

  async shutdown(socket: SocketId, side: 'read' | 'write' = 'write'): Promise<void> {
    await this.#channel.ask(['shutdown', socket, side]);
  }

  async close(socket: SocketId): Promise<void> {
    await this.#channel.ask(['close', socket]);
  }

  async localPort(socket: SocketId): Promise<number> {
    return this.#number(['port', socket]);
  }

  async query(socket: SocketId): Promise<SocketInfo> {
    const [json] = await this.#channel.ask(['info', socket]);
    return JSON.parse(json ?? '') as SocketInfo;
  }

  async until(socket: SocketId, wish: Wish, boundMs = waitMs): Promise<void> {
    const [[field, value] = ['state', '']] = Object.entries(wish) as [string, string | number][];
    await this.#channel.ask(['until', socket, field, value, boundMs], boundMs);
  }

  async rename(name: string): Promise<void> {
    await this.#channel.ask(['name', name]);
  }

  /** Takes another effective user. */
  async user(uid: number): Promise<void> {
    await this.#channel.ask(['user', uid]);
  }

  /** Moves to another namespace; sockets stay where they were made. Answers the inode. */
  async enterNetns(path: string): Promise<number> {
    return this.#number(['netns', path]);
  }

  async sysctl(path: string, value: string | number): Promise<void> {
    await this.#channel.ask(['sysctl', path, value]);
  }

  /** Runs a program in the actor's namespace. A non-zero status is an answer, not an error. */
  async run(argv: readonly string[], options: { input?: string; boundMs?: number } = {}): Promise<Output> {
    const bound = options.boundMs ?? 2 * waitMs;
    const [status, text] = await this.#channel.ask(['run', bound, options.input ?? '', ...argv], bound);
    return { status: Number(status), text: text ?? '' };
  }

  /**
   * A child that holds the same sockets and takes commands of its own; it outlives this actor. Once per
   * actor.
   */
  async fork(name: string): Promise<Actor> {
    if (!this.#childChannel) throw new Error('a forked actor cannot fork');
    const pid = await this.#number(['fork', name]);
    return new Actor({ name, pid, channel: new Channel(this.#childChannel, this.#childChannel) });
  }

  /** Ends without closing anything, as a program that calls exit() does. */
  async exit(): Promise<void> {
    await this.#channel.ask(['exit']).catch(() => undefined);
    await this.#gone();
  }

  /**
   * Signals only a process that is surely still ours: after its end the number may belong to someone else.
   */
  async kill(): Promise<void> {
    if (this.#ended) return;
    if (!this.#process || (this.#process.exitCode === null && this.#process.signalCode === null))
      process.kill(this.pid, 'SIGKILL');
    await this.#gone();
  }

  async #gone(): Promise<void> {
    this.#ended = true;
    const child = this.#process;
    if (child) {
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      return;
    }
    // A forked child is not ours to reap: the end of its channel says that its descriptors are being closed.
    while ((await this.#channel.line(waitMs)) !== undefined) await sleep(1);
  }

  async #number(words: readonly (string | number)[], boundMs = 0): Promise<number> {
    const [word] = await this.#channel.ask(words, boundMs);
    return Number(word);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.#channel[Symbol.asyncDispose]();
    this.#childChannel?.destroy();
  }
}
