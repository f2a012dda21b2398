/** What a method is: one file in methods/, a pure function over what one step saw of one key. */

import { readdirSync } from 'node:fs';
import type { DetectorState, Severity } from '../../question/finding.ts';

/** What detect.sql gave for a key and step, by column: labels are text, what is counted are numbers. */
export type Seen = Readonly<Record<string, number | string>>;

export interface Step<State> {
  /** What the step before left; undefined for a key that was never seen. JSON can say it. */
  readonly state: State | undefined;
  /** One where the key is all; one for each `within` otherwise. Never none. */
  readonly seen: readonly Seen[];
  /** The step: Unix time of its start, and its length. */
  readonly atMs: number;
  readonly stepMs: number;
  /** From the manifest. */
  readonly thresholds: Readonly<Record<string, number>>;
  /** IANA name: whose hours and days they are. */
  readonly zone: string;
  /** Keys that the detector has: what a budget of false alarms is shared by. */
  readonly keys: number;
  /** States of the other keys of the same environment, as they are by then. */
  readonly peers: () => Iterable<State>;
}

export interface Firing {
  /** Which of them it is. */
  readonly seen: Seen;
  readonly severity: Severity;
  readonly statistic: number;
  readonly baseline: number | null;
  readonly threshold: number;
  readonly facts: Readonly<Record<string, number | string>>;
  /** Where it is another one than the detector's. */
  readonly technique?: string;
}

export interface Stepped<State> {
  readonly state: State;
  readonly status: Exclude<DetectorState, 'muted'>;
  /** What it cannot tell of this key, and why, such as `novelty 23 %`. */
  readonly why?: string | undefined;
  readonly firings: readonly Firing[];
}

export interface Method<State = unknown> {
  /** Another one begins with no state: what older ones left is not read. */
  readonly revision: number;
  /** Names of all thresholds that it needs. */
  readonly thresholds: readonly string[];
  /** It goes by local hours: what was learned by those of another zone is not read. */
  readonly isZoned?: boolean;
  step(step: Step<State>): Stepped<State>;
}

/** Gives a method the types of its state. */
export function defineMethod<State>(method: Method<State>): Method {
  return method;
}

/** By the names of their files. */
export async function loadMethods(): Promise<ReadonlyMap<string, Method>> {
  const folder = new URL('methods/', import.meta.url);
  const files = readdirSync(folder).filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'));
  const loaded = files.sort().map(async (file) => {
    const { method } = (await import(new URL(file, folder).href)) as { method: Method };
    return [file.replace(/\.ts$/, ''), method] as const;
  });
  return new Map(await Promise.all(loaded));
}

/** A threshold that the manifest is known to have. */
export function threshold({ thresholds }: Pick<Step<unknown>, 'thresholds'>, name: string): number {
  const value = thresholds[name];
  if (value === undefined) throw new Error(`no threshold ${name}`);
  return value;
}

/** A count of detect.sql; 0 where it is none. */
export function count(seen: Seen, name: string): number {
  const value = seen[name];
  return typeof value === 'number' ? value : 0;
}

/** What is left of 1 after some time. */
export function decay(passedMs: number, halfLifeMs: number): number {
  return 2 ** (-Math.max(0, passedMs) / halfLifeMs);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = 0, high = 0] = [sorted[(sorted.length - 1) >> 1], sorted[middle]];
  return (low + high) / 2;
}
