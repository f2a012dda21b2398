/** The numbers that kernel programs give to owners and network namespaces: a place in a table, and its turn. */

import type { TypeInformation } from './btf.ts';

export interface NumberFormat {
  /** Turns of a place are counted up to this, and then from 0. */
  readonly turns: number;
  place(number: number): number;
  turn(number: number): number;
  of(place: number, turn: number): number;
}

export function numberFormat(types: TypeInformation): NumberFormat {
  const bits = 8 * types.layout('number').field('turn').offset;
  const turns = 2 ** (32 - bits);
  return {
    turns,
    place: (number) => number & (2 ** bits - 1),
    turn: (number) => number >>> bits,
    of: (place, turn) => ((turn << bits) | place) >>> 0,
  };
}
