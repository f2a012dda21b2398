/** docs/reference/check.md, from the table of what is looked at. */

import { probes, sections, type Probe, type Section } from './catalogue.ts';
import type { QuestionVerdict, Report, Result, SignalVerdict } from './report.ts';

const results: Readonly<Record<Result, string>> = {
  ok: 'As it should be.',
  note: 'Worth knowing. Nothing is worse for it.',
  unknown: '`not seen`: it could not be looked at, and the line says why. Nothing is concluded from it.',
  degraded: 'Something is told less of, or costs more than it must.',
  missing: 'Without it there is nothing.',
};

const signalResults: Readonly<Record<SignalVerdict['result'], string>> = {
  ok: 'The kernel took its programs and attached them.',
  degraded: 'So it did, and a finding above makes it tell less; it is named, and has the remedy.',
  missing: 'The kernel refused a program; what it said is the next line. Other signals go on without it.',
  unknown: '`not tried`: something that every signal needs is missing; it is named.',
};

const questionResults: Readonly<Record<QuestionVerdict['result'], string>> = {
  answerable: 'All that it needs of this node is there.',
  degraded: 'It is answered with less: a signal that it names is missing here, or tells less.',
  not: 'None of the signals that it names is to be had here, or `lifecycle` is not; or its folder is broken.',
};

const verdicts: Readonly<Record<Report['verdict'], string>> = {
  answerable: '0: every question can be answered, and nothing is to be mended.',
  degraded:
    '1: a question is degraded or cannot be answered while others can, or something costs more than it must (2 with `--strict`).',
  none: '2: no question can be answered.',
};

function meanings(of: Readonly<Record<string, string>>): string[] {
  return [
    '| result | means |',
    '| --- | --- |',
    ...Object.entries(of).map(([name, text]) => `| ${name} | ${text} |`),
  ];
}

function sectionTable(section: Section): string[] {
  const rows = Object.entries(probes as Readonly<Record<string, Probe>>)
    .filter(([, probe]) => probe.section === section)
    .map(([name, { title, means, whatToDo = '–' }]) => `| ${title} | \`${name}\` | ${means} | ${whatToDo} |`);
  return [
    `## ${section}: ${sections[section]}`,
    '',
    '| finding | in JSON | what it means | what to do |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ];
}

export function renderCheckReference(): string {
  return [
    '# sonde check',
    '',
    'Made from `src/agent/check/` by `npm run docs`.',
    '',
    '`sonde check` says what this node can tell before anything is rolled out to it. It finds out by trying, never by a version:',
    "it makes the maps, runs the walk over the file tables, closes a window, loads every signal's programs and attaches them. Nothing is",
    'counted meanwhile, and nothing stays attached, also when it is interrupted or killed: no link is pinned.',
    '',
    'The last line says in one sentence whether this node can be rolled out.',
    '',
    '## Exit codes',
    '',
    ...Object.values(verdicts).map((text) => `* ${text}`),
    '',
    'Interrupted, it says so and exits 2: nothing is known then.',
    '',
    '## Findings',
    '',
    ...meanings(results),
    '',
    ...(Object.keys(sections) as Section[]).flatMap(sectionTable),
    'Programs of others follow one by one, with their id, name (15 characters), type, the user who loaded them and the processes that',
    "hold them; those of Sonde's own agents are told together.",
    '',
    '## signals',
    '',
    'Each group of programs that can be switched, and what it tells. One that only profile `full` has on is tried all the same.',
    '',
    ...meanings(signalResults),
    '',
    '## questions',
    '',
    'Every folder of `questions/` (or of `SONDE_QUESTIONS`), by the signals that its manifest names.',
    '',
    ...meanings(questionResults),
    '',
    '## --json',
    '',
    'One object: `verdict` (answerable, degraded, none), `summary` (the last line), `findings`, `signals`, `questions` and `neighbours`. A finding',
    'has `probe`, `result`, `detail`, and where there is something to do `whatToDo`; `lessens` names the signals, and the fields of theirs, that',
    'tell less. The `reasons` of a signal or a question have `detail`, `whatToDo` and, where it is told elsewhere, `because`.',
    '',
  ].join('\n');
}
