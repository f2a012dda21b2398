/**
 * How likely is it that what comes next was never seen? (N1 + 1) / (N + 1), where N1 of N sightings are of
 * what was seen once (Good 1953). What is new where that is rare is a finding, unless it is expected; what
 * always meets new things cannot be judged, and says so. A sighting is one step with one destination, however
 * many connections.
 *
 * What a fifth of the peers know, others that run the same image, is no finding (the prevalence of Oprea and
 * others, DSN 2015). Signs make one stranger: no name, and a port, an organization or a process that are new,
 * more bytes than 99 of 100 sightings sent.
 */

import { deploying, type Deployed, type Deploying } from '../deployment.ts';
import { count, decay, defineMethod, threshold, type Firing, type Seen, type Step } from '../method.ts';

/** Of those seen least, more are forgotten. */
const groupsMax = 500;
const namesMax = 200;
const firingsMax = 5;
const hourMs = 3_600_000;
/** What has faded to less than this is forgotten. */
const sightingsMin = 0.2;
/** From so many sightings on their 99th percentile is one; then half of them are forgotten. */
const [sizesMin, sizesMax] = [200, 20_000];

interface State extends Deploying {
  readonly atMs: number;
  readonly firstMs: number;
  /** Sightings of each destination, as they were worth at `atMs`. */
  readonly groups: Readonly<Record<string, number>>;
  /** Seen so far, the newest last. */
  readonly processes: readonly string[];
  readonly orgs: readonly string[];
  /** Sightings by how much was sent: in half octaves. */
  readonly sizes: Readonly<Record<number, number>>;
}

function groupOf(seen: Seen): string {
  return `${seen['destination.group'] ?? ''} ${seen['destination.port'] ?? ''}`;
}

function text(seen: Seen, name: string): string {
  return String(seen[name] ?? '');
}

function faded(state: State | undefined, kept: number): Map<string, number> {
  const groups = Object.entries(state?.groups ?? {}).map(([group, n]) => [group, n * kept] as const);
  return new Map(groups.filter(([, n]) => n >= sightingsMin));
}

function sizeOf(seen: Seen): number {
  return Math.round(2 * Math.log2(count(seen, 'sent') + 1));
}

/** Above it is one sighting in a hundred; Infinity while too few are known. */
function usualSize(sizes: State['sizes']): number {
  const all = Object.entries(sizes).map(([size, n]) => [Number(size), n] as const);
  const total = all.reduce((sum, [, n]) => sum + n, 0);
  if (total < sizesMin) return Infinity;
  let above = 0;
  for (const [size, n] of all.sort((a, b) => b[0] - a[0])) {
    above += n;
    if (above > total / 100) return size;
  }
  return Infinity;
}

/** Without tag and digest: what is deployed anew stays the same. */
function imageNames(images: Deploying['images']): string[] {
  return Object.keys(images ?? {}).map((image) => image.replace(/@.*$/, '').replace(/:[^/:]*$/, ''));
}

interface Prevalence {
  readonly peers: number;
  readonly knowing: number;
}

/** Others with an image of this one's; none where images are not known. */
function prevalenceOf(step: Step<State>, group: string, { images }: Deployed): Prevalence {
  const names = imageNames(images);
  if (names.length === 0) return { peers: 0, knowing: 0 };
  let [peers, knowing] = [0, 0];
  for (const peer of step.peers()) {
    if (!imageNames(peer.images).some((name) => names.includes(name))) continue;
    peers += 1;
    if (group in peer.groups) knowing += 1;
  }
  return { peers, knowing };
}

function signsOf(
  seen: Seen,
  { state, groups }: { state: State | undefined; groups: ReadonlyMap<string, number> },
) {
  const { processes = [], orgs = [], sizes = {} } = state ?? {};
  const [process, org] = [text(seen, 'process.name'), text(seen, 'org')];
  const isStrange = (name: string, known: readonly string[]): boolean =>
    name !== '' && known.length > 0 && !known.includes(name);
  const ports = [...groups.keys()].map((group) => group.slice(group.lastIndexOf(' ') + 1));
  const signs: Readonly<Record<string, boolean>> = {
    'new port': !ports.includes(text(seen, 'destination.port')),
    'new organization': isStrange(org, orgs),
    'new process': isStrange(process, processes),
    'much sent': sizeOf(seen) > usualSize(sizes),
  };
  return Object.keys(signs).filter((sign) => signs[sign]);
}

