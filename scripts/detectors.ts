/**
 * How good the detectors are: `npm run detectors`. Runs each over made-up weeks, ordinary and with planted
 * faults, and writes docs/reference/detectors.md. The same seeds give the same page. What is measured is kept
 * in build/detectors/ as long as neither detector nor world changes, so it can be stopped and goes on.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadMethods } from '../src/hub/detect/method.ts';
import { discoverQuestions, questionsFolder } from '../src/question/discovery.ts';
import { measure, noTally, type Measured, type Tally } from './quality/measure.ts';
import { page } from './quality/page.ts';
import { loadWorlds } from './quality/world.ts';

const { values } = parseArgs({
  options: { keys: { type: 'string', default: '1000' }, question: { type: 'string' } },
});
const keysAll = Number(values.keys);
/** Kept after so many. */
const chunk = 20;

const root = join(import.meta.dirname, '..');
const folder = join(root, 'build/detectors');
mkdirSync(folder, { recursive: true });

/** Of all that the figures depend on. */
function fingerprint({ detector }: Measured): string {
  const files = [
    `src/hub/detect/methods/${detector.method}.ts`,
    `scripts/quality/worlds/${detector.method}.ts`,
    ...['world', 'chance', 'measure'].map((name) => `scripts/quality/${name}.ts`),
    ...['method', 'deployment'].map((name) => `src/hub/detect/${name}.ts`),
  ];
  const texts = files.map((file) => readFileSync(join(root, file), 'utf8'));
  return createHash('sha256')
    .update(JSON.stringify([detector, texts]))
    .digest('hex');
}

/** Those of keys beyond what is asked for are made anew: the page says how many it is of. */
function measured(of: Measured, keys: number): Tally {
  const file = join(folder, `${of.detector.question}-${of.detector.method}.json`);
  const print = fingerprint(of);
  const kept = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as { print: string; tally: Tally })
    : undefined;
  const isSame = kept?.print === print && kept.tally.keys <= keys;
  const tally = isSame ? kept.tally : noTally();
  while (tally.keys < keys) {
    measure(of, tally, Math.min(chunk, keys - tally.keys));
    writeFileSync(file, JSON.stringify({ print, tally }));
    process.stderr.write(`${of.detector.question} ${of.detector.finds}: ${tally.keys} of ${keys} keys\n`);
  }
  return tally;
}

const [methods, worlds] = [await loadMethods(), await loadWorlds()];
const { questions } = discoverQuestions(questionsFolder());
const all = questions
  .filter(({ id }) => id === (values.question ?? id))
  .flatMap(({ detectors }) => detectors)
  .map((detector) => {
    const [method, world] = [methods.get(detector.method), worlds.get(detector.method)];
    if (!method || !world) throw new Error(`${detector.method} has no method or no world`);
    const of = { detector, method, world };
    const keys = Math.ceil((keysAll * (world.times ?? 1)) / (world.sources ?? 1));
    return { ...of, tally: measured(of, keys) };
  });
if (values.question === undefined) writeFileSync(join(root, 'docs/reference/detectors.md'), page(all));
