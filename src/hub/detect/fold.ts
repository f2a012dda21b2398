/**
 * Steps of one detector, one after the other: states and findings of those before become those after. Pure,
 * and the same however the steps are cut into ranges: several hubs that cut them otherwise agree.
 */

import { createHash } from 'node:crypto';
import type { Detector } from '../../question/detector.ts';
import type { DetectorState, Finding } from '../../question/finding.ts';
import type { Firing, Method, Seen } from './method.ts';

/** What is kept of a key. */
export interface KeyState {
  readonly method: unknown;
  readonly status: Exclude<DetectorState, 'muted'>;
  /** What cannot be told of it. */
  readonly why?: string | undefined;
  /** Findings that are open. */
  readonly open: readonly Finding[];
}

/** Rows of detect.sql for one key and step. */
export interface KeyStep {
  readonly key: string;
  readonly atMs: number;
  readonly seen: readonly Seen[];
}

export interface Folding {
  readonly detector: Detector;
  readonly method: Method;
  readonly zone: string;
  readonly states: ReadonlyMap<string, KeyState>;
  /** In the order of time. */
  readonly steps: readonly KeyStep[];
  /** Where the range ends. */
  readonly toMs: number;
  /** Before it nothing is found. */
  readonly armedMs: number;
}

export interface Folded {
  /** Those that are others than before. */
  readonly changed: ReadonlyMap<string, KeyState>;
  /** Of each the newest only: what is new, told of again, or closed. */
  readonly findings: readonly Finding[];
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

/** The time of what a finding tells last: a later one is newer. */
export function versionMs({ lastAt, closedAt }: Finding): number {
  return Date.parse(closedAt ?? lastAt);
}

function labelsOf(detector: Detector, seen: Seen): Record<string, string> {
  const names = [...detector.key, ...detector.within];
  return Object.fromEntries(names.map((name) => [name, String(seen[name] ?? '')]));
}

function idOf(question: string, labels: Readonly<Record<string, string>>, startMs: number): string {
  const what = JSON.stringify([question, labels, startMs]);
  return createHash('sha256').update(what).digest('hex').slice(0, 20);
}

function filled(template: string, values: Readonly<Record<string, number | string>>): string {
  return template.replace(/\{([a-z0-9_.]+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** Minutes after the last step, so that the question shows the change. */
const afterMs = 300_000;

function queryOf(
  { evidence, before }: Detector,
  labels: Readonly<Record<string, string>>,
  [startMs, endMs]: readonly [number, number],
): Record<string, string> {
  const of = Object.entries(evidence).map(([param, label]) => [param, labels[label] ?? '']);
  const asked = Object.fromEntries(of.filter(([, value]) => value !== '')) as Record<string, string>;
  return { from: iso(startMs - before), to: iso(endMs + afterMs), ...asked };
}

function rounded(value: number): number {
  return Number(value.toPrecision(6));
}

function begun(detector: Detector, firing: Firing, atMs: number): Finding {
  const labels = labelsOf(detector, firing.seen);
  const values = { ...labels, ...firing.facts };
  return {
    id: idOf(detector.question, labels, atMs),
    question: detector.question,
    finds: detector.finds,
    title: filled(detector.title, values),
    severity: firing.severity,
    labels,
    state: 'open',
    startedAt: iso(atMs),
    lastAt: iso(atMs + detector.step),
    closedAt: null,
    statistic: rounded(firing.statistic),
    baseline: firing.baseline === null ? null : rounded(firing.baseline),
    threshold: rounded(firing.threshold),
    windowMs: detector.step,
    facts: firing.facts,
    evidence: { query: queryOf(detector, labels, [atMs, atMs + detector.step]), rows: [] },
    nextStep: filled(detector.next, values),
    technique: firing.technique ?? detector.technique,
    muted: '',
  };
}

/** What was found again is told with its highest statistic, and what was seen with that. */
function goesOn(
  detector: Detector,
  open: Finding,
  { firing, atMs }: { firing: Firing; atMs: number },
): Finding {
  const isHigher = firing.statistic > open.statistic;
  const { facts, technique = open.technique } = firing;
  const told = isHigher ? { statistic: rounded(firing.statistic), facts, technique } : {};
  const endMs = atMs + detector.step;
  const query = queryOf(detector, open.labels, [Date.parse(open.startedAt), endMs]);
  const severity = firing.severity === 'critical' ? 'critical' : open.severity;
  return { ...open, ...told, severity, lastAt: iso(endMs), evidence: { ...open.evidence, query } };
}

/** Findings that have been quiet for long enough by that time. */
function ended(detector: Detector, open: readonly Finding[], nowMs: number): Finding[] {
  return open
    .filter(({ lastAt }) => Date.parse(lastAt) + detector.quiet <= nowMs)
    .map((finding) => ({
      ...finding,
      state: 'closed',
      closedAt: iso(Date.parse(finding.lastAt) + detector.quiet),
    }));
}

function environmentOf(key: string): unknown {
  return (JSON.parse(key) as readonly unknown[])[0];
}

/** What is known of other keys of the same environment, with what this run learned of them. */
function* peersOf(key: string, states: readonly ReadonlyMap<string, KeyState>[]): Generator {
  const environment = environmentOf(key);
  for (const [other, { method }] of new Map(states.flatMap((of) => [...of]))) {
    if (other !== key && environmentOf(other) === environment) yield method;
  }
}

export function fold({ detector, method, zone, states, steps, toMs, armedMs }: Folding): Folded {
  const changed = new Map<string, KeyState>();
  const findings = new Map<string, Finding>();
  const thresholds = Object.fromEntries(detector.thresholds.map(({ name, value }) => [name, value]));
  const close = (open: readonly Finding[], nowMs: number): readonly Finding[] => {
    const over = ended(detector, open, nowMs);
    for (const finding of over) findings.set(finding.id, finding);
    return over.length === 0 ? open : open.filter(({ id }) => !over.some((each) => each.id === id));
  };
  const keys = 2 ** Math.ceil(Math.log2(Math.max(1, states.size)));

  for (const { key, atMs, seen } of steps) {
    const before = changed.get(key) ?? states.get(key);
    const open = [...close(before?.open ?? [], atMs)];
    const peers = (): Iterable<unknown> => peersOf(key, [states, changed]);
    const of = { stepMs: detector.step, thresholds, zone, keys, peers };
    const step = { ...of, state: before?.method, seen, atMs };
    const { state, status, why, firings } = method.step(step);
    for (const firing of atMs < armedMs ? [] : firings) {
      const labels = JSON.stringify(labelsOf(detector, firing.seen));
      const at = open.findIndex((each) => JSON.stringify(each.labels) === labels);
      const known = open[at];
      const told = known ? goesOn(detector, known, { firing, atMs }) : begun(detector, firing, atMs);
      open.splice(known ? at : open.length, known ? 1 : 0, told);
      findings.set(told.id, told);
    }
    changed.set(key, { method: state, status, why, open });
  }
  for (const [key, before] of new Map([...states, ...changed])) {
    const open = close(before.open, toMs);
    if (open !== before.open) changed.set(key, { ...before, open });
  }
  return { changed, findings: [...findings.values()] };
}
