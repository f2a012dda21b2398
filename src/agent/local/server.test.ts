import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { closingOptions, connection, node, row, telling, toldFlow } from '../../../test/observations.ts';
import { eventually } from '../../../test/rig.ts';
import { manualClock } from '../../lib/clock.ts';
import { isOperatorError } from '../../lib/errors.ts';
import { silentLog } from '../../lib/log.ts';
import { localSocketPath } from '../../lib/local-socket.ts';
import type { LocalReply } from '../../model/local.ts';
import type { ConnectionRecord, RowRecord, WindowRecord } from '../../model/record.ts';
import { windowCloser } from '../window/closing.ts';
import { newRecent } from '../window/recent.ts';
import { connectionRecord } from '../window/records.ts';
import { wallTimes } from '../window/time.ts';
import { localLimits, openLocalServer, type Served } from './server.ts';
import { signalNames, type SignalName } from '../../model/signals.ts';

const folder = mkdtempSync(join(tmpdir(), 'sonde-run-'));
process.env['SONDE_RUN'] = folder;
after(() => {
  rmSync(folder, { recursive: true });
});

const told = connectionRecord(connection(), telling, wallTimes(manualClock()));
const closeWindow = windowCloser(node, closingOptions);
const bounds = { number: 1, start: '', end: '2026-01-01T00:00:00.000Z', last: false };
const { closing: windowEnd, findings } = closeWindow({
  bounds,
  rows: [row({}, { 'process.name': 'unknown' })],
  losses: {},
  namespaces: [],
  signals: signalNames,
});
const recent = newRecent();
recent.add(windowEnd, findings);

/** An agent that says what the test tells it to. */
interface FakeAgent extends Served {
  readonly lost: Record<string, number>;
  tell(record: ConnectionRecord | WindowRecord): void;
  end(rows: readonly RowRecord[]): void;
}

function fakeAgent(): FakeAgent {
  const watchers = new Set<{ record(record: ConnectionRecord | WindowRecord): void }>();
  const observers = new Set<Parameters<Served['observe']>[0]>();
  const lost: Record<string, number> = {};
  let on: readonly SignalName[] = signalNames;
  return {
    lost,
    watch(watcher) {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    observe(observer) {
      observers.add(observer);
      return () => observers.delete(observer);
    },
    end(rows) {
      for (const observer of observers) observer(windowEnd, rows);
    },
    status: () => ({ lost: { ...lost }, watchers: watchers.size, signals: on }),
    labels: () => recent.told(),
    switchTo(wanted) {
      on = wanted;
      return Promise.resolve(new Map());
    },
    profile: (forMs, signal) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => {
          resolve({ seconds: forMs / 1000 });
        }, forMs);
        signal.addEventListener('abort', () => {
          clearTimeout(timer);
          resolve({ seconds: 0 });
        });
      }),
    tell(record) {
      for (const watcher of watchers) watcher.record(record);
    },
  };
}

