/**
 * The ring buffer of kernel events, read in place: no native call and no copy per event.
 *
 * Owns the consumer position, nothing else may move it. Must never hand out a view that outlives the call:
 * the kernel overwrites what has been consumed. Layout of the pages: Documentation/bpf/ringbuf.rst of the
 * Linux kernel.
 */

import type { RingPositions } from './native.ts';

const busyBit = 0x8000_0000;
const discardBit = 0x4000_0000;
const headerSize = 8;

/** Gets one record: its bytes are `view` from `offset`, valid only until it returns. */
export type Visitor = (view: DataView, offset: number) => void;

export interface Ring {
  /** Visits at most `eventsMax` committed records in order and frees them; returns how many. */
  drain(visit: Visitor, eventsMax: number): number;
  /** Bytes written and not yet consumed. */
  backlog(): number;
}

interface Data {
  readonly heads: Int32Array;
  readonly view: DataView;
  readonly mask: number;
}

/** `mapData` is called when there is something to read: many rings never hold anything. */
export function openRing(positions: RingPositions, mapData: () => ArrayBuffer): Ring {
  const consumer = new BigUint64Array(positions.consumer);
  const producer = new BigUint64Array(positions.producer);
  let mapped: Data | undefined;

  function data(): Data {
    if (mapped) return mapped;
    const pages = mapData();
    const size = pages.byteLength / 2; // the data is mapped twice in a row, so that no record is cut
    mapped = { heads: new Int32Array(pages), view: new DataView(pages), mask: size - 1 };
    return mapped;
  }

  return {
    drain(visit, eventsMax) {
      const start = Atomics.load(consumer, 0);
      const end = Atomics.load(producer, 0);
      if (end === start) return 0;
      const { heads, view, mask } = data();
      const available = Number(end - start);
      const first = Number(start & BigInt(mask));
      let done = 0;
      let events = 0;
      while (done < available && events < eventsMax) {
        const at = (first + done) & mask;
        const head = Atomics.load(heads, at >>> 2) >>> 0;
        if (head & busyBit) break; // a program is still writing it
        const length = head & ~(busyBit | discardBit);
        if (!(head & discardBit)) {
          visit(view, at + headerSize);
          events++;
        }
        done += (headerSize + length + 7) & ~7;
      }
      if (done > 0) Atomics.store(consumer, 0, start + BigInt(done));
      return events;
    },
    backlog: () => Number(Atomics.load(producer, 0) - Atomics.load(consumer, 0)),
  };
}
