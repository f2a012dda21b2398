/** Signals are switched while connections come and go: nothing that was counted is lost, and none twice. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Stage } from '../lab/stage.ts';
import { signalNames } from '../src/model/signals.ts';
import { startRig } from './rig.ts';
import { assertBalance, churn, flowSums, truthSums } from './truth.ts';

test(
  'switched under load, the sums stay exact, and windows say what was on',
  { timeout: 120_000 },
  async () => {
    await using stage = new Stage();
    const at = await stage.namespace('one');
    await using rig = await startRig(
      { window: '200ms', namespaces: [at.path], signals: { udp: 'on' } },
      { watch: false },
    );
    await rig.nextWindow();
    const first = rig.agent.status().signals.join();
    const load = churn({ netns: at.path, tag: 'one', perTarget: 200, rate: 600 });
    const state = { loaded: true, switches: 0 };
    void load.finally(() => (state.loaded = false));
    while (state.loaded) {
      const wanted = signalNames.filter((_, i) => i === 0 || state.switches % 2 === 1);
      assert.deepEqual(await rig.agent.switchTo(wanted), new Map());
      assert.deepEqual(rig.agent.status().signals, wanted);
      state.switches++;
      await rig.nextWindow();
    }
    assert.ok(state.switches > 3, `switched ${String(state.switches)} times`);
    const truths = await load;
    await rig.stop();

    assert.deepEqual(flowSums(rig.flows()), truthSums(truths));
    assertBalance(rig.windows, rig.flows());
    const said = rig.windows.map(({ signals }) => signals.join());
    assert.equal(said[0], first);
    assert.ok(said.includes('lifecycle'), 'a window that a signal was off for says so');
    for (const coverage of rig.windows.at(-1)?.['coverage.namespaces'] ?? []) {
      assert.deepEqual(coverage.difference, {}, JSON.stringify(coverage));
      assert.deepEqual(Object.keys(coverage.incomparable ?? {}).includes('retransSegs'), true);
    }
  },
);
