/**
 * Network namespaces that the programs have given no number: all places were taken, or nothing was seen of
 * them. Where the kernel counted, that is missing from what Sonde counted, and told.
 *
 * Owns whose turn it is to be read: one visit costs 0.2 ms of CPU, so a window's end makes some and the next
 * one others. Must never tell what the programs have met or the instance does not look at.
 */

import {
  noCounts,
  reconciledCounters,
  type NamespaceObservation,
  type Reading,
} from '../../model/observation.ts';

/** Visits at a window's end: 15 ms of CPU. Of more namespaces than this, each is read every few windows. */
const visitsMax = 64;

export const unreachableGone = 'no process and no mount of it is left';

/** Told, by cookie; `placeless`: because all places were taken. JSON. */
export type UnmetNamespaces = readonly (readonly [cookie: string, inode: number, placeless: boolean])[];

export interface UnmetParts {
  /** The kernel's counters; nothing of them was seen. */
  readonly read: (path: string) => Promise<[cookie: bigint, Reading]>;
  /** What to measure from. */
  readonly baseline: (cookie: bigint) => Reading;
  /** By a program, now or before. */
  readonly met: () => ReadonlySet<bigint>;
  /** Undefined: all. */
  readonly scope: readonly bigint[] | undefined;
  /** How often a namespace found no place. */
  readonly full: () => number;
}

export interface Unmet {
  state(): UnmetNamespaces;
  resume(before: UnmetNamespaces): void;
  /** It had no place for a while, then it was met: what it opened meanwhile is not among its counts. */
  wasPlaceless(cookie: bigint): boolean;
  /** Of `found`, without those that were reached by number. */
  observe(
    found: ReadonlyMap<number, string>,
    reached: ReadonlySet<number>,
  ): Promise<readonly NamespaceObservation[]>;
  /** Those that are gone, and told so, since the last call. */
  takeGone(): readonly bigint[];
  forget(cookie: bigint): void;
}

function moved(from: Reading, to: Reading): boolean {
  return reconciledCounters.some((name) => to.kernel[name] !== from.kernel[name]);
}

/** One after the other, by inode, from where the last call ended. */
function turns(): (inodes: readonly number[]) => readonly number[] {
  let last = 0;
  return (inodes) => {
    const [earlier, later] = [
      inodes.filter((inode) => inode <= last),
      inodes.filter((inode) => inode > last),
    ];
    const chosen = [later, earlier].flatMap((some) => some.sort((a, b) => a - b)).slice(0, visitsMax);
    last = chosen.at(-1) ?? 0;
    return chosen;
  };
}

interface Visited {
  readonly cookie: bigint;
  readonly now: Reading;
}

export function openUnmet({ read, baseline, met, scope, full }: UnmetParts): Unmet {
  const told = new Map<bigint, { readonly inode: number; readonly placeless: boolean }>();
  /** Not to be looked at. (Those that are exist already and keep their inodes.) */
  const outside = new Set<number>();
  const next = turns();
  let gone: bigint[] = [];
  const counts = (cookie: bigint, inode: number) => ({
    id: 0,
    cookie,
    inode,
    counters: noCounts,
    untracked: 0,
  });

  async function visit(found: ReadonlyMap<number, string>, inodes: readonly number[]) {
    const visited = new Map<number, Visited>();
    for (const inode of inodes) {
      try {
        const [cookie, now] = await read(found.get(inode) ?? '');
        if (scope && !scope.includes(cookie)) outside.add(inode);
        else visited.set(inode, { cookie, now });
      } catch {
        continue; // it went away, or may not be entered: nothing can be said of it
      }
    }
    return visited;
  }

  function tell(inode: number, { cookie, now }: Visited): NamespaceObservation {
    const placeless = full() > 0;
    told.set(cookie, { inode, placeless });
    return { counts: counts(cookie, inode), baseline: baseline(cookie), now, placeless };
  }

  /** Told before, and no more to be found. */
  function leave(isGone: (cookie: bigint, inode: number) => boolean): NamespaceObservation[] {
    const left = [...told].filter(([cookie, { inode }]) => isGone(cookie, inode));
    for (const [cookie] of left) told.delete(cookie);
    gone.push(...left.map(([cookie]) => cookie));
    return left.map(([cookie, { inode }]) => ({
      counts: counts(cookie, inode),
      unreachable: unreachableGone,
    }));
  }

  return {
    state: () =>
      [...told].map(([cookie, { inode, placeless }]) => [String(cookie), inode, placeless] as const),
    resume(before) {
      for (const [cookie, inode, placeless] of before) told.set(BigInt(cookie), { inode, placeless });
    },
    wasPlaceless: (cookie) => told.get(cookie)?.placeless ?? false,
    async observe(found, reached) {
      for (const inode of outside) if (!found.has(inode)) outside.delete(inode);
      const others = [...found.keys()].filter((inode) => !reached.has(inode) && !outside.has(inode));
      const visited = await visit(found, next(others));
      const known = met(); // after the visits: a program may have met one of them meanwhile
      const observations = [...visited]
        .filter(([, { cookie, now }]) => !known.has(cookie) && moved(baseline(cookie), now))
        .map(([inode, at]) => tell(inode, at));
      const isOther = (cookie: bigint, inode: number) => (visited.get(inode)?.cookie ?? cookie) !== cookie;
      return [
        ...observations,
        ...leave((cookie, inode) => !known.has(cookie) && (!found.has(inode) || isOther(cookie, inode))),
      ];
    },
    takeGone() {
      const all = gone;
      gone = [];
      return all;
    },
    forget: (cookie) => void told.delete(cookie),
  };
}
