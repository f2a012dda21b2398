import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGovernor, governorLimits, planOf, type Wishes } from './governor.ts';
import { steps } from '../../model/budget.ts';
import { createLadder } from './ladder.ts';
import type { Usage } from './meter.ts';

const wishes: Wishes = {
  budget: { cpu: 0.1, memory: 200e6 },
  window: 10_000,
  slow: 1000,
  profile: 'full',
  limits: { events_per_second: 1000, trace_events_per_second: 20_000, dns_messages_per_second: 5000 },
};

test('each step gives up what those above it do', () => {
  const plans = steps.map((step) => planOf(step, wishes));
  assert.deepEqual(
    plans.map((plan) => plan.allEvents),
    [true, false, false, false, false, false],
  );
  assert.deepEqual(
    plans.map((plan) => plan.slowUs),
    [1e6, 0, 0, 0, 0, 0],
  );
  assert.deepEqual(
    plans.map((plan) => plan.events.perSecond >= 1),
    [true, true, false, false, false, false],
  );
  assert.deepEqual(
    plans.map((plan) => plan.windowMs / wishes.window),
    [1, 1, 1, 6, 6, 6],
  );
  assert.deepEqual(
    plans.map((plan) => plan.essentialOnly),
    [false, false, false, false, true, true],
  );
  assert.deepEqual(
    plans.map((plan) => plan.counting),
    [true, true, true, true, true, false],
  );
});

test('a window is never shorter than it was, nor longer than an hour if it was not', () => {
  assert.equal(
    planOf('longer_windows', { ...wishes, window: 3_000_000 }).windowMs,
    governorLimits.windowMsMax,
  );
  assert.equal(planOf('longer_windows', { ...wishes, window: 7_200_000 }).windowMs, 7_200_000);
});

/** A node on which `cost` is the share of a processor that Sonde takes while something is counted. */
function node() {
  const state = { ms: 0, opens: 0, perSecond: 10_000, cost: 0.01, bytes: 100e6 };
  const set: Record<string, unknown>[] = [];
  const budgets: number[] = [];
  const said: string[] = [];
  const governor = createGovernor({
    wishes,
    ladder: createLadder(),
    log: { info: () => undefined, warn: (line) => void said.push(line) },
    wallMs: () => Date.UTC(2026, 0, 1) + state.ms,
    monotonicMs: () => state.ms,
    opens: () => Promise.resolve(state.opens),
  });
  const control = {
    set: (change: Record<string, unknown>) => void set.push(change),
    budget: (events: { perSecond: number }) => void budgets.push(events.perSecond),
  };
  const meter = {
    stop: () => undefined,
    tick: (): Usage => ({ agentCpu: 0, programsCpu: state.cost, agentBytes: state.bytes, mapBytes: 0 }),
  };
  async function run(seconds: number): Promise<void> {
    for (let n = 0; n < seconds; n++) {
      state.ms += 1000;
      state.opens += state.perSecond;
      if (governor.plan.counting) await governor.tick();
      else await governor.rest();
    }
  }
  governor.begin(control, meter);
  return { state, governor, run, set, budgets, said };
}

test('goes down to nothing under a load that is too much, and stays there while the load does', async () => {
  const { state, governor, run, said } = node();
  state.cost = 0.3;
  await run(60);
  assert.equal(governor.status().step, 'detached');
  assert.deepEqual(
    governor.takeMoves().map((move) => move.to),
    steps.slice(1),
  );
  assert.equal(said.length, steps.length - 1);
  await run(600);
  assert.equal(governor.status().step, 'detached');
  state.perSecond = 100; // costs a hundredth of what it did
  state.cost = 0.003;
  await run(300);
  assert.equal(governor.status().step, 'everything');
  assert.deepEqual(
    governor.takeMoves().map((move) => move.to),
    [...steps].reverse().slice(1),
  );
});

test('the kernel side is told of every step, and at the begin of a generation', async () => {
  const { state, run, set, budgets } = node();
  assert.deepEqual(set, [{ trace: true }, { slowUs: 1e6 }]);
  assert.deepEqual(budgets, [1000]);
  state.cost = 0.3;
  await run(60);
  assert.deepEqual(set.at(-1), { slowUs: 0 });
  assert.ok((budgets.at(-1) ?? 1) < 1);
});

test('memory counts as well', async () => {
  const { state, governor, run } = node();
  state.bytes = 250e6;
  await run(8);
  const [move] = governor.takeMoves();
  assert.deepEqual([move?.to, move?.of, move?.used], ['failures', 'memory', 1.25]);
});

test('only the signals that must be on are left on that step', async () => {
  const { state, governor, run } = node();
  assert.deepEqual(governor.signals(['lifecycle', 'dns']), ['lifecycle', 'dns']);
  state.cost = 0.3;
  await run(60);
  assert.deepEqual(governor.signals(['lifecycle', 'dns']), ['lifecycle']);
});
