import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Column } from '../../src/question/contract.ts';
import { identify, narrowingParam, nextSort, rowTitle, sortRows } from './rows.ts';
import type { Row } from './rows.ts';

function column(name: string, type: Column['type']): Column {
  return { name, type, title: name, description: '' };
}

const columns = [
  column('process.name', 'text'),
  column('destination.ip', 'ip'),
  column('destination.port', 'port'),
  column('failed', 'count'),
  column('last', 'time'),
  column('over', 'series'),
];

function row(name: string, failed: number | null, more: Row = {}): Row {
  return { 'process.name': name, 'destination.ip': '192.0.2.1', 'destination.port': 443, failed, ...more };
}

function order(rows: readonly Row[], by: string, descending: boolean): readonly unknown[] {
  const sorted = sortRows(identify({ rows, columns }), columns, { column: by, descending });
  return sorted.map(({ row: each }) => each['process.name']);
}

describe('identity', () => {
  test('is of the names, not of the numbers', () => {
    const ids = (rows: readonly Row[]): readonly string[] => identify({ rows, columns }).map(({ id }) => id);
    assert.deepEqual(ids([row('curl', 1), row('node', 2)]), ids([row('curl', 9), row('node', 8)]));
    assert.notEqual(ids([row('curl', 1)])[0], ids([row('node', 1)])[0]);
  });

  test('two rows of one name are two', () => {
    const ids = identify({ rows: [row('curl', 1), row('curl', 2)], columns }).map(({ id }) => id);
    assert.equal(new Set(ids).size, 2);
  });
});

describe('sortRows', () => {
  const rows = [row('b', 2), row('none', null), row('a', 10), row('c', 2)];

  test('numbers by size, equals as the question ranked them, what is missing last', () => {
    assert.deepEqual(order(rows, 'failed', true), ['a', 'b', 'c', 'none']);
    assert.deepEqual(order(rows, 'failed', false), ['b', 'c', 'a', 'none']);
  });

  test('numbers that come as text are numbers', () => {
    const texts = [row('a', null, { failed: '9' }), row('b', null, { failed: '10' })];
    assert.deepEqual(order(texts, 'failed', true), ['b', 'a']);
  });

  test('addresses by their numbers', () => {
    const hosts = ['10.0.0.10', '10.0.0.9', '9.0.0.1'].map((ip) => row(ip, 0, { 'destination.ip': ip }));
    assert.deepEqual(order(hosts, 'destination.ip', false), ['9.0.0.1', '10.0.0.9', '10.0.0.10']);
  });

  test('times by time whatever their zone, series by their sum', () => {
    const times = [
      row('late', 0, { last: '2026-11-25T12:00:00Z' }),
      row('early', 0, { last: '2026-11-25T12:30:00+01:00' }),
    ];
    assert.deepEqual(order(times, 'last', false), ['early', 'late']);
    const series = [row('more', 0, { over: [1, 5] }), row('less', 0, { over: [4, null] })];
    assert.deepEqual(order(series, 'over', true), ['more', 'less']);
  });

  test('an unknown column sorts nothing', () => {
    assert.deepEqual(order(rows, 'gone', true), ['b', 'none', 'a', 'c']);
  });
});

test('the first sort is the useful one, the third press gives the question’s own order back', () => {
  const failed = column('failed', 'count');
  const first = nextSort(failed, undefined);
  assert.deepEqual(first, { column: 'failed', descending: true });
  const second = nextSort(failed, first);
  assert.deepEqual(second, { column: 'failed', descending: false });
  assert.equal(nextSort(failed, second), undefined);
  assert.deepEqual(nextSort(column('process.name', 'text'), second), {
    column: 'process.name',
    descending: false,
  });
});

test('a column finds the parameter that narrows by it', () => {
  const params = ['host', 'environment', 'process', 'destination', 'port', 'state'];
  assert.equal(narrowingParam('host.name', params), 'host');
  assert.equal(narrowingParam('environment', params), 'environment');
  assert.equal(narrowingParam('process.name', params), 'process');
  assert.equal(narrowingParam('destination.ip', params), 'destination');
  assert.equal(narrowingParam('destination.port', params), 'port');
  assert.equal(narrowingParam('connection.state', params), 'state');
  assert.equal(narrowingParam('process.pid', params), undefined);
  assert.equal(narrowingParam('failed', params), undefined);
});

test('a row is called by who and where to', () => {
  assert.equal(rowTitle(row('curl', 1), columns), 'curl → 192.0.2.1:443');
  assert.equal(
    rowTitle(row('curl', 1, { 'destination.ip': '2001:db8::1' }), columns),
    'curl → [2001:db8::1]:443',
  );
  assert.equal(rowTitle({ name: 'api.example' }, [column('name', 'text')]), 'api.example');
});
