import assert from 'node:assert/strict';
import { stripVTControlCharacters } from 'node:util';
import { describe, test } from 'node:test';
import { closingOptions, connection, node, row, telling } from '../../test/observations.ts';
import { windowCloser } from '../agent/window/closing.ts';
import { connectionRecord } from '../agent/window/records.ts';
import { wallTimes } from '../agent/window/time.ts';
import { manualClock } from '../lib/clock.ts';
import type { ConnectionEvent } from '../model/observation.ts';
import type { ConnectionRecord, WindowRecord } from '../model/record.ts';
import { missedLine, openCoverage, painter, traceHeader, traceLine, windowLine } from './trace-lines.ts';
import { signalNames } from '../model/signals.ts';

const plain = painter(false);
const coloured = painter(true);
// At 5.25 s of monotonic time it was midnight here.
const midnight = new Date(2026, 0, 1).getTime();
const times = wallTimes(manualClock({ wallMs: midnight, monotonicNs: 5_250_000_000n }));

function told(
  change: Partial<ConnectionEvent> = {},
  labels: Partial<ConnectionRecord> = {},
): ConnectionRecord {
  return { ...connectionRecord(connection(change), telling, times), ...labels };
}

describe('traceLine', () => {
  test('stands under the header', () => {
    const header = traceHeader(plain);
    const line = traceLine(told({ retransmits: 1 }), plain);
    assert.equal(
      header,
      'TIME          PROCESS                      DESTINATION                   STATE          LATENCY      SENT  RECEIVED  DETAIL',
    );
    assert.equal(
      line,
      '00:00:00.000  curl[42]                  →  10.0.0.2:80                   closed         1.23 ms      10 B      20 B  after 250 ms, fin_local, 1 retransmitted',
    );
    for (const [column, text] of [
      ['PROCESS', 'curl'],
      ['DESTINATION', '10.0.0.2'],
      ['STATE', 'closed'],
      ['DETAIL', 'after'],
    ] as const) {
      assert.equal(header.indexOf(column), line.indexOf(text), column);
    }
  });

  test('keeps its columns whatever is in them', () => {
    const wide = told(
      { destination: '2001:db8:1111:2222:3333:4444:5555:6666' },
      { 'process.name': 'a-very-long-name-of-a-process' },
    );
    const at = (record: ConnectionRecord): number => traceLine(record, plain).indexOf('closed');
    assert.equal(at(wide), at(told()));
    assert.match(traceLine(wide, plain), /a-very-long-name-of-a-p…/);
    assert.match(traceLine(wide, plain), /\[2001:db8:1111:2222:3333:44…/);
  });

  test('nothing from a process reaches the terminal as a command', () => {
    for (const name of ['\u001b[2J', 'a\nb', '\u009b31m', '\u202egpj', 'x\u0007']) {
      const line = traceLine(told({}, { 'process.name': name }), plain);
      assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u, JSON.stringify(name));
      assert.equal(line.indexOf('closed'), traceLine(told(), plain).indexOf('closed'));
    }
  });

  test('an open one says nothing of bytes or of an end', () => {
    const line = traceLine(told({ moment: 'established', state: 'open' }), plain);
    assert.match(line, /open {8,}1\.23 ms$/);
  });

  test('an incoming one says who called, and how its owner is known', () => {
    const line = traceLine(told({ direction: 'ingress', attribution: 'inherited', latencyUs: null }), plain);
    assert.match(line, /← {2}10\.0\.0\.2:80/);
    assert.match(line, / – .*from 10\.0\.0\.1:40000, .*owner inherited$/);
    const v6 = traceLine(told({ direction: 'ingress', source: '2001:db8::9' }), plain);
    assert.match(v6, /from \[2001:db8::9\]:40000/);
  });

  test('why it ended', () => {
    const reset = traceLine(
      told({ state: 'reset', resetSide: 'remote', closeReason: 'reset_received', error: 104 }),
      plain,
    );
    assert.match(reset, /by remote, ECONNRESET$/);
    const timedOut = traceLine(
      told({
        state: 'timed_out',
        established: false,
        timeoutBy: 'kernel',
        closeReason: 'timeout',
        error: 110,
      }),
      plain,
    );
    assert.match(timedOut, / {2}by kernel, ETIMEDOUT$/);
  });

  test('a process that is not known has no number', () => {
    assert.match(traceLine(told({ pid: 0 }, { 'process.name': 'unknown' }), plain), / unknown {2,}→/);
  });

  test('colours, when there are any, change nothing else', () => {
    for (const record of [told(), told({ state: 'refused' }), told({ state: 'failed' })]) {
      const line = traceLine(record, coloured);
      assert.ok(line.includes('\u001b['));
      assert.equal(stripVTControlCharacters(line).trimEnd(), traceLine(record, plain));
    }
  });
});

