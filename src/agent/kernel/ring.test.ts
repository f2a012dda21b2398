import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { prng } from '../../lib/prng.ts';
import { openRing, type Ring } from './ring.ts';

const size = 256;
const busy = 0x8000_0000;
const discarded = 0x4000_0000;

/** The kernel's side of a ring on ordinary memory: the data pages seen twice are kept equal by hand. */
class Producer {
  readonly ring: Ring;
  readonly #pages = {
    consumer: new ArrayBuffer(64),
    producer: new ArrayBuffer(64),
  };
  readonly #data = new DataView(new ArrayBuffer(2 * size));
  readonly #positions = {
    consumer: new BigUint64Array(this.#pages.consumer),
    producer: new BigUint64Array(this.#pages.producer),
  };

  constructor(start = 0n) {
    this.#positions.consumer[0] = start;
    this.#positions.producer[0] = start;
    this.ring = openRing(this.#pages, () => this.#data.buffer);
  }

  get consumed(): bigint {
    return this.#positions.consumer[0]!;
  }

  room(): number {
    return size - Number(this.#positions.producer[0]! - this.consumed);
  }

  /** Appends a record of `length` bytes, each `value`; returns where its head is. */
  write(value: number, length = 8, bits = 0): number {
    const at = Number(this.#positions.producer[0]! % BigInt(size));
    this.#set(at, (length | bits) >>> 0);
    for (let i = 0; i < length; i++) this.#byte((at + 8 + i) % size, value);
    this.#positions.producer[0]! += BigInt((8 + length + 7) & ~7);
    return at;
  }

  #set(at: number, head: number): void {
    for (const base of [0, size]) this.#data.setUint32(base + at, head, true);
  }

  #byte(at: number, value: number): void {
    for (const base of [0, size]) this.#data.setUint8(base + at, value);
  }

  commit(at: number, length = 8): void {
    this.#set(at, length);
  }

  drain(eventsMax = 100, length = 1): number[] {
    const seen: number[] = [];
    const told = this.ring.drain((view, offset) => {
      for (let i = 1; i < length; i++) assert.equal(view.getUint8(offset + i), view.getUint8(offset), 'cut');
      seen.push(view.getUint8(offset));
    }, eventsMax);
    assert.equal(told, seen.length);
    return seen;
  }
}

describe('ring', () => {
  test('an empty one is quiet', () => {
    const kernel = new Producer();
    assert.deepEqual(kernel.drain(), []);
    assert.equal(kernel.consumed, 0n);
    assert.equal(kernel.ring.backlog(), 0);
  });

  test('records in order, each once, and their room is given back', () => {
    const kernel = new Producer();
    for (const value of [1, 2, 3]) kernel.write(value);
    assert.equal(kernel.ring.backlog(), 48);
    assert.deepEqual(kernel.drain(), [1, 2, 3]);
    assert.equal(kernel.consumed, 48n);
    assert.deepEqual(kernel.drain(), []);
  });

  test('a length that is no multiple of eight', () => {
    const kernel = new Producer();
    kernel.write(1, 13);
    kernel.write(2, 1);
    kernel.write(3, 8);
    assert.deepEqual(kernel.drain(), [1, 2, 3]);
    assert.equal(kernel.consumed, 24n + 16n + 16n);
  });

  test('a record that is still being written holds back those behind it', () => {
    const kernel = new Producer();
    kernel.write(1);
    const at = kernel.write(2, 8, busy);
    kernel.write(3);
    assert.deepEqual(kernel.drain(), [1]);
    assert.equal(kernel.consumed, 16n);
    assert.deepEqual(kernel.drain(), []);
    kernel.commit(at);
    assert.deepEqual(kernel.drain(), [2, 3]);
  });

  test('a discarded record is passed over, and is no event', () => {
    const kernel = new Producer();
    kernel.write(1, 8, discarded);
    kernel.write(2);
    kernel.write(3, 24, discarded);
    assert.deepEqual(kernel.drain(1), [2]);
    assert.deepEqual(kernel.drain(), []);
    assert.equal(kernel.ring.backlog(), 0);
  });

  test('at most as many as asked for; the rest comes next', () => {
    const kernel = new Producer();
    for (const value of [1, 2, 3, 4, 5]) kernel.write(value);
    assert.deepEqual(kernel.drain(2), [1, 2]);
    assert.deepEqual(kernel.drain(0), []);
    assert.deepEqual(kernel.drain(2), [3, 4]);
    assert.deepEqual(kernel.drain(2), [5]);
  });

  test('what a visitor throws leaves nothing consumed', () => {
    const kernel = new Producer();
    kernel.write(1);
    assert.throws(
      () =>
        kernel.ring.drain(() => {
          throw new Error('of the visitor');
        }, 9),
      /of the visitor/,
    );
    assert.deepEqual(kernel.drain(), [1]);
  });

  test('goes round, with records across the edge, at positions beyond 2^53', () => {
    const random = prng(7);
    const kernel = new Producer(2n ** 53n - 8n);
    const [written, read]: [number[], number[]] = [[], []];
    for (let round = 0; round < 2000; round++) {
      const length = 40;
      if (kernel.room() >= length + 8 && random.below(3) > 0) {
        written.push(round % 256);
        kernel.write(round % 256, length);
      } else read.push(...kernel.drain(1 + random.below(3), length));
    }
    read.push(...kernel.drain(100, 40));
    assert.ok(written.length > 600, `${written.length} records`);
    assert.deepEqual(read, written);
  });
});