/** A client that shows what it was told, as it comes. */
class Client {
  readonly replies: LocalReply[] = [];
  readonly socket: Socket;
  #rest = '';
  constructor(instance: string) {
    this.socket = connect(localSocketPath(instance));
    this.socket.setEncoding('utf8');
    this.socket.on('error', () => undefined);
    this.socket.on('data', (text) => {
      const lines = (this.#rest + String(text)).split('\n');
      this.#rest = lines.pop() ?? '';
      this.replies.push(...lines.map((line) => JSON.parse(line) as LocalReply));
    });
  }
  ask(line: string): this {
    this.socket.write(`${line}\n`);
    return this;
  }
  trace(filter: unknown = {}): this {
    return this.ask(JSON.stringify({ ask: 'trace', filter }));
  }
  async next(): Promise<LocalReply> {
    assert.ok(await eventually(() => this.replies.length > 0, 5000), 'no answer came');
    return this.replies.shift()!;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    if (!this.socket.closed) await once(this.socket, 'close');
  }
}

describe('requests', () => {
  async function ask(line: string, agent: FakeAgent | undefined = fakeAgent()): Promise<LocalReply> {
    await using server = await openLocalServer('asked', silentLog);
    server.serve(agent);
    await using client = new Client('asked');
    return await client.ask(line).next();
  }

  test('status', async () => {
    assert.deepEqual(await ask('{"ask":"status"}'), {
      type: 'status',
      status: { lost: {}, watchers: 0, signals: [...signalNames] },
    });
  });

  test('labels: what fell short in the last windows', async () => {
    const finding = { label: 'process.name', rule: 'missing', workload: 'unknown', records: 1 };
    assert.deepEqual(await ask('{"ask":"labels"}'), {
      type: 'labels',
      labels: {
        windows: 1,
        from: bounds.start,
        to: bounds.end,
        records: 1,
        short: 1,
        untold: 0,
        findings: [{ ...finding, value: 'unknown', example: 'unknown → 10.0.0.2:80' }],
      },
    });
  });

  test('flows: each window’s largest rows, and how many more there were', async () => {
    await using server = await openLocalServer('flows', silentLog);
    const agent = fakeAgent();
    server.serve(agent);
    await using client = new Client('flows');
    assert.deepEqual(await client.ask('{"ask":"flows"}').next(), { type: 'watching' });
    const small = Array.from({ length: localLimits.flowsMax }, () =>
      toldFlow(row({ sums: { opened: 1 } }), bounds),
    );
    const large = toldFlow(row({ sums: { opened: 9 } }), bounds);
    agent.end([...small, large]);
    const reply = await client.next();
    assert.ok(reply.type === 'flows', JSON.stringify(reply));
    assert.deepEqual([reply.flows.length, reply.more], [localLimits.flowsMax, 1]);
    assert.deepEqual([reply.flows[0], reply.window], [large, windowEnd]);
  });

  test('before the agent runs', async () => {
    await using server = await openLocalServer('early', silentLog);
    await using client = new Client('early');
    assert.ok(server);
    assert.deepEqual(await client.ask('{"ask":"status"}').next(), {
      type: 'error',
      message: 'the agent is still starting',
    });
  });

  const bad: Readonly<Record<string, RegExp>> = {
    '': /^the request is not JSON$/,
    '{"ask":': /^the request is not JSON$/,
    null: /^the request is not sound/,
    '7': /^the request is not sound/,
    '[]': /^the request is not sound/,
    '{}': /^the request is not sound/,
    '{"ask":"everything"}': /^the request is not sound/,
    '{"ask":"trace"}': /^the request is not sound: filter/,
    '{"ask":"trace","filter":null}': /^the request is not sound: filter/,
    '{"ask":"trace","filter":{"process":7}}': /^the request is not sound: filter\.process/,
    '{"ask":"trace","filter":{"destination":{}}}': /^the request is not sound: filter\.destination/,
    '{"ask":"trace","filter":{"states":"open"}}': /^the request is not sound: filter\.states/,
    '{"ask":"trace","filter":{"user":"root"}}': /^the request is not sound/,
    '{"ask":"trace","filter":{"port":70000}}': /^port 70000 is not between 0 and 65535$/,
    '{"ask":"trace","filter":{"destination":"nowhere"}}': /^destination nowhere is neither/,
    '{"ask":"trace","filter":{"states":["shut"]}}': /^state shut is none of/,
  };
  for (const [line, message] of Object.entries(bad)) {
    test(`refused: ${line === '' ? 'an empty line' : line}`, async () => {
      const reply = await ask(line);
      assert.ok(reply.type === 'error', JSON.stringify(reply));
      assert.match(reply.message, message);
    });
  }

  test('a request that never ends is cut off, and the next one is answered', async () => {
    await using server = await openLocalServer('long', silentLog);
    server.serve(fakeAgent());
    await using client = new Client('long');
    client.socket.write('x'.repeat(localLimits.requestMax + 1));
    await once(client.socket, 'close');
    await using other = new Client('long');
    assert.equal((await other.ask('{"ask":"status"}').next()).type, 'status');
  });
});

describe('watching', () => {
  test('what matches, when it happens; nothing else', async () => {
    await using server = await openLocalServer('watch', silentLog);
    const agent = fakeAgent();
    server.serve(agent);
    await using client = new Client('watch').trace({ process: 'cur*' });
    assert.deepEqual(await client.next(), { type: 'watching' });
    agent.tell({ ...told, 'process.name': 'wget' });
    agent.tell(told);
    agent.tell(windowEnd);
    assert.deepEqual(await client.next(), { type: 'connection', record: told });
    assert.deepEqual(await client.next(), { type: 'window', record: windowEnd });
    assert.deepEqual(client.replies, []);
  });

  test('one that goes away is watched for no more', async () => {
    await using server = await openLocalServer('leave', silentLog);
    const agent = fakeAgent();
    server.serve(agent);
    const client = new Client('leave').trace();
    await client.next();
    assert.equal(agent.status().watchers, 1);
    await client[Symbol.asyncDispose]();
    assert.ok(await eventually(() => agent.status().watchers === 0, 5000));
  });

  test('what the kernel side did not tell is named at the next window, once', async () => {
    await using server = await openLocalServer('missed', silentLog);
    const agent = fakeAgent();
    agent.lost['kernel.events_suppressed'] = 10; // before it watched
    server.serve(agent);
    await using client = new Client('missed').trace();
    await client.next();
    agent.lost['kernel.events_suppressed'] = 13;
    agent.lost['deliver.jsonl'] = 5; // no loss of a watcher
    agent.tell(windowEnd);
    agent.tell(windowEnd);
    assert.deepEqual(await client.next(), { type: 'missed', missed: { 'kernel.events_suppressed': 3 } });
    assert.equal((await client.next()).type, 'window');
    assert.equal((await client.next()).type, 'window');
  });

  test('a slow one misses connections, is told how many, and takes no more memory', async () => {
    await using server = await openLocalServer('slow', silentLog);
    const agent = fakeAgent();
    server.serve(agent);
    await using client = new Client('slow').trace();
    await client.next();
    client.socket.pause();
    const room = Math.ceil(localLimits.unreadBytesMax / JSON.stringify(told).length);
    const total = room + 5000;
    for (let i = 0; i < total; i++) agent.tell(told);
    // It sleeps for a long time: windows must not pile up either.
    const large: WindowRecord = { ...windowEnd, lost: { ['x'.repeat(1 << 20)]: 1 } };
    const before = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
    for (let i = 0; i < 200; i++) agent.tell(large);
    const grown = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed - before;
    assert.ok(grown < 100 << 20, `${grown >> 20} MiB`);

    client.socket.resume();
    const counted = (): number => client.replies.filter((reply) => reply.type === 'connection').length;
    assert.ok(await eventually(() => counted() > room / 2, 10_000));
    // Read to the end, then the next window says what was missing.
    let last = -1;
    while (last !== client.replies.length) {
      last = client.replies.length;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    agent.tell(windowEnd);
    assert.ok(await eventually(() => client.replies.some((reply) => reply.type === 'missed'), 5000));
    const missed = client.replies.find((reply) => reply.type === 'missed');
    assert.equal(counted() + (missed?.missed['local.watcher_slow'] ?? 0), total);
    assert.ok((missed?.missed['local.watcher_slow'] ?? 0) > 0);
  });

  test('as many as may watch, and no more', async () => {
    await using server = await openLocalServer('many', silentLog);
    server.serve(fakeAgent());
    await using stack = new AsyncDisposableStack();
    for (let i = 0; i < localLimits.watchersMax; i++) {
      assert.equal((await stack.use(new Client('many')).trace().next()).type, 'watching');
    }
    const refused = stack.use(new Client('many'));
    assert.deepEqual(await refused.trace().next(), { type: 'error', message: 'too many watchers' });
    const status = stack.use(new Client('many'));
    assert.equal((await status.ask('{"ask":"status"}').next()).type, 'status');
  });
});

describe('the socket', () => {
  test('is for its owner and group, and is gone afterwards', async () => {
    const server = await openLocalServer('mode', silentLog);
    assert.equal(statSync(localSocketPath('mode')).mode & 0o777, 0o660);
    await server[Symbol.asyncDispose]();
    assert.equal(existsSync(localSocketPath('mode')), false);
  });

  test('closing it ends whoever watches', async () => {
    const server = await openLocalServer('bye', silentLog);
    server.serve(fakeAgent());
    const client = new Client('bye').trace();
    await client.next();
    const closed = once(client.socket, 'close');
    await server[Symbol.asyncDispose]();
    await closed;
  });

  test('a second server of an instance is refused; of another it is not', async () => {
    await using first = await openLocalServer('twin', silentLog);
    first.serve(fakeAgent());
    await assert.rejects(openLocalServer('twin', silentLog), (error) => {
      assert.ok(isOperatorError(error) && error.code === 'agent.already_running');
      assert.match(error.message, /instance twin/);
      return true;
    });
    await using other = await openLocalServer('twin-2', silentLog);
    assert.ok(other);
    await using client = new Client('twin');
    assert.equal((await client.ask('{"ask":"status"}').next()).type, 'status');
  });

  test('one that a killed agent left is taken over', async () => {
    const path = localSocketPath('stale');
    const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`;
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    await assert.rejects(openLocalServer('stale', silentLog), /runs already/);
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.ok(existsSync(path));
    await using server = await openLocalServer('stale', silentLog);
    server.serve(fakeAgent());
    await using client = new Client('stale');
    assert.equal((await client.ask('{"ask":"status"}').next()).type, 'status');
  });

  test('a folder that cannot be made is a matter of privileges or of the path', async () => {
    writeFileSync(join(folder, 'file'), '');
    process.env['SONDE_RUN'] = join(folder, 'file/below');
    try {
      await assert.rejects(openLocalServer('main', silentLog), (error) => isOperatorError(error));
    } finally {
      process.env['SONDE_RUN'] = folder;
    }
  });
});