function windowRecord(change: Partial<WindowRecord> = {}): WindowRecord {
  const close = windowCloser(node, closingOptions);
  const end = new Date(midnight).toISOString();
  const rows = [
    row({ sums: { opened: 3, ended: 2 } }),
    row({ state: 'refused', sums: { ended: 1 } }),
    row({ state: 'open', sums: { open: 1 } }),
  ];
  const bounds = { number: 4, start: end, end, last: false };
  return { ...close({ bounds, rows, losses: {}, namespaces: [], signals: signalNames }).closing, ...change };
}

const namespace = (
  seen: number,
  kernel: number | undefined,
  by = 0,
): WindowRecord['coverage.namespaces'][number] => ({
  'network.namespace': 1,
  'network.namespace.cookie': '1',
  seen: { activeOpens: seen, passiveOpens: 0 },
  ...(kernel === undefined
    ? { unreachable: 'gone' }
    : {
        kernel: { activeOpens: kernel, passiveOpens: 0 },
        ...(by === 0
          ? { difference: {} }
          : { difference: { activeOpens: by }, explained: { activeOpens: 'unexplained' } }),
      }),
});

describe('openCoverage', () => {
  test('is over the namespaces that could be compared', () => {
    assert.equal(
      openCoverage(
        windowRecord({ 'coverage.namespaces': [namespace(3, 4), namespace(9, undefined), namespace(0, 2)] }),
      ),
      0.5,
    );
  });
  test('is not known when nothing was opened', () => {
    assert.equal(openCoverage(windowRecord()), null);
    assert.equal(openCoverage(windowRecord({ 'coverage.namespaces': [namespace(9, undefined)] })), null);
  });
});

describe('windowLine', () => {
  test('a window in which all is well', () => {
    const line = windowLine(windowRecord({ 'coverage.namespaces': [namespace(3, 3)] }), plain);
    assert.equal(
      line,
      "── 00:00:00.000 window 4: 3 opened · 3 ended · 1 refused · 1 open · 100 % of the kernel's opens seen · nothing lost",
    );
  });

  test('what is not well is said', () => {
    const line = windowLine(
      windowRecord({ 'coverage.namespaces': [namespace(2, 3, 1)], lost: { 'kernel.events_ring_full': 7 } }),
      plain,
    );
    assert.match(
      line,
      /66\.66 % of the kernel's opens seen · 1 network namespaces differ from the kernel's counters: unexplained · not told one by one or in full: kernel\.events_ring_full 7$/,
    );
  });

  test('nearly all is not all', () => {
    const line = windowLine(windowRecord({ 'coverage.namespaces': [namespace(99_999, 100_000, 1)] }), plain);
    assert.doesNotMatch(line, /100(\.00)? %/);
  });

  test('a quiet kernel', () => assert.match(windowLine(windowRecord(), plain), / open · nothing lost$/));
});

test('missedLine', () => {
  const line = missedLine({ 'kernel.events_suppressed': 3, 'local.watcher_slow': 2 }, plain);
  assert.equal(line, '── not shown one by one: 3 events_suppressed, 2 watcher_slow; windows count them all');
});
