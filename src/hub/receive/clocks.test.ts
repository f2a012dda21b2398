import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { silentLog } from '../../lib/log.ts';
import { fieldOf, type Fields, type LogRecord } from '../../model/row/record.ts';
import { openClocks, type Clocks } from './clocks.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sonde-clocks-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const startMs = Date.parse('2026-11-25T09:00:00.000Z');
const aheadMs = 120_000;

function record(
  sent: { readonly observedMs?: number; readonly endMs?: number },
  instance = 'main',
): LogRecord {
  const resource: Fields = [];
  resource[fieldOf('boot.id')] = 'b-1';
  resource[fieldOf('agent.instance')] = instance;
  const fields: Fields = [];
  if (sent.endMs !== undefined) fields[fieldOf('window.end')] = new Date(sent.endMs).toISOString();
  return {
    eventName: sent.endMs === undefined ? 'sonde.flow' : 'sonde.window',
    timeMs: 0,
    observedMs: sent.observedMs ?? 0,
    fields,
    resource,
  };
}

/** One request with a window every ten seconds, each so late, by a clock that lacks so much. */
function windows(
  clocks: Clocks,
  { lacksMs, lateMs }: { lacksMs: number; lateMs: readonly number[] },
  from = 0,
) {
  return lateMs.map((late, i) => {
    const nowMs = startMs + (from + i) * 10_000;
    const window = record({ endMs: nowMs - late - lacksMs });
    clocks.look([window], nowMs);
    return clocks.of(window).correctionMs;
  });
}

/** The same, told by when it was sent. */
function sent(clocks: Clocks, { lacksMs, lateMs }: { lacksMs: number; lateMs: readonly number[] }, from = 0) {
  return lateMs.map((late, i) => {
    const nowMs = startMs + (from + i) * 10_000;
    const flow = record({ observedMs: nowMs - late - lacksMs });
    clocks.look([flow], nowMs);
    return clocks.of(flow).correctionMs;
  });
}

for (const [name, told] of [
  ['windows that ended', windows],
  ['records that were sent', sent],
] as const)
  describe(`by ${name}`, () => {
    const open = () => openClocks(folder, silentLog);

    test('a clock that is right is left alone, however late its records come', () => {
      const lateMs = [100, 3000, 100, 9000, 14_000, 200, 100];
      assert.deepEqual(
        told(open(), { lacksMs: 0, lateMs }),
        lateMs.map(() => 0),
      );
    });

    test('a clock that is ahead is corrected at once', () => {
      const lateMs = [200, 100, 4000, 50];
      assert.deepEqual(
        told(open(), { lacksMs: -aheadMs, lateMs }),
        lateMs.map(() => 200 - aheadMs),
      );
    });

    test('a clock that is behind is corrected once it is off by the same time again', () => {
      const corrections = told(open(), { lacksMs: aheadMs, lateMs: [200, 100, 300, 100] });
      assert.deepEqual(corrections, [0, 0, aheadMs + 100, aheadMs + 100]);
    });

    test('a clock that is set is followed', () => {
      const clocks = open();
      told(clocks, { lacksMs: -aheadMs, lateMs: [100, 100, 100, 100] });
      const set = told(clocks, { lacksMs: 0, lateMs: [100, 100, 100] }, 4);
      assert.deepEqual(set, [100 - aheadMs, 100 - aheadMs, 0]);
      const back = told(clocks, { lacksMs: aheadMs, lateMs: [100, 100, 100] }, 7);
      assert.equal(back.at(-1), aheadMs + 100);
    });
  });

test('records that waited, each less than the one before, are late and no clock behind', () => {
  const clocks = openClocks(folder, silentLog);
  const nowMs = startMs + 600_000;
  for (let i = 0; i < 60; i++) {
    const window = record({ endMs: startMs + i * 10_000 });
    clocks.look([window], nowMs + i * 20);
    assert.deepEqual(clocks.of(window).correctionMs, 0, String(i));
  }
});

test('a time that no clock shows is nothing to correct by', () => {
  const clocks = openClocks(folder, silentLog);
  for (const strange of [
    record({ endMs: Date.UTC(2299, 0) }),
    record({ observedMs: Date.UTC(2299, 0) }),
    record({ observedMs: 1 }),
  ]) {
    clocks.look([strange], startMs);
    assert.deepEqual(clocks.of(strange), { offsetMs: 0, correctionMs: 0 });
  }
});

test('agents have clocks of their own, also in one request', () => {
  const clocks = openClocks(folder, silentLog);
  const one = record({ observedMs: startMs - 100 }, 'one');
  const two = record({ observedMs: startMs + aheadMs - 100 }, 'two');
  clocks.look([one, two, one], startMs);
  assert.deepEqual(
    [one, two].map((of) => clocks.of(of).correctionMs),
    [0, 100 - aheadMs],
  );
});

test('corrections outlive the hub, and a file that cannot be read is said', () => {
  sent(openClocks(folder, silentLog), { lacksMs: aheadMs, lateMs: [100, 100, 100] });
  const again = openClocks(folder, silentLog);
  assert.deepEqual(again.of(record({ observedMs: 1 })), {
    offsetMs: aheadMs + 100,
    correctionMs: aheadMs + 100,
  });
  assert.deepEqual(sent(again, { lacksMs: 0, lateMs: [100, 100, 100] }).at(-1), 0);
  assert.equal(readFileSync(join(folder, 'clocks.json'), 'utf8'), '{}\n');

  writeFileSync(join(folder, 'clocks.json'), '{"b-1 main": "late"}');
  const warnings: string[] = [];
  const anew = openClocks(folder, { ...silentLog, warn: (line) => warnings.push(line) });
  assert.match(warnings.join(), /clocks\.json cannot be read/);
  assert.equal(anew.of(record({ observedMs: 1 })).correctionMs, 0);
});
