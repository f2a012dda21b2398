/** What detectors keep in the store, read and written. */

import { readFileSync } from 'node:fs';
import type { Finding, FindingsAsked } from '../../question/finding.ts';
import type { Attempt } from './deliver/plan.ts';
import { versionMs, type KeyState } from './fold.ts';

function sql(name: string): string {
  return readFileSync(new URL(`sql/${name}.sql`, import.meta.url), 'utf8');
}

const statements = {
  head: sql('head'),
  states: sql('states'),
  firstWindow: sql('first-window'),
  reached: sql('reached'),
  findings: sql('findings'),
  openFindings: sql('open-findings'),
  heard: sql('heard'),
  recent: sql('recent-findings'),
  attempts: sql('attempts'),
};

export type Params = Readonly<Record<string, unknown>>;
export type StoredRow = Readonly<Record<string, unknown>>;

/** The store, as this stage is handed it. */
export interface DetectStore {
  /** Reads, within limits. `name` is for errors. */
  query(asked: {
    readonly name: string;
    readonly sql: string;
    readonly params: Params;
  }): Promise<readonly StoredRow[]>;
  /** Rows of one call are stored as a whole or not. */
  note(
    table: 'detector_state' | 'findings' | 'deliveries',
    rows: readonly Readonly<Record<string, unknown>>[],
  ): Promise<void>;
}

/** Which detector, and which shape of its states. */
export interface Whose {
  readonly question: string;
  readonly revision: string;
}

export interface Head {
  /** All before is included. */
  readonly untilMs: number;
  /** The first moment of which the store had anything. */
  readonly sinceMs: number;
  /** When it first ran: up to then it looks at what was before. Older hubs wrote none. */
  readonly begunMs?: number;
  /** What was passed over: too old, or too much. */
  readonly skippedMs: number;
  /** Keys by status. */
  readonly keys: Readonly<Record<string, number>>;
  /** Some keys of which something cannot be told; older hubs wrote none. */
  readonly limits?: readonly { readonly key: string; readonly why: string }[];
  /** Keys that found no place. */
  readonly keysLeftOut: number;
  readonly open: number;
}

export async function readHead(store: DetectStore, whose: Whose): Promise<Head | undefined> {
  const params = { ...whose };
  const [row] = await store.query({ name: whose.question, sql: statements.head, params });
  if (row === undefined) return undefined;
  const state = JSON.parse(String(row['state'])) as Omit<Head, 'untilMs'>;
  return { ...state, untilMs: Number(row['until']) };
}

/** States of its keys, and up to when: those that one run wrote are all there, or none of them is. */
export async function readStates(
  store: DetectStore,
  whose: Whose,
  keysMax: number,
): Promise<{ readonly untilMs: number; readonly states: ReadonlyMap<string, KeyState> }> {
  const params = { ...whose, keys_max: keysMax };
  const rows = await store.query({ name: whose.question, sql: statements.states, params });
  const keys = rows.filter(({ key }) => key !== '');
  return {
    untilMs: Number(rows.find(({ key }) => key === '')?.['until'] ?? 0),
    states: new Map(keys.map(({ key, state }) => [String(key), JSON.parse(String(state)) as KeyState])),
  };
}

/** The start of the oldest window since then. */
export async function firstWindowMs(store: DetectStore, sinceMs: number): Promise<number | undefined> {
  const params = { from: new Date(sinceMs) };
  const [row] = await store.query({ name: 'first window', sql: statements.firstWindow, params });
  return row === undefined ? undefined : Number(row['first']);
}

/** Up to when the nodes have told what they saw; undefined where there are none. */
export async function reachedMs(
  store: DetectStore,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): Promise<number | undefined> {
  const params = { from: new Date(fromMs), to: new Date(toMs) };
  const [row] = await store.query({ name: 'windows told', sql: statements.reached, params });
  return row === undefined ? undefined : Number(row['reached']);
}

/** Findings first: were they written alone, the next run would write the same again. */
export async function writeRun(
  store: DetectStore,
  whose: Whose,
  run: {
    readonly head: Head;
    readonly changed: ReadonlyMap<string, KeyState>;
    readonly findings: readonly Finding[];
  },
): Promise<void> {
  const { untilMs, ...head } = run.head;
  const time = new Date(untilMs).toISOString();
  await store.note(
    'findings',
    run.findings.map((finding) => ({
      question: finding.question,
      id: finding.id,
      time: finding.startedAt,
      version: new Date(versionMs(finding)).toISOString(),
      state: finding.state,
      muted: finding.muted,
      finding: JSON.stringify(finding),
    })),
  );
  const states = [...run.changed].map(([key, state]) => ({
    ...whose,
    key,
    time,
    state: JSON.stringify(state),
  }));
  await store.note('detector_state', [...states, { ...whose, key: '', time, state: JSON.stringify(head) }]);
}

export async function readFindings(
  store: DetectStore,
  { sinceMs, question, state, limit }: FindingsAsked,
  nowMs: number,
): Promise<readonly Finding[]> {
  const params = { from: new Date(nowMs - sinceMs), question: question ?? '', state: state ?? '', limit };
  const rows = await store.query({ name: 'findings', sql: statements.findings, params });
  return rows.map(({ finding }) => JSON.parse(String(finding)) as Finding);
}

const recentMax = 10_000;

/** Those that were told of since then, in the order of their start. */
export async function readRecent(store: DetectStore, fromMs: number): Promise<readonly Finding[]> {
  const params = { from: new Date(fromMs), limit: recentMax };
  const rows = await store.query({ name: 'findings', sql: statements.recent, params });
  return rows.map(({ finding }) => JSON.parse(String(finding)) as Finding);
}

export async function readAttempts(store: DetectStore, fromMs: number): Promise<readonly Attempt[]> {
  const params = { from: new Date(fromMs) };
  const rows = await store.query({ name: 'deliveries', sql: statements.attempts, params });
  return rows.map(({ at_ms: atMs, ...row }) => ({ ...row, atMs: Number(atMs) }) as unknown as Attempt);
}

export async function countOpen(
  store: DetectStore,
  { question, finds }: { readonly question: string; readonly finds: string },
): Promise<number> {
  const params = { question, finds };
  const [row] = await store.query({ name: question, sql: statements.openFindings, params });
  return Number(row?.['open'] ?? 0);
}

export interface Heard {
  readonly sinceMs: number;
  readonly nodes: number;
  /** Those that were not heard by that time. */
  readonly young: number;
}

/** Undefined where no node was ever heard. */
export async function readHeard(store: DetectStore, knownMs: number): Promise<Heard | undefined> {
  const params = { known: new Date(knownMs) };
  const [row] = await store.query({ name: 'nodes heard', sql: statements.heard, params });
  if (row === undefined) return undefined;
  return { sinceMs: Number(row['since']), nodes: Number(row['nodes']), young: Number(row['young']) };
}
