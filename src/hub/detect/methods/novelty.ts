/**
 * How likely is it that what comes next was never seen? (N1 + 1) / (N + 1), where N1 of N sightings are of
 * what was seen once (Good 1953). What is new where that is rare is a finding, unless it is expected; what
 * always meets new things cannot be judged, and says so. A sighting is one step with one destination, however
 * many connections.
 */

import { count, decay, defineMethod, threshold, type Firing, type Seen, type Step } from '../method.ts';

/** Of those seen least, more are forgotten. */
const groupsMax = 500;
const firingsMax = 5;
const hourMs = 3_600_000;
/** What has faded to less than this is forgotten. */
const sightingsMin = 0.2;

interface State {
  readonly atMs: number;
  readonly firstMs: number;
  /** Sightings of each destination, as they were worth at `atMs`. */
  readonly groups: Readonly<Record<string, number>>;
}

function groupOf(seen: Seen): string {
  return `${seen['destination.group'] ?? ''} ${seen['destination.port'] ?? ''}`;
}

function faded(state: State | undefined, kept: number): Map<string, number> {
  const groups = Object.entries(state?.groups ?? {}).map(([group, n]) => [group, n * kept] as const);
  return new Map(groups.filter(([, n]) => n >= sightingsMin));
}

function scoreOf(step: Step<State>, seen: Seen, known: { readonly p: number; readonly ports: Set<string> }) {
  const isNewPort = !known.ports.has(String(seen['destination.port']));
  const signs = count(seen, 'nameless') + (isNewPort ? threshold(step, 'port_bonus') : 0);
  return -Math.log10(known.p) + signs;
}

function kept(groups: ReadonlyMap<string, number>): Record<string, number> {
  const most = [...groups].sort((a, b) => b[1] - a[1]).slice(0, groupsMax);
  return Object.fromEntries(most.map(([group, n]) => [group, Number(n.toFixed(3))]));
}

export const method = defineMethod<State>({
  revision: 1,
  thresholds: ['half_life_d', 'novelty', 'sightings', 'hours_learned', 'port_bonus'],
  step(step) {
    const { state, seen: all, atMs } = step;
    const halfLifeMs = threshold(step, 'half_life_d') * 24 * hourMs;
    const groups = faded(state, state ? decay(atMs - state.atMs, halfLifeMs) : 0);
    const n = [...groups.values()].reduce((sum, each) => sum + each, 0);
    const once = [...groups.values()].filter((each) => each <= 1).length;
    const p = (once + 1) / (n + 1);
    const firstMs = state?.firstMs ?? atMs;
    const isLearning =
      n < threshold(step, 'sightings') || atMs - firstMs < threshold(step, 'hours_learned') * hourMs;
    const status = isLearning ? 'learning' : p > threshold(step, 'novelty') ? 'insufficient' : 'armed';
    const ports = new Set([...groups.keys()].map((group) => group.slice(group.lastIndexOf(' ') + 1)));
    const isUnknown = (seen: Seen): boolean => !groups.has(groupOf(seen)) && count(seen, 'expected') === 0;
    const unknown = status === 'armed' ? all.filter(isUnknown) : [];
    const firings: Firing[] = unknown.map((seen) => ({
      seen,
      severity: 'warning',
      statistic: scoreOf(step, seen, { p, ports }),
      baseline: null,
      threshold: -Math.log10(threshold(step, 'novelty')),
      facts: { opened: count(seen, 'opened'), novelty: p, hosts: count(seen, 'hosts') },
    }));
    for (const group of new Set(all.map(groupOf))) groups.set(group, (groups.get(group) ?? 0) + 1);
    return {
      state: { atMs, firstMs, groups: kept(groups) },
      status,
      why: status === 'insufficient' ? `novelty ${String(Math.round(100 * p))} %` : undefined,
      firings: firings.toSorted((a, b) => b.statistic - a.statistic).slice(0, firingsMax),
    };
  },
});
