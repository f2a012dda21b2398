/**
 * The places of the kernel's two tables of numbers (bpf/include/numbers.h): given to the programs, and taken
 * back.
 *
 * Owns the ring of free places. A number is retired in steps, each of one word: marked, its key removed,
 * marked so, its record blanked under the next turn, marked free, counted back, given. An agent that is
 * killed in between leaves a marked place, or a free one that is in no ring; both are found by `mend`. Must
 * never touch a place that a program fills, nor remove a key twice: it may be another number's by then.
 */

import assert from 'node:assert/strict';
import type { TypeInformation } from '../../lib/btf.ts';
import { numberFormat } from '../../lib/numbers.ts';

/** What is to be known of a table, by its place in `enum table`. */
export const numberedTables = {
  owners: { struct: 'owner', key: 'key', ids: 'owner_ids' },
  namespaces: { struct: 'netns', key: 'cookie', ids: 'netns_ids' },
} as const;

export type TableName = keyof typeof numberedTables;

export interface TableParts {
  readonly types: TypeInformation;
  readonly name: TableName;
  /** The map `numbers`, and the table: values in place. */
  readonly numbers: ArrayBuffer;
  readonly table: ArrayBuffer;
  /** Of the table, with place 0, which is never given. */
  readonly places: number;
  /** Forgets the numbers of these keys, which may be forgotten already. */
  readonly removeKeys: (keys: readonly Uint8Array[]) => Promise<void>;
  /** A place is free from now on; of its record the key is there. */
  readonly freed?: (record: DataView) => void;
}

export interface NumberTable {
  /** All places, before any program runs. */
  lay(): void;
  /** Numbers that became somebody's since the last call; at first, all. */
  met(): number[];
  /** All numbers that are somebody's now. */
  known(): number[];
  inUse(): number;
  /** How many more should be free: three in four, since a user may have as many as are (owner.h). */
  lacking(): number;
  /** Takes numbers back: none of them will mean anybody else. */
  retire(numbers: readonly number[]): Promise<void>;
  /** Finds places that are lost: an agent's that was killed, or a program's that came second. */
  mend(): Promise<void>;
}

/** The ring of a table, and its two counts that wrap. */
function openRing({ types, numbers, name }: TableParts) {
  const layout = types.layout('numbers');
  const { offset, count: size } = layout.field('places');
  const base = types.words('table', 'TABLE_').indexOf(name) * Math.ceil(layout.size / 8) * 8;
  const words = new Int32Array(numbers);
  const ring = new Uint16Array(numbers, base + offset, size);
  const at = (count: 'taken' | 'given') => (base + layout.field(count).offset) / 4;
  const read = (count: 'taken' | 'given') => Atomics.load(words, at(count)) >>> 0;
  return {
    size,
    taken: () => read('taken'),
    given: () => read('given'),
    free: () => (read('given') - read('taken')) >>> 0,
    place: (count: number) => ring[count % size] ?? 0,
    /** One that finds no room is in no ring: `mend` comes by. */
    give(place: number): void {
      const given = read('given');
      if ((given - read('taken')) >>> 0 >= size) return;
      Atomics.store(ring, given % size, place);
      Atomics.store(words, at('given'), (given + 1) | 0);
    },
  };
}

/** The records of a table, by place. */
function openRecords({ types, table, name, places }: TableParts) {
  const { struct, key } = numberedTables[name];
  const layout = types.layout(struct);
  const states = types.words('place', 'PLACE_');
  const format = numberFormat(types);
  const words = new Int32Array(table);
  const at = (place: number, field: 'place' | 'turn') =>
    (place * layout.size + layout.field(field).offset) / 4;
  const turn = (place: number) => Atomics.load(words, at(place, 'turn'));
  const state = (place: number) => states[Atomics.load(words, at(place, 'place'))];
  return {
    all: Array.from({ length: places - 1 }, (_, index) => index + 1),
    state,
    copy: (place: number) => new DataView(table.slice(place * layout.size, (place + 1) * layout.size)),
    mark: (place: number, as: 'free' | 'retired' | 'forgotten') =>
      void Atomics.store(words, at(place, 'place'), states.indexOf(as)),
    number: (place: number) =>
      place > 0 && place < places && state(place) === 'known' ? format.of(place, turn(place)) : undefined,
    key: (place: number) => {
      const { offset, size, count } = layout.field(key);
      return new Uint8Array(table, place * layout.size + offset, size * count).slice();
    },
    /** For the next one, who writes the key whole: all else but the state is blank, the turn is the next. */
    blank(place: number): void {
      const next = (turn(place) + 1) % format.turns;
      const { offset, size, count } = layout.field(key);
      const [first, keyAt] = [(place * layout.size) / 4, (place * layout.size + offset) / 4];
      for (let word = first; word < first + layout.size / 4; word++) {
        const kept = word === at(place, 'place') || (word >= keyAt && word < keyAt + (size * count) / 4);
        if (!kept) Atomics.store(words, word, word === at(place, 'turn') ? next : 0);
      }
    },
  };
}

export function openNumbers(parts: TableParts): NumberTable {
  const { places } = parts;
  const [ring, records, format] = [openRing(parts), openRecords(parts), numberFormat(parts.types)];
  let seen = ring.taken();
  /** Taken, and not whole when last looked at. */
  const pending = new Set(records.all.filter((place) => records.state(place) !== 'free'));

  async function takeBack(retired: readonly number[]): Promise<void> {
    if (retired.length > 0) await parts.removeKeys(retired.map(records.key));
    for (const place of retired) records.mark(place, 'forgotten');
    retired.forEach(free);
  }

  /** Counted back last: cut short before it, a user is a place short; done twice, he would have one too many. */
  function free(place: number): void {
    records.blank(place);
    const record = records.copy(place); // from the next line on the place may be taken
    records.mark(place, 'free');
    parts.freed?.(record);
    ring.give(place);
  }

  return {
    lay() {
      assert.ok(places <= ring.size, 'the ring has room for all places');
      for (const place of records.all) ring.give(place);
    },
    met() {
      for (const to = ring.taken(); seen !== to; seen = (seen + 1) >>> 0) pending.add(ring.place(seen));
      const whole = [...pending].filter((place) => records.number(place) !== undefined);
      for (const place of whole) pending.delete(place);
      return whole.map((place) => records.number(place)).filter((number) => number !== undefined);
    },
    known: () => records.all.map(records.number).filter((number) => number !== undefined),
    inUse: () => Math.max(0, places - 1 - ring.free()),
    lacking: () => Math.max(0, Math.ceil(0.75 * places) - ring.free()),
    async retire(numbers) {
      const places = numbers.map((number) => format.place(number));
      const retired = places.filter((place, index) => records.number(place) === numbers[index]);
      for (const place of retired) records.mark(place, 'retired');
      await takeBack(retired);
    },
    async mend() {
      const waiting = new Set<number>();
      for (let count = ring.taken(); count !== ring.given(); count = (count + 1) >>> 0)
        waiting.add(ring.place(count));
      for (const place of records.all)
        if (records.state(place) === 'free' && !waiting.has(place)) ring.give(place);
      records.all.filter((place) => records.state(place) === 'forgotten').forEach(free);
      await takeBack(records.all.filter((place) => records.state(place) === 'retired'));
    },
  };
}
