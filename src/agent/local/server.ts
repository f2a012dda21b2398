/**
 * The agent's local socket: trace, status, labels, signals. A watcher that reads too slowly misses
 * connections, and is told how many; it never slows the agent.
 *
 * Owns /run/sonde/INSTANCE.sock. Being able to bind it is what makes an agent the only one of its instance.
 */

import { chmodSync, chownSync, closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import * as z from 'zod';
import { sleepMsMax } from '../../lib/clock.ts';
import { isOperatorError, OperatorError } from '../../lib/errors.ts';
import { readLines } from '../../lib/lines.ts';
import { localSocketPath } from '../../lib/local-socket.ts';
import { takeLock } from '../../lib/lock.ts';
import type { Log } from '../../lib/log.ts';
import { switches } from '../../lib/schema.ts';
import type { ConnectionState, Direction } from '../../model/connection.ts';
import { connectionMatcher, filterProblem } from '../../model/filter.ts';
import type { LocalReply, LocalRequest, RecentLabels } from '../../model/local.ts';
import type { ConnectionRecord, FlowRecord, RowRecord, WindowRecord } from '../../model/record.ts';
import { optionalSignals, signalNames, type SignalName } from '../../model/signals.ts';

export const localLimits = {
  watchersMax: 16,
  /** Characters of a request. */
  requestMax: 64 * 1024,
  /** What a watcher may leave unread before it starts to miss connections. */
  unreadBytesMax: 4 << 20,
  /** Of one window, for who looks at flows: 1 kB each. */
  flowsMax: 2000,
} as const;

/** What the values mean is up to the filter; here they only have their types. */
const requestSchema: z.ZodType<LocalRequest> = z.discriminatedUnion('ask', [
  z.strictObject({ ask: z.literal('status') }),
  z.strictObject({ ask: z.literal('labels') }),
  z.strictObject({ ask: z.literal('flows') }),
  z.strictObject({ ask: z.literal('profile'), forMs: z.int().min(1).max(sleepMsMax) }),
  z.strictObject({
    ask: z.literal('trace'),
    filter: z.strictObject({
      process: z.string().exactOptional(),
      destination: z.string().exactOptional(),
      port: z.number().exactOptional(),
      states: z.array(z.string() as z.ZodType<ConnectionState>).exactOptional(),
      direction: (z.string() as z.ZodType<Direction>).exactOptional(),
    }),
  }),
  z.strictObject({ ask: z.literal('signals'), set: switches(optionalSignals) }),
]);

/** What the server needs of an agent. */
export interface Served {
  watch(watcher: { record(record: ConnectionRecord | WindowRecord): void }): () => void;
  observe(observer: (closing: WindowRecord, rows: readonly RowRecord[]) => void): () => void;
  status(): {
    readonly lost: Readonly<Record<string, number>>;
    readonly watchers: number;
    readonly signals: readonly SignalName[];
  };
  labels(): RecentLabels;
  switchTo(wanted: readonly SignalName[]): Promise<ReadonlyMap<SignalName, string>>;
  /** What it costs, measured for so long, or until the signal. JSON. */
  profile(forMs: number, signal: AbortSignal): Promise<unknown>;
}

export type LocalServer = AsyncDisposable & { serve(agent: Served): void };

/** Events that the kernel side did not tell one by one. */
const eventLosses = ['kernel.events_suppressed', 'kernel.events_ring_full'] as const;

function startTrace(socket: Socket, agent: Served, request: Extract<LocalRequest, { ask: 'trace' }>): void {
  const send = (reply: LocalReply) => socket.write(`${JSON.stringify(reply)}\n`);
  const problem = filterProblem(request.filter);
  if (problem !== undefined) {
    send({ type: 'error', message: problem });
    socket.end();
    return;
  }
  const matches = connectionMatcher(request.filter);
  let before = agent.status().lost;
  let unread = 0;

  function tellMissed(): void {
    const now = agent.status().lost;
    const missed: Record<string, number> = {};
    for (const name of eventLosses) missed[name] = (now[name] ?? 0) - (before[name] ?? 0);
    missed['local.watcher_slow'] = unread;
    before = now;
    unread = 0;
    const some = Object.entries(missed).filter(([, count]) => count > 0);
    if (some.length > 0) send({ type: 'missed', missed: Object.fromEntries(some) });
  }

  const stop = agent.watch({
    record(record) {
      const slow = socket.writableLength > localLimits.unreadBytesMax;
      if (record['event.name'] === 'sonde.window') {
        if (slow) return; // the next one that it has room for tells what it missed
        tellMissed();
        send({ type: 'window', record });
      } else if (matches(record)) {
        if (slow) unread++;
        else send({ type: 'connection', record });
      }
    },
  });
  socket.once('close', stop);
  send({ type: 'watching' });
}

/** How much a row tells: connections first, then bytes. */
function sizeOf(flow: FlowRecord): number {
  const connections = flow['connections.opened'] + flow['connections.ended'] + flow['connections.open'];
  return connections + (flow.refusals ?? 0) + (flow['bytes.sent'] + flow['bytes.received']) / 1e9;
}

function startFlows(socket: Socket, agent: Served): void {
  const send = (reply: LocalReply) => socket.write(`${JSON.stringify(reply)}\n`);
  const stop = agent.observe((window, rows) => {
    if (socket.writableLength > localLimits.unreadBytesMax) return; // who reads slowly sees fewer windows
    const flows = rows.filter((row): row is FlowRecord => row['event.name'] === 'sonde.flow');
    const largest = flows.toSorted((a, b) => sizeOf(b) - sizeOf(a)).slice(0, localLimits.flowsMax);
    send({ type: 'flows', window, flows: largest, more: flows.length - largest.length });
  });
  socket.once('close', stop);
  send({ type: 'watching' });
}

async function switchSignals(
  socket: Socket,
  agent: Served,
  { set }: Extract<LocalRequest, { ask: 'signals' }>,
): Promise<void> {
  const isOn = (name: SignalName) => (agent.status().signals.includes(name) ? 'on' : 'off');
  const wanted = signalNames.filter((name) => (set[name] ?? isOn(name)) === 'on');
  const refused = Object.keys(set).length > 0 ? await agent.switchTo(wanted) : [];
  const reply: LocalReply = {
    type: 'signals',
    on: agent.status().signals,
    refused: Object.fromEntries(refused),
  };
  socket.end(`${JSON.stringify(reply)}\n`);
}

/** Whoever asked may go before it is done. */
async function startProfile(socket: Socket, agent: Served, forMs: number): Promise<void> {
  const gone = new AbortController();
  socket.once('close', () => {
    gone.abort();
  });
  const reply = await agent.profile(forMs, gone.signal).then(
    (profile): LocalReply => ({ type: 'profile', profile }),
    (error: unknown): LocalReply => ({ type: 'error', message: (error as Error).message }),
  );
  if (!socket.destroyed) socket.end(`${JSON.stringify(reply)}\n`);
}

function answer(socket: Socket, line: string, agent: Served | undefined): void {
  const end = (reply: LocalReply) => socket.end(`${JSON.stringify(reply)}\n`);
  const fail = (message: string) => end({ type: 'error', message });
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    fail('the request is not JSON');
    return;
  }
  const parsed = requestSchema.safeParse(value);
  if (!parsed.success) {
    const where = parsed.error.issues[0]?.path.join('.') ?? '';
    fail(
      `the request is not sound: ${where === '' ? '' : `${where}: `}${parsed.error.issues[0]?.message ?? ''}`,
    );
    return;
  }
  const request = parsed.data;
  if (!agent) fail('the agent is still starting');
  else if (request.ask === 'status') end({ type: 'status', status: agent.status() });
  else if (request.ask === 'labels') end({ type: 'labels', labels: agent.labels() });
  else if (request.ask === 'flows') startFlows(socket, agent);
  else if (request.ask === 'profile') void startProfile(socket, agent, request.forMs);
  else if (request.ask === 'signals') void switchSignals(socket, agent, request);
  else if (agent.status().watchers >= localLimits.watchersMax) fail('too many watchers');
  else startTrace(socket, agent, request);
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', ({ code }: NodeJS.ErrnoException) => {
      resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'); // busy, or not ours to ask: still somebody's
    });
  });
}

