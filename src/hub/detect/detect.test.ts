import assert from 'node:assert/strict';
import { test } from 'node:test';
import { discoverQuestions, questionsFolder } from '../../question/discovery.ts';
import { parseHubConfig } from '../config.ts';
import { arm } from './detect.ts';
import { loadMethods } from './method.ts';

const { questions } = discoverQuestions(questionsFolder());
const detectors = questions.flatMap((question) => question.detectors);
const { detect: config } = parseHubConfig({}, 'the test');
const methods = await loadMethods();

test('every detector fits its method', () => {
  const lines: string[] = [];
  const log = { info: () => undefined, warn: (line: string) => lines.push(line) };
  const armed = arm({ detectors, methods, config, log });
  assert.deepEqual(lines, []);
  assert.ok(armed.length > 0);
  assert.deepEqual(
    armed.map(({ detector }) => detector.method).sort(),
    [...methods.keys()],
    'and every method is somebody’s',
  );
});

test('one that does not fit is left out, and says why', () => {
  const [first] = detectors;
  assert.ok(first);
  const [one, ...others] = first.thresholds;
  assert.ok(one);
  const problems = [
    { ...first, method: 'guess' },
    { ...first, thresholds: others },
    { ...first, thresholds: [...first.thresholds, { ...one, name: 'frob' }] },
  ].map((detector) => {
    const lines: string[] = [];
    const log = { info: () => undefined, warn: (line: string) => lines.push(line) };
    assert.deepEqual(arm({ detectors: [detector], methods, config, log }), []);
    return lines.join('\n').replace(/^question [a-z-]+: manifest.yaml: /, '');
  });
  assert.deepEqual(problems, [
    `detect.method: guess is none of ${[...methods.keys()].join(', ')}`,
    `detect.thresholds: ${one.name} is missing`,
    `detect.thresholds: ${first.method} has no frob`,
  ]);
});