function firingOf(step: Step<State>, seen: Seen, known: Known): Firing {
  const { p, deployed } = known;
  const signs = signsOf(seen, { state: step.state, groups: known.groups });
  const isNameless = count(seen, 'nameless') > 0;
  const { peers, knowing } = prevalenceOf(step, groupOf(seen), deployed);
  return {
    seen,
    severity: 'warning',
    statistic: -Math.log10(p) + (isNameless ? 1 : 0) + signs.length * threshold(step, 'bonus'),
    baseline: null,
    threshold: -Math.log10(threshold(step, 'novelty')),
    facts: {
      opened: count(seen, 'opened'),
      novelty: p,
      hosts: count(seen, 'hosts'),
      signs: [...(isNameless ? ['no name'] : []), ...signs].join(', ') || 'none',
      peers: peers === 0 ? 'not known' : `${knowing} of ${peers} know it`,
    },
  };
}

interface Known {
  readonly groups: ReadonlyMap<string, number>;
  readonly p: number;
  readonly deployed: Deployed;
}

function isKnownToPeers(step: Step<State>, seen: Seen, { deployed }: Known): boolean {
  const { peers, knowing } = prevalenceOf(step, groupOf(seen), deployed);
  return peers > 0 && knowing / peers >= threshold(step, 'known_share');
}

function kept(groups: ReadonlyMap<string, number>): Record<string, number> {
  const most = [...groups].sort((a, b) => b[1] - a[1]).slice(0, groupsMax);
  return Object.fromEntries(most.map(([group, n]) => [group, Number(n.toFixed(3))]));
}

function namesWith(known: readonly string[] | undefined, seen: readonly Seen[], name: string): string[] {
  const all = seen.map((each) => text(each, name)).filter((each) => each !== '');
  return [...new Set([...(known ?? []), ...all])].slice(-namesMax);
}

function sizesWith(known: State['sizes'] | undefined, seen: readonly Seen[]): Record<number, number> {
  const sizes: Record<number, number> = { ...known };
  for (const each of seen) sizes[sizeOf(each)] = (sizes[sizeOf(each)] ?? 0) + 1;
  const total = Object.values(sizes).reduce((sum, n) => sum + n, 0);
  if (total <= sizesMax) return sizes;
  return Object.fromEntries(Object.entries(sizes).map(([size, n]) => [size, Math.ceil(n / 2)]));
}

/** With which status new ones are looked at, and why they are not. */
function standing(step: Step<State>, { groups, p, deployed }: Known) {
  const n = [...groups.values()].reduce((sum, each) => sum + each, 0);
  const ageMs = step.atMs - (step.state?.firstMs ?? step.atMs);
  if (n < threshold(step, 'sightings') || ageMs < threshold(step, 'hours_learned') * hourMs) {
    return { status: 'learning' } as const;
  }
  const isDeployed = step.atMs - deployed.deployedMs < threshold(step, 'deploy_min') * 60_000;
  if (isDeployed) return { status: 'insufficient', why: 'is being deployed' } as const;
  if (p <= threshold(step, 'novelty')) return { status: 'armed' } as const;
  return { status: 'insufficient', why: `novelty ${String(Math.round(100 * p))} %` } as const;
}

export const method = defineMethod<State>({
  revision: 2,
  thresholds: [
    ...['half_life_d', 'novelty', 'sightings', 'hours_learned'],
    ...['bonus', 'known_share', 'deploy_min'],
  ],
  step(step) {
    const { state, seen: all, atMs } = step;
    const halfLifeMs = threshold(step, 'half_life_d') * 24 * hourMs;
    const groups = faded(state, state ? decay(atMs - state.atMs, halfLifeMs) : 0);
    const n = [...groups.values()].reduce((sum, each) => sum + each, 0);
    const once = [...groups.values()].filter((each) => each <= 1).length;
    const images = all.map((seen) => text(seen, 'images')).join(' ');
    const deployed = deploying(state, { images }, atMs);
    const known: Known = { groups, p: (once + 1) / (n + 1), deployed };
    const { status, why } = { why: undefined, ...standing(step, known) };
    const isUnknown = (seen: Seen): boolean => !groups.has(groupOf(seen)) && count(seen, 'expected') === 0;
    const unknown = status === 'armed' ? all.filter(isUnknown) : [];
    const firings = unknown
      .filter((seen) => !isKnownToPeers(step, seen, known))
      .map((seen) => firingOf(step, seen, known));
    const after = new Map(groups);
    for (const group of new Set(all.map(groupOf))) after.set(group, (after.get(group) ?? 0) + 1);
    return {
      state: {
        atMs,
        firstMs: state?.firstMs ?? atMs,
        groups: kept(after),
        processes: namesWith(state?.processes, all, 'process.name'),
        orgs: namesWith(state?.orgs, all, 'org'),
        sizes: sizesWith(state?.sizes, all),
        images: deployed.images,
        deployedMs: deployed.deployedMs,
      },
      status,
      why,
      firings: firings.toSorted((a, b) => b.statistic - a.statistic).slice(0, firingsMax),
    };
  },
});
