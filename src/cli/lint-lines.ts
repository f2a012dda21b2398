/** What falls short of the labelling standard, for people. */

import { fit, printable } from '../lib/terminal.ts';
import type { RecentLabels } from '../model/local.ts';
import type { Finding, Findings, ShortRule } from '../model/standard.ts';
import type { ConfigFinding, FileFindings } from './lint.ts';
import type { Painter } from './trace-lines.ts';

/** Rows of a table: the rest is in --json. */
const rowsMax = 20;
const cellColumnsMax = 44;
const gap = '  ';

const ruleWords: Readonly<Record<ShortRule, string>> = {
  missing: 'missing',
  not_allowed: 'not allowed',
  not_matching: 'not matching',
};

interface Column {
  readonly title: string;
  readonly side?: 'right';
}

type Rows = readonly (readonly string[])[];

export interface Picture {
  readonly paint: Painter;
  /** Of the terminal; Infinity where there is none. */
  readonly width: number;
}

function tableLines(columns: readonly Column[], rows: Rows, { paint, width }: Picture): string[] {
  const widths = columns.map(({ title }, i) =>
    Math.min(cellColumnsMax, Math.max(title.length, ...rows.map((row) => Array.from(row[i] ?? '').length))),
  );
  const line = (cells: readonly string[]): string => {
    const text = cells.map((cell, i) => fit(cell, widths[i] ?? 0, columns[i]?.side ?? 'left')).join(gap);
    return fit(text.trimEnd(), Math.min(width, Array.from(text.trimEnd()).length));
  };
  return [paint('dim', line(columns.map(({ title }) => title))), ...rows.map(line)];
}

function grouped(count: number): string {
  return count.toLocaleString('en-GB');
}

function counted(count: number, thing: string): string {
  return `${grouped(count)} ${thing}${count === 1 ? '' : 's'}`;
}

function exampleText({ rule, value, example }: Finding): string {
  const shown = rule === 'missing' || value === null ? '' : `${value}: `;
  return printable(`${shown}${example}`);
}

interface ByLabel {
  readonly first: Finding;
  records: number;
  workloads: number;
}

function byLabel(findings: readonly Finding[]): ByLabel[] {
  const all = new Map<string, ByLabel>();
  for (const finding of findings) {
    const key = `${finding.label} ${finding.rule}`;
    const of = all.get(key) ?? { first: finding, records: 0, workloads: 0 };
    of.records += finding.records;
    of.workloads++;
    all.set(key, of);
  }
  return [...all.values()].sort((a, b) => b.records - a.records);
}

/** Those of one workload stand together, under its name; the workload that has most is first. */
function byWorkload(findings: readonly Finding[]): string[][] {
  const workloads = [...new Set(findings.map(({ workload }) => workload))];
  return workloads.flatMap((workload) =>
    findings
      .filter((finding) => finding.workload === workload)
      .map((finding, i) => [
        i === 0 ? printable(workload) : '',
        printable(finding.label),
        ruleWords[finding.rule],
        grouped(finding.records),
        exampleText(finding),
      ]),
  );
}

const example = { title: 'FOR EXAMPLE' };
const records = { title: 'RECORDS', side: 'right' } as const;
const what = [{ title: 'LABEL' }, { title: 'FALLS SHORT' }];

function tables(found: Findings, picture: Picture): string[] {
  const { paint } = picture;
  const labels = byLabel(found.findings);
  // What all records have in common tells nothing of a workload.
  const common = labels.filter(({ records }) => records === found.records).map(({ first }) => first);
  const own = found.findings.filter(
    ({ label, rule }) => !common.some((of) => of.label === label && of.rule === rule),
  );
  const rows = byWorkload(own);
  const more = rows.length - rowsMax;
  const labelRows = labels.map(({ first, records, workloads }) => [
    printable(first.label),
    ruleWords[first.rule],
    grouped(records),
    grouped(workloads),
    exampleText(first),
  ]);
  const labelColumns = [...what, records, { title: 'WORKLOADS', side: 'right' } as const, example];
  return [
    '',
    ...tableLines(labelColumns, labelRows, picture),
    ...(rows.length === 0 ? [] : ['']),
    ...(rows.length === 0
      ? []
      : tableLines([{ title: 'WORKLOAD' }, ...what, records, example], rows.slice(0, rowsMax), picture)),
    ...(more > 0 ? [paint('dim', `and ${counted(more, 'more row')}: --json has them`)] : []),
    ...(common.length > 0 && rows.length > 0
      ? [paint('dim', `on all of them, and not repeated: ${common.map(({ label }) => label).join(', ')}`)]
      : []),
    ...(found.untold > 0
      ? [paint('yellow', `beyond what can be told apart: ${counted(found.untold, 'finding')}`)]
      : []),
  ];
}

function verdict({ records, short }: Findings, paint: Painter): string {
  if (short === 0) return paint('green', `${counted(records, 'record')}, all keep to the standard`);
  const fall = short === 1 ? 'falls' : 'fall';
  return paint('yellow', `${grouped(short)} of ${counted(records, 'record')} ${fall} short of the standard`);
}

function clock(rfc3339: string | null): string {
  const at = new Date(rfc3339 ?? '');
  return Number.isNaN(at.getTime()) ? '?' : at.toTimeString().slice(0, 8);
}

export function recentLines(labels: RecentLabels, instance: string, picture: Picture): string[] {
  const { windows, from, to } = labels;
  const when = `the last ${counted(windows, 'window')} of agent ${instance}, ${clock(from)} to ${clock(to)}`;
  return [`${when}: ${verdict(labels, picture.paint)}`, ...(labels.short > 0 ? tables(labels, picture) : [])];
}

export function fileLines(found: FileFindings, file: string, picture: Picture): string[] {
  const { paint } = picture;
  const names = found.names.map(
    (name) => ({ canonical: 'canonical', otel: 'OpenTelemetry', ecs: 'ECS' })[name],
  );
  const kept = found.policies.filter((name) => !name.startsWith('full@'));
  return [
    `${printable(file)} (${names.join(', ')} names): ${verdict(found, paint)}`,
    ...(found.short > 0 ? tables(found, picture) : []),
    ...(found.strangers > 0
      ? [
          paint(
            'yellow',
            found.strangers === 1
              ? '1 line is no record'
              : `${grouped(found.strangers)} lines are no records`,
          ),
        ]
      : []),
    ...(kept.length > 0
      ? [paint('dim', `what the field policy ${printable(kept.join(', '))} drops is missing here`)]
      : []),
  ];
}

export function configLines(findings: readonly ConfigFinding[], file: string, picture: Picture): string[] {
  const { paint } = picture;
  if (findings.length === 0)
    return [`${printable(file)}: ${paint('green', 'what it says keeps to its standard')}`];
  const rows = findings.map(({ where, label, rule, value }) => [
    printable(where),
    printable(label),
    ruleWords[rule],
    value === null ? '–' : printable(value),
  ]);
  const titles = ['WHERE', 'LABEL', 'FALLS SHORT', 'VALUE'].map((title) => ({ title }));
  const fall = findings.length === 1 ? 'falls' : 'fall';
  const short = `${counted(findings.length, 'thing')} it says ${fall} short of its standard`;
  return [`${printable(file)}: ${paint('yellow', short)}`, '', ...tableLines(titles, rows, picture)];
}
