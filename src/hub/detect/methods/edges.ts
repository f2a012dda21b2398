/**
 * New edges between hosts on ports of remote administration, and what they make together in half an hour.
 * A chain: an edge follows another one when its source is where that one went (the paths of "Hopper", Ho and
 * others, USENIX Security 2021, without the logins that those have). A spread: one source, several addresses.
 * A single one is an errand, and in the answer. Whoever meets new hosts on several days administers them:
 * that is no news, and said. What comes is edges that are half an hour old at most.
 */

import { count, defineMethod, threshold, type Firing, type Seen, type Step } from '../method.ts';

interface Edge {
  /** When it was new. */
  readonly atMs: number;
  readonly who: string;
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

/** By name: how many on which day (of Unix time). */
type Days = Readonly<Record<string, Readonly<Record<string, number>>>>;

interface State {
  readonly recent: Readonly<Record<string, Edge>>;
  /** New edges, by who and port. */
  readonly days: Days;
  /** When something was told in the last day, by who. */
  readonly told: Readonly<Record<string, readonly number[]>>;
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

function sourceOf({ who, port }: Pick<Edge, 'who' | 'port'>): string {
  return `${who} to port ${port}`;
}

function edgeOf(seen: Seen, atMs: number): Edge {
  const direction = text(seen, 'direction');
  const place = `${text(seen, 'host.name')} ${text(seen, 'namespace')}`;
  return {
    atMs,
    who: text(seen, 'who'),
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

/** What may come before an edge: those that went to where it begins. */
function openBefore(recent: readonly Edge[]): (edge: Edge) => readonly Edge[] {
  const byAddress = Map.groupBy(recent, ({ to }) => to);
  const byEnd = Map.groupBy(recent, ({ end }) => end);
  byEnd.delete('');
  return ({ from, start }) => [...(byAddress.get(from) ?? []), ...(byEnd.get(start) ?? [])];
}

/** The edges that led there, the first one first; of several the newest. */
function pathTo(edge: Edge, beforeOf: (edge: Edge) => readonly Edge[], chainMs: number): readonly Edge[] {
  const path = [edge];
  for (let first = edge; path.length < hopsMax;) {
    const before = beforeOf(first).filter((each) => !path.includes(each) && follows(first, each, chainMs));
    const newest = before.reduce<Edge | undefined>((a, b) => (a && a.atMs >= b.atMs ? a : b), undefined);
    if (newest === undefined) break;
    path.unshift(newest);
    first = newest;
  }
  return path;
}

const placeOf = ({ to, port }: Edge): string => `${to}:${port}`;

/** `a → b:22 → c:22`, or `a → b:22, c:22, d:22`. */
function pathText({ path, spread }: Together): string {
  if (path.length > 1) return [path[0]?.from ?? '', ...path.map(placeOf)].join(' → ');
  const named = spread.slice(0, hopsMax).map(placeOf).join(', ');
  const more = spread.length > hopsMax ? ` and ${String(spread.length - hopsMax)} more` : '';
  return `${path[0]?.from ?? ''} → ${named}${more}`;
}

/** Both ends may have told it: the bytes are those of the first that did, and its own end knows who it is. */
function merged(known: Edge | undefined, seen: Seen, atMs: number): Edge {
  const fresh = edgeOf(seen, atMs);
  const edge = known ?? fresh;
  const bytes = edge.direction === fresh.direction ? edge.bytes + count(seen, 'bytes') : edge.bytes;
  const { who } = fresh.direction === 'egress' ? fresh : edge;
  return { ...edge, who, bytes, end: edge.end || fresh.end, start: edge.start || fresh.start };
}

function daysBefore(of: Readonly<Record<string, number>> | undefined, today: number): number {
  return Object.keys(of ?? {}).filter((day) => Number(day) < today).length;
}

/** Those that met new ones on some days, in the order of their names. */
function restless(days: Days, today: number, daysMin: number): string | undefined {
  const names = Object.keys(days).filter((source) => daysBefore(days[source], today) >= daysMin);
  const more = names.length > namedMax ? ` and ${String(names.length - namedMax)} more` : '';
  if (names.length === 0) return undefined;
  return `new ones are usual of ${names.sort().slice(0, namedMax).join(', ')}${more}`;
}

function kept(days: ReadonlyMap<string, Days[string]>, today: number): Days {
  const all = [...days].map(([source, of]) => {
    const lately = Object.entries(of).filter(([day]) => Number(day) > today - daysKept);
    return [source, Object.fromEntries(lately)] as const;
  });
  const newest = (of: Readonly<Record<string, number>>): number =>
    Math.max(0, ...Object.keys(of).map(Number));
  const some = all.filter(([, of]) => Object.keys(of).length > 0);
  return Object.fromEntries(some.sort((a, b) => newest(b[1]) - newest(a[1])).slice(0, sourcesMax));
}

function countIn(days: Map<string, Days[string]>, name: string, today: number): void {
  const of = days.get(name) ?? {};
  days.set(name, { ...of, [today]: (of[today] ?? 0) + 1 });
}

/** What hangs together with an edge: those that led there, and the others of its source. */
interface Together {
  readonly path: readonly Edge[];
  /** One for each address, itself included. */
  readonly spread: readonly Edge[];
}

/** `bytes`: that went over it; over a spread, the most that went over one of its edges. */
function firingOf(seen: Seen, edge: Edge, together: Together, step: Step<State>): Firing {
  const { path, spread } = together;
  const isChain = path.length > 1;
  const [strength, least] = isChain ? [path.length, 2] : [spread.length, threshold(step, 'spread')];
  const bytes = isChain ? edge.bytes : Math.max(edge.bytes, ...spread.map((each) => each.bytes));
  const isLarge = bytes > largeBytes(step);
  return {
    seen,
    severity: isChain || isLarge ? 'critical' : 'warning',
    statistic: strength + (isLarge ? 1 : 0),
    baseline: null,
    threshold: least,
    facts: { path: pathText(together), hops: path.length, addresses: spread.length, bytes },
    technique: isLarge ? transfer : (techniques[edge.port] ?? 'T1021'),
  };
}

function largeBytes(step: Step<State>): number {
  return threshold(step, 'large_mib') * 1024 * 1024;
}

/** By who: one edge for each address, in the order in which they were new. */
function spreads(edges: readonly Edge[]): ReadonlyMap<string, readonly Edge[]> {
  const inOrder = edges.toSorted((a, b) => a.atMs - b.atMs || (a.to < b.to ? -1 : 1));
  const all = [...Map.groupBy(inOrder, ({ who }) => who)];
  return new Map(
    all.map(([who, own]) => [who, [...new Map(own.map((each) => [each.to, each])).values()]] as const),
  );
}

/** New edges join those of the last half hour; to those that are known already bytes are added. */
function gather(step: Step<State>, today: number) {
  const before = Object.entries(step.state?.recent ?? {});
  const chainMs = threshold(step, 'chain_min') * minuteMs;
  const recent = new Map(before.filter(([, { atMs }]) => step.atMs - atMs <= chainMs));
  const days = new Map(Object.entries(step.state?.days ?? {}));
  const shown = new Map<string, Seen>();
  for (const seen of step.seen) {
    const id = idOf(seen);
    const known = recent.get(id);
    const isNew = count(seen, 'age_ms') === 0 && count(seen, 'heard_h') >= threshold(step, 'heard_h');
    if (known === undefined && !isNew) continue;
    const edge = merged(known, seen, step.atMs);
    recent.set(id, edge);
    if (known === undefined) countIn(days, sourceOf(edge), today);
    if (!shown.has(id)) shown.set(id, seen);
  }
  return { recent, days, shown, chainMs };
}

/** Whoever always meets new ones is no news. */
function unusual(
  edges: readonly Edge[],
  days: ReadonlyMap<string, Days[string]>,
  step: Step<State>,
): readonly Edge[] {
  const today = Math.floor(step.atMs / dayMs);
  const daysMin = threshold(step, 'restless_days');
  return edges.filter((edge) => daysBefore(days.get(sourceOf(edge)), today) < daysMin);
}

function toldLately({ state, atMs }: Step<State>): Map<string, readonly number[]> {
  const all = Object.entries(state?.told ?? {});
  const lately = all.map(([who, times]) => [who, times.filter((at) => atMs - at < dayMs)] as const);
  return new Map(lately.filter(([, times]) => times.length > 0));
}

/** Whether there is something to tell of it; of one source a few a day, and one of them a spread. */
function isFound({ path, spread }: Together, step: Step<State>, toldOf: number): boolean {
  if (path.length > 1) return toldOf < threshold(step, 'per_day');
  return toldOf === 0 && spread.length >= threshold(step, 'spread');
}

export const method = defineMethod<State>({
  revision: 2,
  thresholds: ['heard_h', 'chain_min', 'spread', 'large_mib', 'restless_days', 'per_day'],
  step(step) {
    const today = Math.floor(step.atMs / dayMs);
    const { recent, days, shown, chainMs } = gather(step, today);
    const told = toldLately(step);
    const all = [...recent.values()];
    const strange = new Set(unusual(all, days, step));
    const [beforeOf, spreadOf] = [openBefore(all), spreads([...strange])];
    const firings: Firing[] = [];
    for (const [id, seen] of shown) {
      const edge = recent.get(id);
      if (edge === undefined) continue;
      const together = { path: pathTo(edge, beforeOf, chainMs), spread: spreadOf.get(edge.who) ?? [] };
      if (!together.path.some((each) => strange.has(each))) continue;
      const isLarge = edge.bytes > largeBytes(step);
      const isFirst = !edge.isTold && isFound(together, step, told.get(edge.who)?.length ?? 0);
      if (isFirst) told.set(edge.who, [...(told.get(edge.who) ?? []), step.atMs]);
      const now = { ...edge, isLarge, isTold: edge.isTold || isFirst };
      recent.set(id, now);
      if (isFirst || (edge.isTold && isLarge && !edge.isLarge))
        firings.push(firingOf(seen, now, together, step));
    }
    const daysNow = kept(days, today);
    const newest = [...recent].sort((a, b) => b[1].atMs - a[1].atMs).slice(0, recentMax);
    return {
      state: { recent: Object.fromEntries(newest), days: daysNow, told: Object.fromEntries(told) },
      status: 'armed',
      why: restless(daysNow, today, threshold(step, 'restless_days')),
      firings,
    };
  },
});
