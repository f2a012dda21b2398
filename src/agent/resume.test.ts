/** An agent that goes on where another one was killed. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Bench, iso } from '../../test/agent-bench.ts';
import { closingOptions, node, row } from '../../test/observations.ts';
import { agentState } from './begin/main.ts';
import type { Delivery } from './deliver/delivery.ts';
import { newMemory, windowCloser } from './window/closing.ts';

describe('going on where another agent was killed', () => {
  const begin = { since: iso(50_000), window: 7, end: iso(90_000) };

  test('the window that spans the gap begins where the last one ended; numbers go on', async () => {
    const bench = new Bench({ begin });
    bench.position = { window: 7, cleared: 7, closedAtMs: 90_000 };
    bench.start();
    await bench.clock.advance(1000);
    await bench.stop();
    assert.deepEqual(
      bench.windows().map((w) => [w['window.number'], w['window.start'], w['window.end']]),
      [
        [8, iso(90_000), iso(101_000)],
        [9, iso(101_000), iso(101_000)],
      ],
    );
    assert.equal(bench.agent.status().since, begin.since);
  });

  test('a clock that was set back makes no window that ends before it begins', async () => {
    const bench = new Bench({ begin: { ...begin, end: iso(900_000) } });
    bench.position = { window: 7, cleared: 7, closedAtMs: 900_000 };
    bench.start();
    await bench.clock.advance(1000);
    await bench.stop();
    const [first] = bench.windows();
    assert.deepEqual([first?.['window.start'], first?.['window.end']], [iso(101_000), iso(101_000)]);
  });

  test('a window whose closing was cut short is closed first, as of the time when it began', async () => {
    const bench = new Bench({ begin });
    bench.position = { window: 8, cleared: 7, closedAtMs: 91_000 };
    bench.start();
    await bench.clock.advance(0);
    assert.deepEqual(bench.done, ['close 8', 'commit 1', 'clear 8']);
    await bench.stop();
    assert.deepEqual(
      bench.windows().map((w) => [w['window.number'], w['window.start'], w['window.end']]),
      [
        [8, iso(90_000), iso(91_000)],
        [9, iso(91_000), iso(100_000)],
      ],
    );
  });

  test('counting that has stopped is closed for good at once', async () => {
    const bench = new Bench({ begin });
    bench.stopped = 'orphaned';
    bench.start();
    await bench.clock.advance(0);
    assert.deepEqual(bench.done, ['detach', 'close 8', 'commit 1', 'clear 8', 'unpin']);
  });
});

test('with every window goes what the next agent needs', async () => {
  const states: unknown[] = [];
  const delivery: Delivery = {
    ...new Bench().delivery,
    commit: ({ state }) => Promise.resolve(void states.push(structuredClone(state))),
  };
  const memory = newMemory();
  const closeWindow = windowCloser(node, closingOptions, memory);
  const agent = new Bench({ delivery, memory, closeWindow });
  agent.rows = [row({ state: 'open', sums: { opened: 3, open: 3 } }).of];
  agent.kernelLosses['owners_full'] = 2;
  agent.start();
  await agent.clock.advance(1000);
  await agent.stop();
  const remembered = {
    stillOpen: 3,
    untracked: {},
    losses: { 'kernel.owners_full': 2 },
    resets: {},
    opens: {},
    inbound: {},
    listeners: { counts: {}, gone: [] },
    addresses: [],
    missed: [],
  };
  const lookups = { consumed: 0, pending: 0 };
  const same = { format: 1, agentId: node['agent.id'], memory: remembered, vanished: [], lookups };
  assert.deepEqual(states, [
    { ...same, last: false, end: iso(101_000) },
    { ...same, last: true, end: iso(101_000) },
  ]);
  assert.deepEqual(agentState({ number: 1, bootId: 'b-1', state: states[0] }), states[0]);
  for (const other of [undefined, null, {}, { format: 2 }])
    assert.equal(agentState({ number: 1, bootId: 'b-1', state: other }), undefined);
});
