/**
 * New edges between hosts on ports of remote administration, and the chains that they make: an edge follows
 * another one when its source is where that one went, within half an hour (the paths of "Hopper", Ho and
 * others, USENIX Security 2021, without the logins that those have). Whoever meets new hosts on several days
 * administers them: that is no news, and said. What comes is edges that are half an hour old at most.
 */

import { count, defineMethod, threshold, type Firing, type Seen, type Step } from '../method.ts';

interface Edge {
  /** When it was new. */
  readonly atMs: number;
  readonly from: string;
  readonly to: string;
  readonly port: string;
  /** Who told it first; the other end may tell it too. */
  readonly direction: string;
  /** Where its end is, as far as that was told: a host's network namespace. */
  readonly end: string;
  readonly start: string;
  readonly bytes: number;
  readonly isTold: boolean;
  readonly isLarge: boolean;
}

interface State {
  readonly recent: Readonly<Record<string, Edge>>;
  /** By who and port: how many new ones on which day (of Unix time). */
  readonly days: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

const [minuteMs, dayMs] = [60_000, 86_400_000];
const recentMax = 500;
const sourcesMax = 1000;
const daysKept = 30;
const hopsMax = 8;
const namedMax = 3;

/** MITRE ATT&CK: Remote Services and its ways, and Container Administration Command. */
const techniques: Readonly<Record<string, string>> = {
  '22': 'T1021.004',
  '135': 'T1021.003',
  '139': 'T1021.002',
  '445': 'T1021.002',
  '3389': 'T1021.001',
  '5900': 'T1021.005',
  '5985': 'T1021.006',
  '5986': 'T1021.006',
  '2375': 'T1609',
  '2376': 'T1609',
  '6443': 'T1609',
  '10250': 'T1609',
};
/** Lateral Tool Transfer. */
const transfer = 'T1570';

function text(seen: Seen, name: string): string {
  return String(seen[name] ?? '');
}

function idOf(seen: Seen): string {
  return ['source.ip', 'destination.ip', 'destination.port'].map((name) => text(seen, name)).join(' ');
}

function sourceOf(seen: Seen): string {
  return `${text(seen, 'who')} to port ${text(seen, 'destination.port')}`;
}

function edgeOf(seen: Seen, atMs: number): Edge {
  const direction = text(seen, 'direction');
  const place = `${text(seen, 'host.name')} ${text(seen, 'namespace')}`;
  return {
    atMs,
    from: text(seen, 'source.ip'),
    to: text(seen, 'destination.ip'),
    port: text(seen, 'destination.port'),
    direction,
    end: direction === 'ingress' ? place : '',
    start: direction === 'egress' ? place : '',
    bytes: 0,
    isTold: false,
    isLarge: false,
  };
}

function follows(edge: Edge, before: Edge, chainMs: number): boolean {
  const isNext = before.to === edge.from || (before.end !== '' && before.end === edge.start);
  const isBack = before.from === edge.to || before.to === edge.to;
  const apartMs = edge.atMs - before.atMs;
  return isNext && !isBack && apartMs >= 0 && apartMs <= chainMs;
}

/** The edges that led there, the first one first; of several the newest. */
function pathTo(edge: Edge, recent: readonly Edge[], chainMs: number): readonly Edge[] {
  const path = [edge];
  for (let first = edge; path.length < hopsMax;) {
    const before = recent.filter((each) => !path.includes(each) && follows(first, each, chainMs));
    const newest = before.reduce<Edge | undefined>((a, b) => (a && a.atMs >= b.atMs ? a : b), undefined);
    if (newest === undefined) break;
    path.unshift(newest);
    first = newest;
  }
  return path;
}

function pathText(path: readonly Edge[]): string {
  return [path[0]?.from ?? '', ...path.map(({ to, port }) => `${to}:${port}`)].join(' → ');
}

/** Both ends may have told it: the bytes are those of the first that did. */
function merged(known: Edge | undefined, seen: Seen, atMs: number): Edge {
  const fresh = edgeOf(seen, atMs);
  const edge = known ?? fresh;
  const bytes = edge.direction === fresh.direction ? edge.bytes + count(seen, 'bytes') : edge.bytes;
  return { ...edge, bytes, end: edge.end || fresh.end, start: edge.start || fresh.start };
}

function daysBefore(of: Readonly<Record<string, number>> | undefined, today: number): number {
  return Object.keys(of ?? {}).filter((day) => Number(day) < today).length;
}

/** Those that met new ones on some days, in the order of their names. */
function restless(days: State['days'], today: number, daysMin: number): string | undefined {
  const names = Object.keys(days).filter((source) => daysBefore(days[source], today) >= daysMin);
  const more = names.length > namedMax ? ` and ${String(names.length - namedMax)} more` : '';
  if (names.length === 0) return undefined;
  return `new ones are usual of ${names.sort().slice(0, namedMax).join(', ')}${more}`;
}

function kept(days: State['days'], today: number): State['days'] {
  const all = Object.entries(days).map(([source, of]) => {
    const lately = Object.entries(of).filter(([day]) => Number(day) > today - daysKept);
    return [source, Object.fromEntries(lately)] as const;
  });
  const newest = (of: Readonly<Record<string, number>>): number =>
    Math.max(0, ...Object.keys(of).map(Number));
  const some = all.filter(([, of]) => Object.keys(of).length > 0);
  return Object.fromEntries(some.sort((a, b) => newest(b[1]) - newest(a[1])).slice(0, sourcesMax));
}

function firingOf(seen: Seen, edge: Edge, path: readonly Edge[]): Firing {
  const isChain = path.length > 1;
  return {
    seen,
    severity: isChain || edge.isLarge ? 'critical' : 'warning',
    statistic: path.length + (edge.isLarge ? 1 : 0),
    baseline: null,
    threshold: 1,
    facts: { path: pathText(path), hops: path.length, bytes: edge.bytes },
    technique: edge.isLarge ? transfer : (techniques[edge.port] ?? 'T1021'),
  };
}

interface Shown {
  readonly seen: Seen;
  /** Of somebody who always meets new ones. */
  readonly isUsual: boolean;
  /** One too many of somebody new. */
  readonly isOneOfMany: boolean;
}

/** Counts it where it is new. */
function judged(
  step: Step<State>,
  seen: Seen,
  { days, isNew }: { readonly days: Map<string, Readonly<Record<string, number>>>; readonly isNew: boolean },
): Shown {
  const today = Math.floor(step.atMs / dayMs);
  const source = sourceOf(seen);
  const of = days.get(source) ?? {};
  const nth = (of[today] ?? 0) + (isNew ? 1 : 0);
  if (isNew) days.set(source, { ...of, [today]: nth });
  const isUsual = daysBefore(of, today) >= threshold(step, 'restless_days');
  return { seen, isUsual, isOneOfMany: isNew && nth > threshold(step, 'per_day') };
}

/** New edges join those of the last half hour; to those that are known already bytes are added. */
function gather(step: Step<State>, chainMs: number) {
  const before = Object.entries(step.state?.recent ?? {});
  const recent = new Map(before.filter(([, { atMs }]) => step.atMs - atMs <= chainMs));
  const days = new Map(Object.entries(step.state?.days ?? {}));
  const shown = new Map<string, Shown>();
  for (const seen of step.seen) {
    const id = idOf(seen);
    const known = recent.get(id);
    const isNew = count(seen, 'age_ms') === 0 && count(seen, 'heard_h') >= threshold(step, 'heard_h');
    if (known === undefined && !isNew) continue;
    recent.set(id, merged(known, seen, step.atMs));
    if (!shown.has(id)) shown.set(id, judged(step, seen, { days, isNew: known === undefined }));
  }
  return { recent, days, shown };
}

/** What there is to tell of an edge that this step had something of, and the edge as it is then. */
function told(
  { seen, isUsual, isOneOfMany }: Shown,
  edge: Edge,
  { step, path }: { readonly step: Step<State>; readonly path: readonly Edge[] },
): readonly [edge: Edge, firings: readonly Firing[]] {
  const isLarge = edge.bytes > threshold(step, 'large_mib') * 1024 * 1024;
  const isMore = path.length > 1 || isLarge;
  const isNews = edge.isTold ? isLarge !== edge.isLarge : edge.atMs === step.atMs || isMore;
  const isTold = isNews && !isUsual && (!isOneOfMany || isMore);
  const now = { ...edge, isLarge, isTold: edge.isTold || isTold };
  return [now, isTold ? [firingOf(seen, now, path)] : []];
}

export const method = defineMethod<State>({
  revision: 1,
  thresholds: ['heard_h', 'chain_min', 'large_mib', 'restless_days', 'per_day'],
  step(step) {
    const today = Math.floor(step.atMs / dayMs);
    const chainMs = threshold(step, 'chain_min') * minuteMs;
    const { recent, days, shown } = gather(step, chainMs);
    const all = [...recent.values()];
    const firings: Firing[] = [];
    for (const [id, each] of shown) {
      const edge = recent.get(id);
      if (edge === undefined) continue;
      const [now, news] = told(each, edge, { step, path: pathTo(edge, all, chainMs) });
      recent.set(id, now);
      firings.push(...news);
    }
    const daysNow = kept(Object.fromEntries(days), today);
    const newest = [...recent].sort((a, b) => b[1].atMs - a[1].atMs).slice(0, recentMax);
    return {
      state: { recent: Object.fromEntries(newest), days: daysNow },
      status: 'armed',
      why: restless(daysNow, today, threshold(step, 'restless_days')),
      firings,
    };
  },
});
