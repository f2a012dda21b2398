import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { curl, judge, noSums, row } from '../../../test/observations.ts';
import { mergeRows as mergeUnder } from './merge.ts';
import { keepsAll } from './policy/policy.ts';

const mergeRows = (rows: Parameters<typeof mergeUnder>[0]) => mergeUnder(rows, { policy: keepsAll, judge });

describe('mergeRows', () => {
  test('nothing makes nothing', () => assert.deepEqual(mergeRows([]), []));

  test('the same labels under two owner numbers are one row, with the sums of both', () => {
    const sums = Object.fromEntries(Object.keys(noSums).map((name, i) => [name, i + 1]));
    const merged = mergeRows([
      row({
        owner: 1,
        sums,
        extremes: { rttMinUs: 20, waitingMsMax: 3 },
        latency: [{ bucket: 3, count: 1 }],
      }),
      row({
        owner: 2,
        sums,
        latency: [
          { bucket: 3, count: 2 },
          { bucket: 9, count: 1 },
        ],
      }),
      row({ owner: 3, sums, extremes: { rttMinUs: 30, waitingMsMax: 5 } }),
    ]);
    assert.equal(merged.length, 1);
    const tripled = Object.fromEntries(Object.keys(noSums).map((name, i) => [name, 3 * (i + 1)]));
    assert.deepEqual(merged[0]?.of.sums, tripled);
    assert.deepEqual(merged[0].of.extremes, { rttMinUs: 20, waitingMsMax: 5 });
    assert.deepEqual(merged[0].of.latency, [
      { bucket: 3, count: 3 },
      { bucket: 9, count: 1 },
    ]);
  });

  test('leaves the rows that it was given alone', () => {
    const first = row({ sums: { opened: 1 } });
    mergeRows([first, row({ sums: { opened: 2 } })]);
    assert.equal(first.of.sums.opened, 1);
  });

  test('any other difference keeps rows apart', () => {
    const different = [
      row(),
      row({}, { ...curl, 'process.name': 'wget' }),
      row({}, { ...curl, 'process.executable.path': '/opt/curl' }),
      row({}, { ...curl, 'user.id': 0 }),
      row({}, { 'process.name': 'curl' }),
      { ...row(), netnsInode: 1 },
      row({ direction: 'ingress' }),
      row({ state: 'reset' }),
      row({ established: false }),
      row({ attribution: 'inherited' }),
      row({ family: undefined }),
      row({ direction: 'ingress', source: '10.0.0.9' }),
      row({ direction: 'ingress', sourceForm: 'exact' }),
      row({ destination: '10.0.0.3' }),
      row({ destination: null }),
      row({ destinationForm: 'prefix' }),
      row({ destinationPort: 81 }),
    ];
    assert.deepEqual(
      mergeRows(different).map(({ of }) => of),
      different.map(({ of }) => of),
    );
  });
});
