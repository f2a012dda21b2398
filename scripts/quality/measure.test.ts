import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadMethods } from '../../src/hub/detect/method.ts';
import { discoverQuestions, questionsFolder } from '../../src/question/discovery.ts';
import { measure, noTally, upperLimit } from './measure.ts';
import { loadWorlds } from './world.ts';

const methods = await loadMethods();
const worlds = await loadWorlds();
const { questions } = discoverQuestions(questionsFolder());

test('of none three are compatible with 95 %, and a few more than were seen', () => {
  assert.ok(Math.abs(upperLimit(0) - 2.996) < 0.001);
  assert.ok(Math.abs(upperLimit(10) - 16.962) < 0.001);
});

// The figures in docs/reference/detectors.md are of a thousand keys; these say that they can still be made.
for (const detector of questions.flatMap(({ detectors }) => detectors)) {
  test(`${detector.question}, ${detector.finds}: two keys, four weeks`, () => {
    const [method, world] = [methods.get(detector.method), worlds.get(detector.method)];
    assert.ok(method && world);
    const tally = noTally();
    measure({ detector, method, world }, tally, 2);
    assert.ok(tally.alarms <= (world.sources ?? 1), 'hardly any false alarms');
    const found = Object.values(tally.delaysMs)
      .flat()
      .filter((delay) => delay !== null);
    assert.ok(found.length > 0, 'and some of the faults are found');
  });
}
