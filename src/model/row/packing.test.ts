import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openPacking, type TypedColumn } from './packing.ts';

const cases: readonly (readonly [type: string, cells: readonly unknown[]])[] = [
  [
    'String',
    ['', 'curl', 'n'.repeat(127), 'n'.repeat(128), 'n'.repeat(70_000), 'né', 'é'.repeat(60), '\0\n"'],
  ],
  ['LowCardinality(String)', ['', 'web-1']],
  ['Bool', [true, false]],
  ['UInt16', [0, 1, 65_535]],
  ['UInt32', [0, 2 ** 31, 2 ** 32 - 1]],
  ['UInt64', [0, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER, '9007199254740992', '18446744073709551615']],
  ['Int64', [0, -1, -5_000_000_000, 7]],
  ['Float64', [0, 1.5, -2e300]],
  [
    "DateTime64(3, 'UTC')",
    ['1970-01-01T00:00:00.000Z', '1969-12-31T23:59:59.999Z', '2026-03-01T10:00:00.123Z'],
  ],
  ['Nullable(UInt32)', [null, 0, 7]],
  ["Nullable(DateTime64(3, 'UTC'))", [null, '2026-03-01T10:00:00.000Z', null]],
  ['Array(LowCardinality(String))', [[], ['a', ''], Array.from({ length: 300 }, (_, n) => String(n))]],
  ['Map(LowCardinality(String), String)', [{}, { team: 'a', né: '' }]],
  ['Map(UInt64, UInt64)', [{}, { 1024: 3, 2048: 9_007_199_254_740_991 }]],
];

const column = (type: string): readonly TypedColumn[] => [{ name: 'cell', type }];

for (const [type, cells] of cases) {
  test(`${type} is read back as it was`, () => {
    const packed = openPacking({ flows: column(type) }).pack(
      'flows',
      cells.map((cell) => [cell]),
    );
    assert.deepEqual(
      [...packed].map(([cell]) => cell),
      cells,
    );
  });
}

test('nothing is what the type has for it; no number is none', () => {
  const types = cases.map(([type], n) => ({ name: `c${n}`, type }));
  const packing = openPacking({ flows: types });
  const [row = []] = packing.pack('flows', [types.map(() => null)]);
  assert.deepEqual(Object.fromEntries(types.map(({ type }, n) => [type, row[n]])), {
    String: '',
    'LowCardinality(String)': '',
    Bool: false,
    UInt16: 0,
    UInt32: 0,
    UInt64: 0,
    Int64: 0,
    Float64: 0,
    "DateTime64(3, 'UTC')": '1970-01-01T00:00:00.000Z',
    'Nullable(UInt32)': null,
    "Nullable(DateTime64(3, 'UTC'))": null,
    'Array(LowCardinality(String))': [],
    'Map(LowCardinality(String), String)': {},
    'Map(UInt64, UInt64)': {},
  });
  const numbers = openPacking({ flows: column('Float64') }).pack('flows', [[Infinity], [NaN]]);
  assert.deepEqual([...numbers], [[0], [0]]);
});

test('a cell that is none of its column is not packed', () => {
  for (const [type, cell] of [
    ['String', 7],
    ['UInt16', 65_536],
    ['UInt32', -1],
    ['UInt32', 1.5],
    ['UInt64', -1],
    ['UInt64', '18446744073709551616'],
    ['UInt64', 'none'],
    ['Int64', 1.5],
    ["DateTime64(3, 'UTC')", 'never'],
  ] as const) {
    const packing = openPacking({ flows: column(type) });
    assert.throws(() => packing.pack('flows', [[cell]]), /Error/, `${type} ${cell}`);
  }
  assert.throws(() => openPacking({ flows: column('Tuple(UInt8)') }), /no way to write Tuple/);
});

test('rows of an earlier version have the first columns', () => {
  const columns = ['a', 'b', 'c'].map((name) => ({ name, type: 'UInt16' }));
  const packing = openPacking({ flows: columns });
  const packed = packing.pack('flows', [
    [1, 2],
    [3, 4],
  ]);
  assert.deepEqual([packed.columns, packed.length, packed.bytes.length], [2, 2, 8]);
  assert.deepEqual(
    [...packed],
    [
      [1, 2],
      [3, 4],
    ],
  );
  assert.equal(
    packing.head('flows', packed.columns).toString('latin1'),
    '\x02\x01a\x01b\x06UInt16\x06UInt16',
  );
});
