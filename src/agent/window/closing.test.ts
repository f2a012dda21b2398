import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { closingOptions, node, noInbound, row } from '../../../test/observations.ts';
import { noCounts, type NamespaceObservation } from '../../model/observation.ts';
import type { EnrichmentSource, WindowRecord } from '../../model/record.ts';
import {
  forgetNamespace,
  newMemory,
  takeOver,
  windowCloser,
  type ClosedWindow,
  type ClosingMemory,
  type WindowParts,
} from './closing.ts';
import { signalNames } from '../../model/signals.ts';

type Step = Partial<Omit<WindowParts, 'bounds'>> & { readonly last?: boolean };

/** Closes one window after the other, ten seconds each. */
function close(...steps: readonly Step[]): ClosedWindow[] {
  const closer = windowCloser(node, closingOptions);
  return steps.map(({ last = false, signals = signalNames, ...step }, i) => {
    const at = (n: number): string => new Date(10_000 * n).toISOString();
    return closer({
      bounds: { number: i + 1, start: at(i), end: at(i + 1), last },
      rows: [],
      losses: {},
      namespaces: [],
      ...step,
      signals,
    });
  });
}

const closings = (...steps: readonly Step[]): WindowRecord[] => close(...steps).map(({ closing }) => closing);

function untracked(count: number): NamespaceObservation {
  return { counts: { id: 1, cookie: 1n, inode: 1, counters: noCounts, untracked: count } };
}

describe('a quiet window', () => {
  test('has a closing record all the same', () => {
    const [{ records, closing } = assert.fail()] = close({});
    assert.deepEqual(records, []);
    assert.deepEqual(closing, {
      'event.name': 'sonde.window',
      time: '1970-01-01T00:00:10.000Z',
      'window.number': 1,
      'window.start': '1970-01-01T00:00:00.000Z',
      'window.end': '1970-01-01T00:00:10.000Z',
      'window.records': 0,
      ...node,
      'connections.opened': 0,
      'connections.adopted': 0,
      'connections.established': 0,
      'connections.ended': 0,
      'connections.ended.states': {},
      'connections.open': 0,
      'connections.orphaned': 0,
      'connections.abandoned': 0,
      'connections.untracked': 0,
      'bytes.sent': 0,
      'bytes.received': 0,
      retransmits: 0,
      refusals: 0,
      listeners: 0,
      attribution: {},
      unlabelled: {},
      nonstandard: {},
      unenriched: {},
      udp: {},
      signals: [...signalNames],
      lost: {},
      'coverage.seen': 0,
      'coverage.kernel': 0,
      'coverage.unreachable': 0,
      'coverage.attributed': 0,
      'coverage.attributable': 0,
      'coverage.namespaces': [],
    });
  });
});

describe('sums', () => {
  test('are over all rows', () => {
    const [{ records, closing } = assert.fail()] = close({
      rows: [
        row({
          sums: { opened: 2, established: 2, ended: 2, bytesSent: 10, bytesReceived: 5, retransmits: 1 },
        }),
        row({
          destinationPort: 81,
          sums: { adopted: 1, open: 1, bytesSent: 1, bytesReceived: 2, retransmits: 3 },
        }),
        row({ sums: { opened: 1, ended: 1 } }),
      ],
    });
    assert.deepEqual([records.length, closing['window.records']], [2, 2]);
    const names = ['opened', 'adopted', 'established', 'ended', 'open'] as const;
    assert.deepEqual(
      names.map((name) => closing[`connections.${name}`]),
      [3, 1, 2, 3, 1],
    );
    assert.deepEqual([closing['bytes.sent'], closing['bytes.received'], closing.retransmits], [11, 7, 4]);
  });

  test('ends by state, connections by attribution, records by missing label', () => {
    const [closing] = closings({
      rows: [
        row({ sums: { ended: 3 } }),
        row({ state: 'reset', attribution: 'inherited', sums: { ended: 2 } }),
        row({ state: 'reset', destinationPort: 81, sums: { ended: 4 } }),
        row({ state: 'open', attribution: 'unknown', sums: { open: 5 } }, { 'process.name': 'unknown' }),
      ],
    });
    assert.deepEqual(closing?.['connections.ended.states'], { closed: 3, reset: 6 });
    assert.deepEqual(closing.attribution, { exact: 7, inherited: 2, unknown: 5 });
    assert.deepEqual([closing['coverage.attributed'], closing['coverage.attributable']], [9, 14]);
    assert.deepEqual(closing.unlabelled, { 'process.name': 1 });
  });

  test('records by who has not said what it knows of them', () => {
    const missing = (...of: readonly EnrichmentSource[]) => ({
      'process.name': 'web',
      'enrichment.missing': of,
    });
    const [closing] = closings({
      rows: [
        row({}, missing('kubernetes')),
        row({ destinationPort: 81 }, missing('kubernetes')),
        row({}, missing('container_runtime')),
        row({}),
      ],
    });
    assert.deepEqual(closing?.unenriched, { kubernetes: 2, container_runtime: 1 });
  });
});