function listen(server: Server, path: string): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    server.once('error', resolve);
    server.listen(path, () => {
      server.removeListener('error', resolve);
      resolve(undefined);
    });
  });
}

/**
 * Members of the group sonde may ask, if there is such a group and this process is a member too: giving a
 * file away takes a capability otherwise, that an agent has no other use for.
 */
function grant(path: string, log: Log): void {
  chmodSync(path, 0o660);
  const group = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find((line) => line.startsWith('sonde:'));
  if (!group || process.getuid?.() !== 0) return;
  try {
    chownSync(path, 0, Number(group.split(':')[2]));
  } catch (error) {
    log.warn(`only root may ask this agent: ${(error as Error).message}`);
  }
}

async function bind(server: Server, instance: string, path: string): Promise<void> {
  for (let attempt = 0; attempt < 2; attempt++) {
    const error = await listen(server, path);
    if (!error) return;
    if (error.code === 'EACCES' || error.code === 'EPERM') {
      throw new OperatorError('privileges.missing', { action: `create ${path}` }, { cause: error });
    }
    if (error.code !== 'EADDRINUSE') throw error;
    if (await isAlive(path)) break;
    rmSync(path, { force: true }); // left by an agent that was killed
  }
  throw new OperatorError('agent.already_running', { instance, socket: path });
}

/**
 * On a file beside the socket: of several agents that find a stale socket at the same moment only one may
 * replace it.
 */
function lockFor(instance: string, path: string): Disposable {
  const file = `${path}.lock`;
  closeSync(openSync(file, 'a', 0o600));
  const lock = takeLock(file);
  if (!lock) throw new OperatorError('agent.already_running', { instance, socket: path });
  return {
    [Symbol.dispose]: () => {
      rmSync(file, { force: true }); // while it is ours: the next one locks a file of its own
      lock[Symbol.dispose]();
    },
  };
}

/** The socket's folder, and the right to put a socket there. */
function prepare(instance: string, path: string): Disposable {
  try {
    mkdirSync(path.slice(0, path.lastIndexOf('/')), { recursive: true, mode: 0o755 });
    return lockFor(instance, path);
  } catch (error) {
    if (isOperatorError(error)) throw error;
    throw new OperatorError('privileges.missing', { action: `create ${path}` }, { cause: error });
  }
}

export async function openLocalServer(instance: string, log: Log): Promise<LocalServer> {
  const path = localSocketPath(instance);
  const sockets = new Set<Socket>();
  let agent: Served | undefined;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', (error) => {
      log.warn(`local socket: ${error.message}`);
    });
    let asked = false;
    readLines(socket, {
      onLine(line) {
        if (!asked) answer(socket, line, agent);
        asked = true;
      },
      lineMax: localLimits.requestMax,
    });
  });
  const lock = prepare(instance, path);
  try {
    await bind(server, instance, path);
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
  grant(path, log);
  return {
    serve(running) {
      agent = running;
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
      lock[Symbol.dispose]();
    },
  };
}
