import assert from 'node:assert/strict';
import { test } from 'node:test';
import { manualClock } from '../../lib/clock.ts';
import { profile, profileLimits, type ProfileSource } from './profile.ts';

/** Ten runs of 200 ns for each connection end, and a sweep. */
function node(connections: number) {
  const clock = manualClock({ wallMs: 0, monotonicNs: 0n });
  const state = { on: 0 };
  const at = <T>(before: T, after: T): T => (clock.monotonicNs() === 0n ? before : after);
  const many = BigInt(connections);
  const source: ProfileSource = {
    cpuMicroseconds: () => at(1_000_000, 1_500_000),
    residentBytes: () => 120e6,
    mapBytes: () => 30e6,
    statistics: (on) => void (state.on += on ? 1 : -1),
    programs: () => [
      { name: 'sweep', runs: at(5n, 6n), runTimeNs: at(5_000_000n, 6_000_000n) },
      { name: 'tcp_state_changed', runs: at(7n, 7n + 20n * many), runTimeNs: at(7n, 7n + 4000n * many) },
      { name: 'tcp_retransmitted', runs: 0n, runTimeNs: 0n },
      { name: 'udp_sent', runs: at(1000n, 40n), runTimeNs: at(1_000_000n, 8000n) },
    ],
    opens: () => Promise.resolve(at(100, 100 + connections)),
    exporters: () => ({
      jsonl: at({ deliveredRecords: 5, deliveredBytes: 500 }, { deliveredRecords: 25, deliveredBytes: 4500 }),
    }),
  };
  return { clock, state, source };
}

async function measured(connections: number, forMs = 10_000) {
  const { clock, state, source } = node(connections);
  const signal = new AbortController();
  const running = profile(source, { clock, forMs, sweeps: ['sweep'] }, signal.signal);
  await new Promise(setImmediate); // it has looked
  await clock.advance(forMs);
  return { state, of: await running };
}

test('shares of a processor, by program; a sweep is the agent’s', async () => {
  const { of, state } = await measured(10_000);
  assert.equal(state.on, 0, 'the kernel times runs no more');
  assert.equal(of.connectionsPerSecond, 1000);
  assert.deepEqual(
    of.programs.map(({ name, runs, nsPerRun }) => [name, runs, nsPerRun]),
    [
      ['tcp_state_changed', 200_000, 200],
      ['sweep', 1, 1_000_000],
      ['udp_sent', 40, 200],
    ],
    'one that was attached anew counts from zero; one that did not run is left out',
  );
  assert.equal(of.programsCpu.toFixed(7), ((40_000_000 + 8000) / 1e10).toFixed(7));
  assert.equal(of.agentCpu, 0.05);
  assert.deepEqual(of.exporters, { jsonl: { recordsPerSecond: 2, bytesPerSecond: 400 } });
});

test('at other rates it is in proportion', async () => {
  const { of } = await measured(10_000);
  assert.deepEqual(
    of.projected?.map((at) => [at.connectionsPerSecond, at.programsCpu.toFixed(4)]),
    profileLimits.rates.map((rate) => [rate, ((rate * of.programsCpu) / 1000).toFixed(4)]),
  );
});

test('of a few connections nothing is said of many', async () => {
  assert.equal((await measured(profileLimits.connectionsMin - 1)).of.projected, null);
});

test('ended early, it tells of what there was, and leaves nothing switched on', async () => {
  const { clock, state, source } = node(500);
  const signal = new AbortController();
  const running = profile(source, { clock, forMs: 60_000, sweeps: [] }, signal.signal);
  await new Promise(setImmediate);
  await clock.advance(1000);
  signal.abort();
  assert.equal((await running).seconds, 1);
  assert.equal(state.on, 0);
});