describe('balance', () => {
  const balanced = (windows: readonly WindowRecord[]): void => {
    const sum = (name: `connections.${'opened' | 'adopted' | 'ended' | 'abandoned'}`): number =>
      windows.reduce((total, window) => total + window[name], 0);
    const left = windows.at(-1)!;
    const open = left['connections.open'] + left['connections.orphaned'];
    assert.equal(
      sum('connections.opened') + sum('connections.adopted'),
      sum('connections.ended') + sum('connections.abandoned') + open,
    );
  };

  test('what no sweep finds any more and has not ended is orphaned, until it ends', () => {
    const windows = closings(
      { rows: [row({ state: 'open', sums: { opened: 3, open: 3 } })] },
      { rows: [row({ state: 'open', sums: { open: 1 } })] },
      { rows: [row({ state: 'open', sums: { open: 1 } }), row({ sums: { ended: 2 } })] },
    );
    assert.deepEqual(
      windows.map((w) => w['connections.open']),
      [3, 1, 1],
    );
    assert.deepEqual(
      windows.map((w) => w['connections.orphaned']),
      [0, 2, 0],
    );
    balanced(windows);
  });

  test('the last window abandons what is open, orphans included', () => {
    const windows = closings(
      { rows: [row({ state: 'open', sums: { opened: 3, adopted: 1, open: 4 } })] },
      { rows: [row({ state: 'open', sums: { open: 2 } }), row({ sums: { ended: 1 } })], last: true },
    );
    const last = windows.at(-1);
    assert.deepEqual(
      [last?.['connections.open'], last?.['connections.orphaned'], last?.['connections.abandoned']],
      [0, 0, 3],
    );
    balanced(windows);
  });

  test('nothing open, nothing abandoned', () => {
    const windows = closings({ rows: [row({ sums: { opened: 1, ended: 1 } })] }, { last: true });
    assert.deepEqual(
      windows.map((w) => w['connections.abandoned']),
      [0, 0],
    );
    balanced(windows);
  });
});

describe('what was lost', () => {
  test('is this window\u2019s, not since the start', () => {
    const windows = closings(
      { losses: { 'kernel.events_ring_full': 5, 'kernel.owners_full': 0 } },
      { losses: { 'kernel.events_ring_full': 5, 'kernel.owners_full': 0, 'deliver.jsonl': 3 } },
      { losses: { 'kernel.events_ring_full': 7, 'kernel.owners_full': 1, 'deliver.jsonl': 3 } },
    );
    assert.deepEqual(
      windows.map((w) => w.lost),
      [
        { 'kernel.events_ring_full': 5 },
        { 'deliver.jsonl': 3 },
        { 'kernel.events_ring_full': 2, 'kernel.owners_full': 1 },
      ],
    );
  });

  test('never less than nothing: a count that began anew begins at zero', () => {
    const windows = closings(
      { losses: { 'kernel.runs_skipped': 5 } },
      { losses: { 'kernel.runs_skipped': 2 } },
      { losses: { 'kernel.runs_skipped': 3 } },
    );
    assert.deepEqual(
      windows.map((w) => w.lost['kernel.runs_skipped']),
      [5, 2, 1],
    );
  });

  test('so are resets by their reason, where the kernel gives one', () => {
    const windows = closings({ resets: { no_socket: 5 } }, { resets: { no_socket: 7, tcp_flags: 1 } }, {});
    assert.deepEqual(
      windows.map((w) => w['resets.reasons']),
      [{ no_socket: 5 }, { no_socket: 2, tcp_flags: 1 }, undefined],
    );
  });

  test('so are connections that could not be tracked', () => {
    const windows = closings(
      { namespaces: [untracked(4)] },
      { namespaces: [untracked(4)] },
      { namespaces: [untracked(9)] },
    );
    assert.deepEqual(
      windows.map((w) => w['connections.untracked']),
      [4, 0, 5],
    );
  });

  test('a namespace that is named no more takes nothing back', () => {
    const other = { ...untracked(2), counts: { ...untracked(2).counts, id: 2, cookie: 2n } };
    const windows = closings(
      { namespaces: [untracked(4), other] },
      { namespaces: [other] },
      { namespaces: [untracked(5), other] },
    );
    assert.deepEqual(
      windows.map((w) => w['connections.untracked']),
      [6, 0, 1],
    );
  });
});

