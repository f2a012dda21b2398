import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Layout } from '../../lib/btf.ts';
import { noInbound } from '../../../test/observations.ts';
import type { Counters, InboundCounts, Reading } from '../../model/observation.ts';
import { generationName, parseGenerationName, readBirth, writeBirth, type Birth } from './generation.ts';

/** `struct generation` with room for so many bytes. */
function layoutOf(room: number): Layout {
  const fields = { length: { offset: 0, size: 4, count: 1 }, text: { offset: 4, size: 1, count: room } };
  return { name: 'generation', size: 4 + room, field: (name) => fields[name as keyof typeof fields] };
}

const counters = (first: number): Counters => ({
  activeOpens: first,
  passiveOpens: first + 1,
  attemptFails: first + 2,
  estabResets: first + 3,
  retransSegs: first + 4,
  outRsts: first + 5,
});

const inbound: InboundCounts = { ...noInbound, listenDrops: 1, embryonicRsts: 6 };
const still: Reading = { before: counters(1), kernel: counters(100), after: counters(1), inbound };
const moved: Reading = { before: counters(1), kernel: counters(200), after: counters(9), inbound };

const birth: Birth = {
  agentId: '6f1c1f0e-0000-4000-8000-000000000000',
  since: '2026-01-01T00:00:00.000Z',
  scope: [4026531840n, 2n ** 63n + 1n],
  baselines: new Map([
    [1n, still],
    [2n ** 63n + 1n, moved],
  ]),
};

function written(of: Birth, room: number): Birth | undefined {
  const layout = layoutOf(room);
  const value = new DataView(new ArrayBuffer(layout.size + 8), 8);
  return writeBirth(value, layout, of) ? readBirth(value, layout) : undefined;
}

describe('what a generation began with', () => {
  test('is read as it was written', () => {
    assert.deepEqual(written(birth, 4096), birth);
    const all = { ...birth, scope: undefined, baselines: new Map() };
    assert.deepEqual(written(all, 4096), all);
  });

  test('is refused where it has no room', () => {
    const length =
      4096 - [...Array(4096).keys()].findLast((less) => written(birth, 4096 - less) !== undefined)!;
    assert.ok(length > 200 && length < 500, String(length));
    assert.equal(written(birth, length - 1), undefined);
    assert.deepEqual(written(birth, length), birth);
  });

  test('a namespace takes about 140 bytes', () => {
    const large = counters(1_000_000_000);
    const busy: Reading = { before: counters(0), kernel: large, after: counters(0), inbound };
    const baselines = new Map([...Array(1000).keys()].map((id) => [BigInt(id), busy] as const));
    assert.ok(written({ ...birth, baselines }, 140_000));
  });
});

describe('names', () => {
  const limits = {
    flowRowsMax: 65_536,
    eventBytesMax: 4 << 20,
    ownersMax: 64,
    namespacesMax: 16,
    udpFlowsMax: 32_768,
  };
  const digest = '0123456789abcdef0123456789abcdef';

  test('say digest and sizes', () => {
    const name = generationName(digest, limits);
    assert.deepEqual(parseGenerationName(name), { digest, limits });
    assert.doesNotMatch(name, /\./);
  });

  test('others are none of ours', () => {
    for (const name of [
      'new',
      'old',
      digest,
      `${digest}_1`,
      `${digest}_1_2_3_x`,
      `${digest}_1_2`,
      `x${digest}_1_2_3_4`,
    ])
      assert.equal(parseGenerationName(name), undefined, name);
  });
});
