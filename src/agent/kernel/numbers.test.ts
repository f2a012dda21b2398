import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { kernelTypes } from '../../../test/kernel-types.ts';
import { openNumbers, type NumberTable } from './numbers.ts';
import { shareReturner } from './shares.ts';

const types = kernelTypes();
const owner = types.layout('owner');
const uidAt = owner.field('key').offset + types.layout('owner_key').field('uid').offset;
const states = types.words('place', 'PLACE_');
const places = 9;

/** The maps' values, and what a program does with them. */
class World {
  readonly numbers = new ArrayBuffer(2 * types.layout('numbers').size);
  readonly view = new DataView(new ArrayBuffer(places * owner.size));
  readonly ring = new DataView(this.numbers);
  readonly keys: number[] = [];
  readonly freed: number[] = [];
  failing = false;
  /** The agent is killed when it counts a place back. */
  dying = false;

  open(): NumberTable {
    return openNumbers({
      types,
      name: 'owners',
      numbers: this.numbers,
      table: this.view.buffer,
      places,
      freed: (record) => {
        if (this.dying) throw new Error('killed');
        this.freed.push(record.getUint32(uidAt, true));
      },
      removeKeys: (keys) => {
        if (this.failing) return Promise.reject(new Error('killed'));
        const uid = types.layout('owner_key').field('uid').offset;
        this.keys.push(...keys.map((key) => new DataView(key.buffer).getUint32(uid, true)));
        return Promise.resolve();
      },
    });
  }

