import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { closingOptions, node, row, toldFlow } from '../../../../test/observations.ts';
import { windowCloser } from '../../../agent/window/closing.ts';
import { signalNames } from '../../../model/signals.ts';
import { headerLine, rate, rowLine, summaryLine } from './lines.ts';
import { shown, topWindow, type SortKey, type TopWindow } from './rows.ts';
import { firstView, pressed, rowsOf, type Key, type View } from './view.ts';

const bounds = {
  number: 1,
  start: '2026-01-01T00:00:00.000Z',
  end: '2026-01-01T00:00:10.000Z',
  last: false,
};
const process = (name: string) => ({ 'process.name': name }) as const;

/** curl: 30 opened, 20 closed, 5 refused, all to one place; backup: 4 opened, much sent; one UDP flow. */
const observed = [
  row({ state: 'open', sums: { opened: 30, established: 25, open: 5, bytesSent: 1000 } }, process('curl')),
  row({ state: 'closed', sums: { ended: 20, bytesSent: 500, retransmits: 40 } }, process('curl')),
  row({ state: 'refused', sums: { ended: 5 } }, process('curl')),
  row(
    { destination: '10.0.0.9', state: 'open', sums: { opened: 4, open: 4, bytesSent: 9e9 } },
    process('backup'),
  ),
  row({ transport: 'udp', state: 'open', sums: { opened: 1, open: 1 } }, process('dig')),
];

function window(): TopWindow {
  const { closing } = windowCloser(
    node,
    closingOptions,
  )({
    bounds,
    rows: observed,
    losses: {},
    namespaces: [],
    signals: signalNames,
  });
  return topWindow(
    closing,
    observed.map((of) => toldFlow(of, bounds)),
    3,
  );
}

const order = (sort: SortKey, filter = '') =>
  shown(window().rows, { sort, filter, process: undefined }).map((of) => of.process);

describe('rows', () => {
  test('one for each process and destination, per second of the window', () => {
    const { rows, seconds } = window();
    assert.equal(seconds, 10);
    const [curl, ...others] = rows.filter((of) => of.process === 'curl');
    assert.deepEqual(others, []);
    assert.deepEqual(
      [curl?.opened, curl?.failed, curl?.retransmits, curl?.sentBytes, curl?.open],
      [3, 0.5, 4, 150, 5],
    );
    assert.deepEqual(
      [...(curl?.ended ?? [])],
      [
        ['closed', 20],
        ['refused', 5],
      ],
    );
  });

  test('sorted by what is asked, the most first', () => {
    assert.deepEqual(order('rate'), ['curl', 'backup', 'dig']);
    assert.deepEqual(order('bytes'), ['backup', 'curl', 'dig']);
    assert.deepEqual(order('open'), ['curl', 'backup', 'dig']);
    assert.equal(order('failures')[0], 'curl');
  });

  test('filtered by process, destination and port', () => {
    assert.deepEqual(order('rate', 'CUR'), ['curl']);
    assert.deepEqual(order('rate', '10.0.0.9:'), ['backup']);
    assert.deepEqual(order('rate', 'nobody'), []);
  });
});

describe('lines', () => {
  test('are never wider than the terminal, and drop the least first', () => {
    const [curl] = shown(window().rows, { sort: 'rate', filter: '', process: undefined });
    assert.ok(curl);
    for (const width of [20, 60, 80, 100, 200])
      for (const line of [headerLine(width), rowLine(curl, width)])
        assert.ok(Array.from(line).length <= width);
    assert.match(headerLine(200), /ENDED/);
    assert.doesNotMatch(headerLine(100), /ENDED/);
    assert.match(rowLine(curl, 200), /^curl +→ .*closed 20, refused 5$/);
  });

  test('a name that would move the cursor does not', () => {
    const [evil] = topWindowOf('\u001b[2Jx').rows;
    assert.ok(evil);
    assert.ok(rowLine(evil, 120).startsWith('\\x1b[2Jx'));
  });

  test('numbers', () => {
    assert.deepEqual([0, 0.125, 9.99, 9.999, 1204.4].map(rate), ['0', '0.13', '10', '10', '1,204']);
    assert.match(summaryLine(window()), /3\.4 new\/s {2}0\.50 failed\/s.* 3 smaller rows not shown$/);
  });
});

function topWindowOf(name: string): TopWindow {
  const { closing } = windowCloser(
    node,
    closingOptions,
  )({
    bounds,
    rows: [],
    losses: {},
    namespaces: [],
    signals: signalNames,
  });
  return topWindow(closing, [toldFlow(row({}, process(name)), bounds)], 0);
}

describe('keys', () => {
  const keys = (...words: (string | Key)[]): View =>
    words.reduce<View>(
      (view, key) => pressed(view, typeof key === 'string' ? { text: key } : key, window()),
      firstView,
    );
  const processes = (view: View) => rowsOf(view, window()).map((of) => of.process);
  const enter: Key = { text: '', name: 'enter' };
  const escape: Key = { text: '', name: 'escape' };

  test('sort: by letter, and one after the other', () => {
    assert.equal(keys('b').sort, 'bytes');
    assert.equal(keys('s').sort, 'failures');
    assert.equal(keys('o', 's').sort, 'rate');
  });

  test('filter: typed, kept, corrected, dropped', () => {
    assert.deepEqual(processes(keys('/', 'd', 'i', 'g')), ['dig']);
    assert.deepEqual(processes(keys('/', 'd', 'x', { text: '', name: 'backspace' }, enter, 'f')), ['dig']);
    assert.deepEqual(keys('/', 'f', enter).sort, 'rate');
    assert.equal(keys('/', 'd', escape).filter, '');
    assert.equal(keys('/', 'd', enter, escape).filter, '');
  });

  test('into the process of the marked row, and back', () => {
    const inside = keys('j', enter);
    assert.deepEqual(processes(inside), ['backup']);
    assert.equal(pressed(inside, escape, window()).process, undefined);
    assert.deepEqual(processes(keys({ text: '', name: 'up' }, 'j', 'j', 'j', 'j', enter)), ['dig']);
  });

  test('paused, it stays as it was', () => {
    const paused = keys(' ');
    assert.deepEqual(
      rowsOf(paused, topWindowOf('later')).map((of) => of.process),
      ['curl', 'backup', 'dig'],
    );
    assert.deepEqual(
      rowsOf(pressed(paused, { text: ' ' }, undefined), topWindowOf('later')).map((of) => of.process),
      ['later'],
    );
  });
});
