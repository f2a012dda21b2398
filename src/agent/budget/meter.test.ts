import assert from 'node:assert/strict';
import { test } from 'node:test';
import { meterTimes, openMeter, type Usage } from './meter.ts';

/** A machine on which time is what the test says. */
function machine() {
  const state = { cpu: 0, ns: 0n, sweepNs: 0n, on: false, mapsAsked: 0 };
  const source = {
    cpuMicroseconds: () => state.cpu,
    residentBytes: () => 100e6,
    mapBytes() {
      state.mapsAsked++;
      return 20e6;
    },
    statistics(on: boolean) {
      state.on = on;
    },
    programs: () => [
      { name: 'tcp_state_changed', runTimeNs: state.ns },
      { name: 'sweep', runTimeNs: state.sweepNs },
    ],
  };
  return { state, source };
}

test('shares of a processor, of the agent all the time, of the programs while they are counted', () => {
  const { state, source } = machine();
  const meter = openMeter(source, ['sweep']);
  const usages: Usage[] = [];
  let onMs = 0;
  for (let ms = 0; ms <= 3 * meterTimes.roundMs; ms += 100) {
    const usage = meter.tick(ms);
    if (usage) usages.push(usage);
    state.cpu += 5000; // 5 ms of each 100
    if (!state.on) continue;
    onMs += 100;
    state.ns += 10_000_000n; // 10 ms of each 100
    state.sweepNs += 50_000_000n;
  }
  assert.equal(usages.length, 3);
  for (const { agentCpu, programsCpu, agentBytes, mapBytes } of usages) {
    assert.equal(agentCpu.toFixed(3), '0.050');
    assert.equal(programsCpu.toFixed(3), '0.100');
    assert.deepEqual([agentBytes, mapBytes], [100e6, 20e6]);
  }
  assert.ok(onMs < 3 * meterTimes.roundMs * 0.3, `${String(onMs)} ms`);
});

test('a program that counts from zero again is no negative cost', () => {
  const { state, source } = machine();
  state.ns = 1_000_000_000n;
  const meter = openMeter(source, []);
  for (let ms = 0; ms < meterTimes.roundMs; ms += 100) meter.tick(ms);
  state.ns = 0n;
  assert.equal(meter.tick(meterTimes.roundMs)?.programsCpu, 0);
});

test('stopped in the midst of a count, it leaves nothing switched on', () => {
  const { state, source } = machine();
  const meter = openMeter(source, []);
  for (let ms = 0; ms < meterTimes.roundMs; ms += 100) meter.tick(ms);
  assert.ok(state.on);
  meter.stop();
  assert.ok(!state.on);
});

test('maps are asked for when the agent begins, and seldom after that', () => {
  const { state, source } = machine();
  const meter = openMeter(source, []);
  let measured = 0;
  for (let ms = 0; ms < 2 * meterTimes.mapsMs; ms += 100) if (meter.tick(ms)) measured++;
  assert.ok(measured > 20, String(measured));
  assert.equal(state.mapsAsked, 2);
});