  #at(place: number, name: string): number {
    return place * owner.size + owner.field(name).offset;
  }

  set(place: number, state: string): void {
    this.view.setUint32(this.#at(place, 'place'), states.indexOf(state), true);
  }

  used(place: number): number {
    return this.view.getUint32(this.#at(place, 'used'), true);
  }

  /** The next place, filled in for a user; 0 when there is none. */
  take(uid: number, state = 'known'): number {
    const layout = types.layout('numbers');
    const [taken, given] = [layout.field('taken').offset, layout.field('given').offset];
    const count = this.ring.getUint32(taken, true);
    if (count === this.ring.getUint32(given, true)) return 0;
    this.ring.setUint32(taken, count + 1, true);
    const { offset, size, count: length } = layout.field('places');
    const place = this.ring.getUint16(offset + size * (count % length), true);
    this.set(place, state);
    this.view.setUint32(place * owner.size + uidAt, uid, true);
    this.view.setUint32(this.#at(place, 'used'), 77, true);
    return place;
  }

  takeAll(): number[] {
    const all: number[] = [];
    for (let place = this.take(1); place > 0; place = this.take(1)) all.push(place);
    return all.sort();
  }

  /** Both counts of the ring, as after so many were taken. */
  wind(count: number): void {
    for (const name of ['taken', 'given'])
      this.ring.setUint32(types.layout('numbers').field(name).offset, count, true);
  }
}

const everyPlace = [1, 2, 3, 4, 5, 6, 7, 8];

describe('numbers', () => {
  test('all places but the first are laid, and each is taken once', () => {
    const world = new World();
    const table = world.open();
    table.lay();
    assert.equal(table.inUse(), 0);
    assert.deepEqual(world.takeAll(), everyPlace);
    assert.equal(table.inUse(), 8);
    assert.deepEqual(table.known(), everyPlace);
  });

  test('the ring\u2019s counts wrap', () => {
    const world = new World();
    world.wind(2 ** 32 - 3);
    const table = world.open();
    table.lay();
    assert.deepEqual(world.takeAll(), everyPlace);
    assert.deepEqual(table.met().sort(), everyPlace);
    assert.equal(table.inUse(), 8);
  });

  test('met: each once, when it is whole; by a new agent all', () => {
    const world = new World();
    const table = world.open();
    table.lay();
    const [first, second] = [world.take(1), world.take(2, 'taken')];
    assert.deepEqual(table.met(), [first]);
    world.set(second, 'known');
    assert.deepEqual(table.met(), [second]);
    assert.deepEqual(table.met(), []);
    assert.deepEqual(world.open().met(), [first, second]);
  });

  test('three places in four should be free', () => {
    const world = new World();
    const table = world.open();
    table.lay();
    assert.equal(table.lacking(), 0);
    for (let i = 0; i < 4; i++) world.take(1);
    assert.equal(table.lacking(), 3);
  });
});

describe('a number that is retired', () => {
  test('has its place used again, under another number, from a blank record', async () => {
    const world = new World();
    const table = world.open();
    table.lay();
    world.takeAll();
    world.view.setUint32(3 * owner.size + uidAt, 1003, true);
    await table.retire([3]);
    assert.deepEqual([world.keys, world.freed], [[1003], [1003]]);
    assert.equal(world.used(3), 0);
    assert.ok(!table.known().includes(3));
    assert.equal(world.take(5), 3);
    assert.deepEqual(table.known().slice(2, 3), [65_536 + 3]);
  });

  test('is retired once: its place is somebody else\u2019s', async () => {
    const world = new World();
    const table = world.open();
    table.lay();
    world.takeAll();
    await table.retire([3]);
    await table.retire([3]);
    world.take(5);
    await table.retire([3]);
    assert.equal(world.freed.length, 1);
    assert.ok(table.known().includes(65_536 + 3));
  });
});

describe('mend', () => {
  test('goes on where an agent was killed', async () => {
    const world = new World();
    const killed = world.open();
    killed.lay();
    world.takeAll();
    world.failing = true;
    await assert.rejects(killed.retire([3, 4]), /killed/);
    world.failing = false;
    const next = world.open();
    await next.mend();
    assert.deepEqual([world.take(5), world.take(5), world.take(5)], [3, 4, 0]);
  });

  test('removes no key twice: it may be another number\u2019s', async () => {
    const world = new World();
    const killed = world.open();
    killed.lay();
    world.takeAll();
    world.view.setUint32(3 * owner.size + uidAt, 1003, true);
    world.set(3, 'forgotten');
    await world.open().mend();
    assert.deepEqual([world.keys, world.freed], [[], [1003]]);
    assert.equal(world.take(5), 3);
  });

  test('counts no place back twice', async () => {
    const world = new World();
    const killed = world.open();
    killed.lay();
    world.takeAll();
    world.view.setUint32(3 * owner.size + uidAt, 1003, true);
    world.dying = true;
    await assert.rejects(killed.retire([3]), /killed/);
    world.dying = false;
    await world.open().mend();
    assert.deepEqual([world.keys, world.freed], [[1003], []]);
    assert.equal(world.take(5), 3);
  });

  test('finds a place that is free and in no ring, once', async () => {
    const world = new World();
    const table = world.open();
    table.lay();
    world.take(1, 'free'); // a program that came second
    assert.equal(table.inUse(), 1);
    await table.mend();
    await table.mend();
    assert.equal(table.inUse(), 0);
    assert.deepEqual(world.takeAll(), everyPlace);
  });

  test('leaves alone what a program is filling in', async () => {
    const world = new World();
    const table = world.open();
    table.lay();
    world.take(1, 'taken');
    await table.mend();
    assert.equal(world.takeAll().length, 7);
  });
});

test('a place is counted back to its user', () => {
  const of = types.layout('shares').field('of');
  const shares = new ArrayBuffer(types.layout('shares').size);
  const giveBack = shareReturner(types, shares);
  const record = (uid: number) => {
    const view = new DataView(new ArrayBuffer(owner.size));
    view.setUint32(uidAt, uid, true);
    return view;
  };
  for (const uid of [0, 1000, 1000, 4_000_000_000]) giveBack(record(uid));
  const freed = types.layout('share').field('freed').offset;
  const counts = Array.from({ length: of.count }, (_, bucket) =>
    new DataView(shares).getUint32(of.offset + bucket * of.size + freed, true),
  );
  assert.deepEqual(counts.filter((count) => count > 0).sort(), [1, 1, 2]);
  assert.equal(counts[0], 1, 'the hash of 0 is 0');
});
