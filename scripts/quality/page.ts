/** docs/reference/detectors.md. */
import { formatDuration } from '../../src/lib/units.ts';
import { upperLimit, weeks, weeksJudged, type Measured, type Tally } from './measure.ts';

type Result = Measured & { readonly tally: Tally };

/** Keys of one detector that a host has, for false alarms per host and day. */
const keysPerHost = 10;

function delayText(delays: readonly (number | null)[], share: number): string {
  const sorted = delays.map((delay) => delay ?? Infinity).sort((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Infinity;
  return Number.isFinite(value) ? formatDuration(value) : 'not found';
}

function perThousand(alarms: number, keyWeeks: number): string {
  return ((1000 * alarms) / keyWeeks).toFixed(2);
}

function perHostDay(alarms: number, keyWeeks: number): string {
  return ((keysPerHost * alarms) / keyWeeks / 7).toPrecision(1);
}

function keyWeeksOf({ world, tally }: Result): number {
  return tally.keys * (world.sources ?? 1) * weeksJudged;
}

function row(result: Result): string {
  const { detector, tally } = result;
  const keyWeeks = keyWeeksOf(result);
  const upper = upperLimit(tally.alarms);
  const isMet = (1000 * upper) / keyWeeks <= 1;
  const cells = [
    `\`${detector.question}\`, ${detector.finds}`,
    keyWeeks.toLocaleString('en-GB'),
    String(tally.alarms),
    perThousand(tally.alarms, keyWeeks),
    perThousand(upper, keyWeeks),
    perHostDay(upper, keyWeeks),
    isMet ? 'yes' : 'no',
  ];
  return `| ${cells.join(' | ')} |`;
}

const heads = [
  ...['detector', 'weeks of a key', 'false alarms', 'per 1,000 keys and week', 'upper limit'],
  ...['per host and day, at most', 'promise kept'],
];

function section({ detector, world, tally }: Result): string[] {
  const rows = Object.entries(tally.delaysMs).map(([name, delays]) => {
    const found = delays.filter((delay) => delay !== null).length;
    const share = `${((100 * found) / delays.length).toFixed(0)} %`;
    return `| ${name} | ${share} | ${delayText(delays, 0.5)} | ${delayText(delays, 0.9)} |`;
  });
  const of = world.sources === undefined ? 'keys' : `keys of ${world.sources} sources each`;
  return [
    `## ${detector.question}: ${detector.finds}`,
    '',
    `Method \`${detector.method}\`, steps of ${formatDuration(detector.step)}.`,
    `Ordinary traffic: ${world.ordinary}.`,
    ...(world.note === undefined ? [] : [world.note]),
    `${tally.insufficient} of ${tally.keys} ${of} cannot be judged at the end, and say so.`,
    '',
    '| planted | found in an hour | after, half of them | after, nine of ten |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ];
}

export function page(results: readonly Result[]): string {
  const lines = [
    '# How good the detectors are',
    '',
    'Made by `npm run detectors`: a quarter of an hour to an hour of one processor for a thousand keys',
    '(`--keys N` for fewer; it can be stopped, and goes on). Each method runs, with the thresholds of its question,',
    `over ${weeks} made-up weeks of each key: days, weeks, deployments, and noise that is not Poisson's`,
    `(\`scripts/quality/worlds/\`). The last ${weeksJudged} of them are judged.`,
    'CI measures two keys of each, so that the figures can still be made.',
    '',
    'What is promised: **at most one false alarm per 1,000 keys and week**. The upper limit is what the alarms',
    'that were seen are compatible with (95 %, Poisson): of none in 3,000 weeks of a key it is 1.0. A host has some',
    'ten keys of a detector; the last but one column is the upper limit for that many.',
    '',
    `| ${heads.join(' | ')} |`,
    `| ${heads.map(() => '---').join(' | ')} |`,
    ...results.map(row),
    '',
    'Faults are planted at three times in the weeks that are judged. Times are from the fault to the end of the',
    'step in which it is found; the hub looks at a step some 10 to 40 s later. Made-up traffic says how a method',
    'compares with itself; what your traffic is like, only your traffic says:',
    '[recorded traffic](../operating/import-export.md#detectors-on-recorded-traffic).',
    '',
    ...results.flatMap(section),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}
