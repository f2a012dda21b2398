import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Bench, budgetOf, quietLookups } from '../../test/agent-bench.ts';
import { connection, curl, nothingFar, row } from '../../test/observations.ts';
import { systemClock } from '../lib/clock.ts';
import type { ConnectionEvent } from '../model/observation.ts';
import { agentLimits } from './pace.ts';

const event = (change: Partial<ConnectionEvent> = {}): ConnectionEvent => connection(change).of;

describe('answers of DNS', () => {
  test('are taken behind the connections that they led to, and before those are labelled', async () => {
    const told: string[] = [];
    const note = (what: string) => (): void => void told.push(what);
    const bench: Bench = new Bench({
      lookups: { ...quietLookups, tick: note('answers') },
      far: { ...nothingFar, look, labels: labelled },
    });
    function look() {
      told.push('look');
      return Promise.resolve();
    }
    function labelled() {
      told.push('labels');
      return { 'destination.scope': 'private' } as const;
    }
    bench.refill = note('drain');
    bench.events = [event()];
    bench.rows = [row().of];
    bench.start();
    await bench.clock.advance(1050);
    await bench.stop();
    assert.deepEqual(told.slice(0, 3), ['drain', 'answers', 'labels']);
    const at = told.indexOf('look');
    assert.deepEqual(told.slice(at - 2, at + 2), ['answers', 'answers', 'look', 'labels']);
    const flow = bench.delivered.find((record) => record['event.name'] === 'sonde.flow');
    assert.equal(flow?.['destination.scope'], 'private');
  });
});

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

  for (const [way, setMs] of [
    ['back', 90_000],
    ['forward', 4_000_000_000],
  ] as const) {
    test(`last as long as they took when the wall clock is set ${way}`, async () => {
      const bench = new Bench().start();
      await bench.clock.advance(1300);
      bench.clock.setWallMs(setMs);
      await bench.clock.advance(2000);
      await bench.stop();
      const lengths = bench.windows().map((w) => Date.parse(w['window.end']) - Date.parse(w['window.start']));
      assert.deepEqual(lengths, [1000, 1000, 300, 1000, 0]);
    });
  }

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

  test('wait for a disk that does not take them; at the end they do not', async () => {
    const bench = new Bench().start();
    bench.refusals = 2;
    await bench.clock.advance(1000);
    assert.deepEqual(bench.done, ['close 1', 'refused']);
    await bench.clock.advance(1000);
    await bench.clock.advance(1000);
    assert.deepEqual(bench.done, ['close 1', 'refused', 'refused', 'commit 1', 'clear 1']);
    bench.refusals = Infinity;
    await bench.stop();
    assert.deepEqual(bench.done.slice(5), ['detach', 'close 2', 'refused', 'clear 2', 'unpin']);
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
      'unpin',
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
    const bench = new Bench({ budget: budgetOf({ allEvents: true }) }).start();
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
    assert.deepEqual(bench.done, ['trace on']);
    second();
    second();
    assert.deepEqual(bench.done, ['trace on', 'trace off']);
    assert.equal(bench.agent.status().watchers, 0);
  });

  test('when all are wanted it goes on', () => {
    const bench = new Bench({ budget: budgetOf({ allEvents: true }) });
    bench.agent.watch({ record: () => undefined })();
    assert.deepEqual(bench.done, [], 'as it was');
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

test('what was opened to this host is labelled by the port served, what it opens is not', async () => {
  const asked: (number | undefined)[] = [];
  const owners = {
    refresh: () => undefined,
    labels: (_: number, servedPort?: number) => (asked.push(servedPort), curl),
    commandLine: ({ pid }: { pid: number }) => `line of ${String(pid)}`,
    recycle: () => Promise.resolve(),
  };
  const bench = new Bench({ owners, budget: budgetOf({ allEvents: true }) });
  bench.rows = [
    row({ direction: 'ingress', destinationPort: 80 }).of,
    row({ direction: 'egress', destinationPort: 81 }).of,
  ];
  bench.events = [
    event({ pid: 42, direction: 'ingress', destinationPort: 82 }),
    event({ direction: 'egress', destinationPort: 83 }),
  ];
  bench.start();
  await bench.clock.advance(1500);
  await bench.stop();
  assert.deepEqual(asked, [82, undefined, 80, undefined]);
  assert.equal(bench.connections()[0]?.['process.command_line'], 'line of 42');
});
