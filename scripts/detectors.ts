/**
 * How good the detectors are: `npm run detectors`. Runs each over made-up weeks, ordinary and with planted
 * faults, and writes docs/reference/detectors.md. The same seed gives the same page.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadMethods, type Method, type Seen } from '../src/hub/detect/method.ts';
import { prng, type Prng } from '../src/lib/prng.ts';
import { formatDuration } from '../src/lib/units.ts';
import type { Detector } from '../src/question/detector.ts';
import { discoverQuestions, questionsFolder } from '../src/question/discovery.ts';
import { worlds, type Fault, type World } from './quality/worlds.ts';

const { values } = parseArgs({ options: { keys: { type: 'string', default: '100' } } });
const keys = Number(values.keys);
const weeks = 4;
const weekMs = 7 * 86_400_000;
const startMs = Date.UTC(2026, 0, 5);
/** Learning and the first weekly job. */
const judgedMs = startMs + weekMs;
const trialsPerKey = 3;
const trialMsMax = 3_600_000;

interface Tally {
  alarms: number;
  insufficient: number;
  /** By fault; until it was found, Infinity where it was not. */
  readonly delaysMs: Map<string, number[]>;
}

interface Trial {
  readonly detector: Detector;
  readonly method: Method;
  readonly thresholds: Readonly<Record<string, number>>;
}

function step(trial: Trial, state: unknown, { atMs, seen }: { atMs: number; seen: readonly Seen[] }) {
  const { method, detector, thresholds } = trial;
  const peers = (): Iterable<unknown> => [];
  return method.step({ state, seen, atMs, stepMs: detector.step, thresholds, zone: 'UTC', keys, peers });
}

/** The fault from that moment on, over the same key's traffic. */
function delayOf(
  trial: Trial,
  fault: Fault,
  {
    state,
    atMs,
    of,
    random,
  }: { state: unknown; atMs: number; of: readonly (readonly Seen[])[]; random: Prng },
): number {
  let now = state;
  const stepMs = trial.detector.step;
  for (const [n, ordinary] of of.entries()) {
    const seen = fault.change(ordinary, random);
    if (seen.length === 0) continue;
    const stepped = step(trial, now, { atMs: atMs + n * stepMs, seen });
    if (stepped.firings.length > 0) return (n + 1) * stepMs;
    now = stepped.state;
  }
  return Infinity;
}

function runKey(trial: Trial, world: World, { random, tally }: { random: Prng; tally: Tally }): void {
  const { detector } = trial;
  const stepMs = detector.step;
  const steps = (weeks * weekMs) / stepMs;
  const ahead = trialMsMax / stepMs;
  const ordinary = world.key(random, stepMs);
  const queue: (readonly Seen[])[] = [];
  const judgedFrom = (judgedMs - startMs) / stepMs;
  const trials = new Set(
    Array.from({ length: trialsPerKey }, () => judgedFrom + random.below(steps - judgedFrom - ahead)),
  );
  const aside = prng(random.uint32());
  let state: unknown;
  let status = 'learning';
  let firedMs = -Infinity;
  for (let n = 0; n < steps + ahead; n++) {
    queue.push(ordinary(startMs + n * stepMs));
    if (queue.length <= ahead) continue;
    const atMs = startMs + (n - ahead) * stepMs;
    if (trials.has(n - ahead)) {
      for (const fault of world.faults) {
        const delayMs = delayOf(trial, fault, { state, atMs, of: queue.slice(0, ahead), random: aside });
        tally.delaysMs.set(fault.name, [...(tally.delaysMs.get(fault.name) ?? []), delayMs]);
      }
    }
    const seen = queue.shift() ?? [];
    if (seen.length === 0) continue;
    const stepped = step(trial, state, { atMs, seen });
    ({ state, status } = stepped);
    if (stepped.firings.length === 0) continue;
    if (atMs >= judgedMs && atMs - firedMs > detector.quiet) tally.alarms += 1;
    firedMs = atMs;
  }
  if (status === 'insufficient') tally.insufficient += 1;
}

function middle(delays: readonly number[], share: number): string {
  const sorted = delays.toSorted((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Infinity;
  return Number.isFinite(value) ? formatDuration(value) : 'not found';
}

function section(trial: Trial, world: World): string[] {
  const { detector } = trial;
  const tally: Tally = { alarms: 0, insufficient: 0, delaysMs: new Map() };
  for (let key = 0; key < keys; key++) runKey(trial, world, { random: prng(1000 + key), tally });
  const keyWeeks = keys * (weeks - 1);
  const rate = (1000 * tally.alarms) / keyWeeks;
  // With none at all, three would have been seen with a chance of 95 %.
  const upper = (1000 * (tally.alarms + 1.65 * Math.sqrt(tally.alarms) + 3)) / keyWeeks;
  const rows = [...tally.delaysMs].map(([name, delays]) => {
    const found = delays.filter(Number.isFinite).length;
    const share = `${Math.round((100 * found) / delays.length)} %`;
    return `| ${name} | ${share} | ${middle(delays, 0.5)} | ${middle(delays, 0.9)} |`;
  });
  return [
    `## ${detector.question}`,
    '',
    `Method \`${detector.method}\`, steps of ${formatDuration(detector.step)}.`,
    `Ordinary traffic: ${world.ordinary}.`,
    '',
    `**False alarms per 1,000 keys and week: ${rate.toFixed(1)}** (${tally.alarms} in ${keyWeeks} weeks of a key; up to`,
    `${upper.toFixed(0)} are compatible with that). ${tally.insufficient} of ${keys} keys cannot be judged, and say so.`,
    '',
    '| planted | found in an hour | after, half of them | after, nine of ten |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ];
}

const methods = await loadMethods();
const { questions } = discoverQuestions(questionsFolder());
const sections = questions
  .flatMap(({ detectors }) => detectors)
  .flatMap((detector) => {
    const method = methods.get(detector.method);
    const world = worlds[detector.method];
    if (!method || !world) return [];
    const thresholds = Object.fromEntries(detector.thresholds.map(({ name, value }) => [name, value]));
    process.stderr.write(`${detector.question}\n`);
    return section({ detector, method, thresholds }, world);
  });
const page = [
  '# How good the detectors are',
  '',
  'Made by `npm run detectors` (`--keys N`, minutes). Each method runs, with the thresholds of its',
  'question, over four made-up',
  `weeks of ${keys} keys each: days, weeks, deployments, and noise that is not Poisson's`,
  '(`scripts/quality/worlds.ts`). Of',
  'these the last three are judged. Faults are planted at any time in them. The times are from the fault to',
  'the end of the step in which it',
  'is found; the hub looks at a step some 10 to 40 s later. Made-up traffic says how a method compares with itself;',
  'what your traffic is like, only your traffic says.',
  '',
  ...sections,
];
const file = join(import.meta.dirname, '../docs/reference/detectors.md');
writeFileSync(file, `${page.join('\n').trimEnd()}\n`);