test('UDP flows are summed beside TCP, and leave its balance alone', () => {
  const flows = { opened: 2, ended: 1, open: 1, bytesSent: 30, segmentsSent: 3, segmentsReceived: 1 };
  const [{ records, closing } = assert.fail()] = close({
    rows: [
      row({ sums: { opened: 5, ended: 5, bytesSent: 1 } }),
      row({ transport: 'udp', established: false, sums: flows }),
    ],
  });
  assert.deepEqual(
    records
      .filter((r) => r['event.name'] === 'sonde.flow')
      .map((r) => [r['network.transport'], r['connections.opened'], r['segments.sent']]),
    [
      ['tcp', 5, 0],
      ['udp', 2, 3],
    ],
  );
  assert.deepEqual(closing.udp, {
    opened: 2,
    ended: 1,
    open: 1,
    'bytes.sent': 30,
    'datagrams.sent': 3,
    'datagrams.received': 1,
  });
  const { 'connections.opened': opened, 'connections.open': open, 'bytes.sent': sent } = closing;
  assert.deepEqual({ opened, open, sent }, { opened: 5, open: 0, sent: 1 });
  assert.deepEqual(closing['connections.ended.states'], { closed: 5 });
  assert.deepEqual(closing.attribution, { exact: 5 });
});

test('another process goes on where this one was; its delivery counts losses anew', () => {
  const options = closingOptions;
  const memory = newMemory();
  const bounds = { number: 1, start: '', end: '', last: false };
  const opened = row({ state: 'open', sums: { opened: 3, open: 3 } });
  windowCloser(
    node,
    options,
    memory,
  )({
    bounds,
    rows: [opened],
    losses: { 'kernel.owners_full': 5, 'deliver.jsonl': 7 },
    resets: { no_socket: 4 },
    namespaces: [untracked(4)],
    signals: signalNames,
  });
  const kept = takeOver(JSON.parse(JSON.stringify(memory)) as ClosingMemory);
  const { closing } = windowCloser(
    node,
    options,
    kept,
  )({
    bounds: { ...bounds, number: 2, last: true },
    rows: [row({ state: 'closed', sums: { ended: 1 } })],
    losses: { 'kernel.owners_full': 6, 'deliver.jsonl': 2 },
    resets: { no_socket: 9 },
    namespaces: [untracked(6)],
    signals: ['lifecycle'],
  });
  assert.equal(closing['connections.abandoned'], 2);
  assert.equal(closing['connections.untracked'], 2);
  assert.deepEqual(closing.lost, { 'kernel.owners_full': 1, 'deliver.jsonl': 2 });
  assert.deepEqual(closing['resets.reasons'], { no_socket: 5 });
  assert.deepEqual(
    kept.missed,
    signalNames.filter((name) => name !== 'lifecycle'),
  );
});

test('nothing is kept of a namespace that is gone', () => {
  const { counts } = untracked(4);
  const reading = (listenDrops: number) => ({
    before: counts.counters,
    kernel: counts.counters,
    after: counts.counters,
    inbound: { ...noInbound, listenDrops },
  });
  const memory = newMemory();
  windowCloser(
    node,
    closingOptions,
    memory,
  )({
    bounds: { number: 1, start: '', end: '', last: false },
    rows: [],
    losses: {},
    namespaces: [{ counts, baseline: reading(0), now: reading(2) }],
    signals: signalNames,
  });
  assert.deepEqual(memory.inbound, { 1: { listenDrops: 2 } });
  forgetNamespace(memory, 1n);
  assert.deepEqual(memory, newMemory());
});

test('what a signal counts is not compared any more once it was off for a while', () => {
  const counters = { activeOpens: 0, passiveOpens: 0, attemptFails: 0, estabResets: 0, outRsts: 0 };
  const reading = (retransSegs: number) => ({ ...counters, retransSegs });
  const nothing = { before: reading(0), kernel: reading(0), after: reading(0), inbound: noInbound };
  const observation: NamespaceObservation = {
    counts: { id: 1, cookie: 1n, inode: 1, counters: reading(1), untracked: 0 },
    baseline: nothing,
    now: { before: reading(1), kernel: reading(3), after: reading(1), inbound: noInbound },
  };
  const namespaces = [observation];
  const coverage = closings({ namespaces }, { namespaces, signals: ['lifecycle'] }, { namespaces }).map(
    (closing) => closing['coverage.namespaces'][0],
  );
  assert.deepEqual(
    coverage.map((of) => of?.difference),
    [{ retransSegs: 2 }, {}, {}],
  );
  const incomparable = { retransSegs: 'the signal retransmits was off' };
  assert.deepEqual(
    coverage.map((of) => of?.incomparable),
    [undefined, incomparable, incomparable],
  );
});
