import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { connection, curl, node, row } from '../../test/observations.ts';
import { manualClock, systemClock, type ManualClock } from '../lib/clock.ts';
import type { ConnectionEvent, FlowRow } from '../model/observation.ts';
import type { ConnectionRecord, SondeRecord, WindowRecord } from '../model/record.ts';
import { agentLimits, createAgent, type Agent, type AgentParts } from './agent.ts';
import type { Delivery } from './deliver/delivery.ts';
import { windowCloser } from './window/closing.ts';

/** An agent on parts that write down what is done to them, in order. */
class Bench {
  readonly clock: ManualClock;
  readonly agent: Agent;
  /** `drain N`, `close N`, `deliver N`, `commit N`, `clear N`, `detach`, `trace on`, `trace off`. */
  readonly done: string[] = [];
  readonly delivered: SondeRecord[] = [];
  readonly kernelLosses: Record<string, number> = {};
  /** In the ring now. */
  events: ConnectionEvent[] = [];
  /** Called before each drain. */
  refill: () => void = () => undefined;
  /** Rows of the next window. */
  rows: FlowRow[] = [];
  lost = 0;
  /** Resolves when it may go on. */
  slow: Promise<unknown> | undefined;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(change: Partial<AgentParts> & { wallMs?: number } = {}) {
    this.clock = manualClock({ wallMs: change.wallMs ?? 100_000, monotonicNs: 5_000_000_000n });
    this.agent = createAgent({ ...this.#parts(), ...change });
  }

  #parts(): AgentParts {
    const take = async (verb: string, records: readonly SondeRecord[]): Promise<void> => {
      await this.slow;
      this.done.push(`${verb} ${records.length}`);
      this.delivered.push(...records);
    };
    const delivery: Delivery = {
      deliver: (records) => (records.length === 0 ? Promise.resolve() : take('deliver', records)),
      commit: ({ records, closing }) => take('commit', [...records, closing]),
      resumed: () => undefined,
      losses: (): Record<string, number> => (this.lost === 0 ? {} : { 'deliver.probe.refused': this.lost }),
      status: () => ({}),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
    const view = new DataView(new ArrayBuffer(0));
    return {
      clock: this.clock,
      kernel: {
        ring: {
          drain: (visit, eventsMax) => {
            this.refill();
            const count = Math.min(this.events.length, eventsMax);
            for (let i = 0; i < count; i++) visit(view, i);
            if (count > 0) this.done.push(`drain ${count}`);
            this.events.splice(0, count);
            return count;
          },
          backlog: () => this.events.length,
        },
        losses: () => this.kernelLosses,
        ownersUsed: () => 1,
        namespacesUsed: () => 1,
        close: (number) => {
          this.done.push(`close ${number}`);
          return Promise.resolve({ count: number, keys: view, values: view });
        },
        clear: ({ count }) => {
          this.done.push(`clear ${count}`);
          return Promise.resolve();
        },
        set: ({ trace }) => void this.done.push(`trace ${trace === true ? 'on' : 'off'}`),
        detach: () => void this.done.push('detach'),
      },
      decodeEvent: (_, offset) => this.events[offset]!,
      decodeFlows: () => this.rows.splice(0),
      owners: { refresh: () => undefined, labels: () => curl },
      namespaces: { start: () => Promise.resolve(), observe: () => Promise.resolve([]), inode: () => 7 },
      closeWindow: windowCloser(node, { inFlight: 1, outRstsComparable: true }),
      delivery,
      node,
      windowMs: 1000,
      allEvents: false,
    };
  }

  start(): this {
    this.#running = this.agent.run(this.#stop.signal);
    return this;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.clock.advance(0);
    await this.#running;
  }

  windows(): WindowRecord[] {
    return this.delivered.filter((record) => record['event.name'] === 'sonde.window');
  }

  connections(): ConnectionRecord[] {
    return this.delivered.filter((record) => record['event.name'] === 'sonde.connection');
  }
}

const event = (change: Partial<ConnectionEvent> = {}): ConnectionEvent => connection(change).of;

describe('windows', () => {
  test('close at whole multiples of their length in wall time, one after the other', async () => {
    const bench = new Bench({ wallMs: 100_345 }).start();
    await bench.clock.advance(3000);
    await bench.stop();
    const seconds = (ms: number): string => new Date(ms).toISOString();
    assert.deepEqual(
      bench.windows().map((w) => [w['window.number'], w['window.start'], w['window.end']]),
      [
        [1, seconds(100_345), seconds(101_000)],
        [2, seconds(101_000), seconds(102_000)],
        [3, seconds(102_000), seconds(103_000)],
        [4, seconds(103_000), seconds(103_345)],
      ],
    );
  });

  test('a wall clock that is slowed down a little makes no window of a few milliseconds', async () => {
    const bench = new Bench().start();
    await bench.clock.advance(500);
    bench.clock.setWallMs(bench.clock.wallMs() - 5);
    await bench.clock.advance(1600);
    await bench.stop();
    assert.deepEqual(
      bench.windows().map((w) => Date.parse(w['window.end'])),
      [100_995, 102_000, 102_095],
    );
  });

  test('a wall clock that jumps makes one window of odd length; then the borders are right', async () => {
    const bench = new Bench().start();
    await bench.clock.advance(300);
    bench.clock.setWallMs(200_100);
    await bench.clock.advance(2000);
    await bench.stop();
    assert.deepEqual(
      bench.windows().map((w) => Date.parse(w['window.end'])),
      [200_800, 201_000, 202_000, 202_100],
    );
  });

  test('are cleared in the kernel only once they are delivered', async () => {
    const bench = new Bench().start();
    const slow = Promise.withResolvers<undefined>();
    bench.slow = slow.promise;
    await bench.clock.advance(1000);
    assert.deepEqual(bench.done, ['close 1']);
    slow.resolve(undefined);
    await bench.clock.advance(0);
    assert.deepEqual(bench.done, ['close 1', 'commit 1', 'clear 1']);
    await bench.stop();
  });

  test('carry rows with their labels, and a closing record last', async () => {
    const bench = new Bench().start();
    bench.rows = [row({ sums: { opened: 2, ended: 2 } }).of];
    await bench.clock.advance(1000);
    const [flow, closing] = bench.delivered;
    assert.ok(flow?.['event.name'] === 'sonde.flow' && closing?.['event.name'] === 'sonde.window');
    assert.deepEqual([flow['process.name'], flow['network.namespace']], ['curl', 7]);
    assert.equal(closing['connections.opened'], 2);
    await bench.stop();
  });

  test('losses of the kernel side and of delivery are in the window in which they happened', async () => {
    const bench = new Bench().start();
    bench.kernelLosses['events_ring_full'] = 4;
    await bench.clock.advance(1000);
    bench.lost = 1;
    await bench.clock.advance(1000);
    await bench.clock.advance(1000);
    await bench.stop();
    assert.deepEqual(
      bench.windows().map((w) => w.lost),
      [{ 'kernel.events_ring_full': 4 }, { 'deliver.probe.refused': 1 }, {}, {}],
    );
  });
});

describe('the end', () => {
  test('stops counting, drains what is left, then closes the last window', async () => {
    const bench = new Bench().start();
    await bench.clock.advance(250);
    bench.events = Array.from({ length: agentLimits.eventsPerTickMax + 2 }, () => event());
    await bench.stop();
    const { eventsPerTickMax: most } = agentLimits;
    const expected = [
      'detach',
      `drain ${most}`,
      `deliver ${most}`,
      'drain 2',
      'deliver 2',
      'close 1',
      'commit 1',
      'clear 1',
    ];
    assert.deepEqual(bench.done, expected);
  });

  test('what is open then is abandoned', async () => {
    const bench = new Bench().start();
    bench.rows = [row({ state: 'open', sums: { opened: 2, open: 2 } }).of];
    await bench.clock.advance(1000);
    await bench.stop();
    assert.deepEqual(
      bench.windows().map((w) => [w['connections.open'], w['connections.abandoned']]),
      [
        [2, 0],
        [0, 2],
      ],
    );
  });

  test('comes also while there is no end of events', { timeout: 20_000 }, async () => {
    const stop = new AbortController();
    const most = 200;
    let drains = 0;
    const bench = new Bench({ clock: systemClock });
    bench.refill = () => {
      if (stop.signal.aborted || ++drains > most) return;
      bench.events = Array.from({ length: agentLimits.eventsPerTickMax }, () => event({ detail: false }));
    };
    setImmediate(() => stop.abort());
    await bench.agent.run(stop.signal);
    assert.ok(drains < most, 'it did not see that it should stop');
  });
});

describe('events', () => {
  test('go to the exporters when the policy wants them; to who watches in any case', async () => {
    const bench = new Bench().start();
    const watched: string[] = [];
    const leave = bench.agent.watch({ record: (record) => watched.push(record['event.name']) });
    bench.events = [event({ cookie: 1 }), event({ cookie: 2, detail: false })];
    await bench.clock.advance(100);
    assert.deepEqual(
      bench.connections().map((c) => c['connection.id']),
      ['b-1-1-1'],
    );
    assert.deepEqual(watched, ['sonde.connection', 'sonde.connection']);
    leave();
    bench.events = [event()];
    await bench.clock.advance(100);
    assert.equal(watched.length, 2);
    await bench.stop();
  });

  test('all go to the exporters when all are wanted', async () => {
    const bench = new Bench({ allEvents: true }).start();
    bench.events = [event({ detail: false })];
    await bench.clock.advance(100);
    assert.equal(bench.connections().length, 1);
    await bench.stop();
  });

  test('quiet: nothing is delivered between windows', async () => {
    const bench = new Bench().start();
    await bench.clock.advance(900);
    assert.deepEqual(bench.done, []);
    await bench.stop();
  });
});

describe('watching', () => {
  test('the kernel tells every connection only while somebody watches', () => {
    const bench = new Bench();
    const watcher = { record: () => undefined };
    const [first, second] = [bench.agent.watch(watcher), bench.agent.watch({ ...watcher })];
    assert.equal(bench.agent.status().watchers, 2);
    first();
    assert.deepEqual(bench.done, ['trace on', 'trace on']);
    second();
    second();
    assert.equal(bench.done.at(-1), 'trace off');
    assert.equal(bench.agent.status().watchers, 0);
  });

  test('when all are wanted it goes on', () => {
    const bench = new Bench({ allEvents: true });
    bench.agent.watch({ record: () => undefined })();
    assert.deepEqual(bench.done, ['trace on']);
  });

  test('an observer gets closing records and costs nothing else', async () => {
    const bench = new Bench().start();
    const seen: number[] = [];
    const leave = bench.agent.observe((record) => seen.push(record['window.number']));
    await bench.clock.advance(2000);
    leave();
    await bench.clock.advance(1000);
    await bench.stop();
    assert.deepEqual(seen, [1, 2]);
    assert.ok(!bench.done.includes('trace on'));
  });
});

test('status tells the last window and what was lost since the start', async () => {
  const bench = new Bench().start();
  assert.equal(bench.agent.status().lastWindow, null);
  bench.kernelLosses['owners_full'] = 2;
  await bench.clock.advance(2000);
  const status = bench.agent.status();
  assert.equal(status.lastWindow?.['window.number'], 2);
  assert.deepEqual(status.lost, { 'kernel.owners_full': 2 });
  assert.equal(status.since, new Date(100_000).toISOString());
  assert.ok(status.memoryBytes > 0);
  await bench.stop();
});
