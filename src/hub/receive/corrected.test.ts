import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  encodeLogs,
  endMs,
  flow,
  listener,
  plainWire,
  windowEnd,
  type FlatRecord,
} from '../../../test/otlp.ts';
import { Rejection } from '../../model/row/rejection.ts';
import { rowMaker } from '../../model/row/rows.ts';
import { tables } from '../store/store.ts';
import { decodeProtobuf } from './protobuf.ts';

const makeRow = rowMaker(tables);

/** Of an agent whose clock is corrected by so much. */
function rowOf(record: FlatRecord, correctionMs: number): Record<string, unknown> {
  const [log] = decodeProtobuf(encodeLogs([record], plainWire));
  assert.ok(log);
  const clock = { offsetMs: correctionMs - 400, correctionMs };
  const { table, row } = makeRow(log, { nowMs: endMs + 1000, clock });
  return Object.fromEntries(tables[table].map((column, index) => [column, row[index]]));
}

test('times are corrected where the clock is off; who it is, and all else, stays', () => {
  const [before, after] = [0, -120_000].map((ms) => rowOf(flow(1), ms));
  const [start, end] = ['2026-11-25T08:58:00.000Z', '2026-11-25T08:58:10.000Z'];
  assert.deepEqual(after, { ...before, window_start: start, window_end: end });
  assert.equal(rowOf(listener(1), -120_000)['time'], end);
  const window = rowOf(windowEnd(1), -120_000);
  assert.deepEqual(
    ['window_start', 'window_end', 'window_ms', 'clock_offset_ms', 'clock_correction_ms'].map(
      (of) => window[of],
    ),
    [start, end, 10_000, -120_400, -120_000],
  );
});

test('what would be refused as of the future is taken where the clock is known to be ahead', () => {
  const ahead = { 'window.start': '2026-11-25T11:00:00.000Z', 'window.end': '2026-11-25T11:00:10.000Z' };
  assert.throws(() => rowOf(flow(1, ahead), 0), Rejection);
  assert.equal(rowOf(flow(1, ahead), -7_200_000)['window_end'], '2026-11-25T09:00:10.000Z');
});
