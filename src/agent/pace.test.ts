import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../lib/clock.ts';
import { agentLimits, untilTickMs, type Pace } from './pace.ts';

const clock = { ...systemClock, monotonicNs: () => 1_000_000_000n };
const far = 11_000_000_000n;
const quiet: Pace = {
  drained: 0,
  busy: false,
  plan: { allEvents: false, events: { perSecond: 1000 } },
};

test('an idle agent looks seldom, one with something to tell or somebody to tell often', () => {
  const { eventsPerTickMax, quietEventsPerSecondMax, quietTickMs, tickMs } = agentLimits;
  const until = (pace: Partial<Pace>, border = far): number =>
    untilTickMs(clock, border, { ...quiet, ...pace });
  assert.equal(until({}), quietTickMs);
  assert.equal(until({ drained: 1 }), tickMs);
  assert.equal(until({ busy: true }), tickMs);
  assert.equal(until({ plan: { ...quiet.plan, allEvents: true } }), tickMs);
  assert.equal(
    until({ plan: { ...quiet.plan, events: { perSecond: quietEventsPerSecondMax + 1 } } }),
    tickMs,
  );
  assert.equal(until({ drained: eventsPerTickMax }), 0);
  assert.equal(until({}, 1_020_000_000n), 20);
  assert.equal(until({}, 900_000_000n), 0);
});
