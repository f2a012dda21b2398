import assert from 'node:assert/strict';
import { steps, type Step } from '../../model/budget.ts';
import { test } from 'node:test';
import { createLadder, ladderRules, type Ladder, type Pressure } from './ladder.ts';

function share(used: number): Pressure {
  return { isOver: used > 1, isCalm: used < 0.5 };
}

/** One sample a second, `used` each; the steps taken. */
function feed(
  ladder: Ladder,
  { used, seconds, from }: { used: number; seconds: number; from: number },
): Step[] {
  const taken: Step[] = [];
  for (let second = 0; second < seconds; second++) {
    const move = ladder.sample(share(used), (from + second) * 1000);
    if (move) taken.push(move.to);
  }
  return taken;
}

test('an agent that warms up is not judged yet', () => {
  const ladder = createLadder();
  assert.deepEqual(feed(ladder, { used: 9, seconds: ladderRules.settleAtStart + 1, from: 0 }), []);
  assert.deepEqual(feed(ladder, { used: 0.9, seconds: 10, from: 20 }), []);
});

test('goes down every step under load that nothing helps against, and no further', () => {
  const ladder = createLadder();
  assert.deepEqual(feed(ladder, { used: 3, seconds: 100, from: 0 }), steps.slice(1));
  assert.equal(ladder.step, 'detached');
});

test('one sample above the budget is a burst', () => {
  const ladder = createLadder();
  for (let n = 0; n < 50; n++) assert.equal(ladder.sample(share(n % 2 === 0 ? 5 : 0.9), n * 1000), undefined);
  assert.equal(ladder.step, 'everything');
});

test('climbs back step by step, each after a time of calm', () => {
  const ladder = createLadder();
  feed(ladder, { used: 3, seconds: 100, from: 0 });
  const calmS = ladderRules.calmMsMin / 1000;
  assert.deepEqual(feed(ladder, { used: 0.1, seconds: calmS, from: 100 }), []);
  assert.deepEqual(
    feed(ladder, { used: 0.1, seconds: 10 * calmS, from: 100 + calmS }),
    [...steps].reverse().slice(1),
  );
});

test('between calm and the budget it stays where it is', () => {
  const ladder = createLadder();
  feed(ladder, { used: 3, seconds: ladderRules.settleAtStart + 3, from: 0 });
  assert.deepEqual(feed(ladder, { used: 0.8, seconds: 10_000, from: 10 }), []);
  assert.equal(ladder.step, 'failures');
});

test('a load that comes back with every step up is tried ever less often', () => {
  const ladder = createLadder();
  const climbs: number[] = [];
  // Everything costs twice the budget, failures alone a tenth of it.
  for (let second = 0; second < 4000; second++) {
    const move = ladder.sample(share(ladder.step === 'everything' ? 2 : 0.1), second * 1000);
    if (move?.to === 'everything') climbs.push(second);
  }
  const pauses = climbs.slice(1).map((at, i) => at - (climbs[i] ?? 0));
  assert.ok(pauses.length >= 4, pauses.join(' '));
  for (const [i, pause] of pauses.entries()) assert.ok(pause >= (pauses[i - 1] ?? 0), pauses.join(' '));
  assert.ok(Math.max(...pauses) <= ladderRules.calmMsMax / 1000 + 10);
});

test('a step up that lasted was right: the next one is not held back', () => {
  const ladder = createLadder();
  let second = 0;
  const until = (used: number, wanted: Step): number => {
    const from = second;
    while (ladder.step !== wanted && second < from + 5000) ladder.sample(share(used), second++ * 1000);
    return second - from;
  };
  until(2, 'failures');
  until(0.1, 'everything');
  until(2, 'failures'); // at once: twice the time of calm
  assert.ok(until(0.1, 'everything') > 1.5 * (ladderRules.calmMsMin / 1000));
  feed(ladder, { used: 0.1, seconds: 1 + ladderRules.provenMs / 1000, from: second });
  second += 1 + ladderRules.provenMs / 1000;
  until(2, 'failures');
  assert.ok(until(0.1, 'everything') < 1.5 * (ladderRules.calmMsMin / 1000));
});
