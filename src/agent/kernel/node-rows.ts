/** Rows that a flow map always has: the node's totals, for what no other row has room for, and its count of rows. */

import type { TypeInformation } from '../../lib/btf.ts';

/** TCP, with every way to end; UDP, with those of a flow. */
const totals = [
  { transport: 6, states: undefined, established: [0, 1] },
  { transport: 17, states: ['open', 'closed', 'refused'], established: [0] },
] as const;

/**
 * `struct flow_key` and `struct flow` of each. The count, which comes first, begins with these rows: they
 * take no room from the owners' totals.
 */
export function nodeRows(types: TypeInformation): [key: Uint8Array, row: Uint8Array][] {
  const flow = types.layout('flow');
  const keys = [...nodeRowKeys(types)];
  return keys.map((key, index) => {
    const row = new Uint8Array(flow.size);
    if (index === 0)
      new DataView(row.buffer).setBigUint64(flow.field('opened').offset, BigInt(keys.length), true);
    return [key, row];
  });
}

function* nodeRowKeys(types: TypeInformation): Generator<Uint8Array> {
  const key = types.layout('flow_key');
  const forms = types.words('form', 'FORM_');
  const words = types.words('state', 'STATE_').filter((word) => word !== 'count');
  const bytes = new Uint8Array(key.size);
  const view = new DataView(bytes.buffer);
  view.setUint8(key.field('form').offset, forms.indexOf('meter'));
  view.setUint32(key.field('netns').offset, 0xffff_ffff, true);
  yield bytes.slice();
  view.setUint32(key.field('netns').offset, 0, true);
  view.setUint8(key.field('form').offset, forms.indexOf('folded'));
  for (const { transport, states = words, established } of totals) {
    view.setUint8(key.field('transport').offset, transport);
    for (const [direction, state, was] of combinations([1, 2], states, established)) {
      view.setUint8(key.field('direction').offset, direction);
      view.setUint8(key.field('state').offset, words.indexOf(state));
      view.setUint8(key.field('established').offset, was);
      yield bytes.slice();
    }
  }
}

function* combinations<A, B, C>(as: readonly A[], bs: readonly B[], cs: readonly C[]): Generator<[A, B, C]> {
  for (const a of as) for (const b of bs) for (const c of cs) yield [a, b, c];
}
