/**
 * A map of at most so many entries: when it is full, the one goes that was longest not used.
 *
 * Which one that is stands in a ring of links, and not in the order of a Map: there each use would leave an
 * empty place behind, and whatever remembers where the order begins keeps every table that the Map outgrew.
 */

export interface LruMap<K, V> {
  /** Counts as a use. */
  get(key: K): V | undefined;
  set(key: K, value: V): void;
  size(): number;
  clear(): void;
}

interface Linked {
  older: Linked;
  newer: Linked;
}

interface Entry<K, V> extends Linked {
  readonly key: K;
  readonly value: V;
}

function unlink({ older, newer }: Linked): void {
  older.newer = newer;
  newer.older = older;
}

export function lruMap<K, V>(entriesMax: number): LruMap<K, V> {
  const entries = new Map<K, Entry<K, V>>();
  /** Closed upon itself: the oldest is the newer of it, the newest the older. */
  const ring = {} as Linked;
  const reset = (): void => void (ring.older = ring.newer = ring);
  reset();

  /** As the newest. */
  function link(entry: Linked): void {
    entry.older = ring.older;
    entry.newer = ring;
    ring.older.newer = entry;
    ring.older = entry;
  }

  return {
    get(key) {
      const entry = entries.get(key);
      if (!entry) return undefined;
      unlink(entry);
      link(entry);
      return entry.value;
    },
    set(key, value) {
      const before = entries.get(key);
      if (before) unlink(before);
      const entry = { key, value } as Entry<K, V>;
      link(entry);
      entries.set(key, entry);
      if (entries.size <= entriesMax) return;
      const oldest = ring.newer as Entry<K, V>;
      unlink(oldest);
      entries.delete(oldest.key);
    },
    size: () => entries.size,
    clear() {
      entries.clear();
      reset();
    },
  };
}
