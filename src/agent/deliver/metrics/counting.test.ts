import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { connection, curl, lookup, row, telling } from '../../../../test/observations.ts';
import { toldWindows } from '../../../../test/told-windows.ts';
import { manualClock, type ManualClock } from '../../../lib/clock.ts';
import { bucketOfUs } from '../../../model/latency.ts';
import type { NumberedRecord } from '../../../model/record.ts';
import { signalNames } from '../../../model/signals.ts';
import { connectionRecord } from '../../window/records.ts';
import { wallTimes } from '../../window/time.ts';
import { newCounting, type Counting, type CountingOptions } from './counting.ts';
import { defaultLabelFields, labelLimits } from './labels.ts';
import { exposition } from '../prometheus/text.ts';

const hourMs = 3_600_000;

interface Endpoint {
  readonly clock: ManualClock;
  readonly counting: Counting;
  add(records: readonly NumberedRecord[]): void;
  /** The lines of these metrics. */
  lines(...metrics: readonly string[]): string[];
  /** The sum over the lines of a metric. */
  sum(metric: string): number;
}

function endpoint(change: Partial<CountingOptions> = {}): Endpoint {
  const clock = manualClock();
  const counting = newCounting(
    {
      fields: ['process.name', 'connection.state'],
      ports: new Set(),
      dnsNames: false,
      seriesMax: 10_000,
      idleMs: hourMs,
      ...change,
    },
    clock,
  );
  const text = () => exposition({ tables: counting.tables, live: [] }, 'openmetrics').split('\n');
  const lines = (...metrics: readonly string[]) =>
    text().filter((line) => metrics.some((metric) => new RegExp(`^${metric}[{ ]`).test(line)));
  return {
    clock,
    counting,
    add(records) {
      for (const record of records) counting.add(record);
    },
    lines,
    sum: (metric) => lines(metric).reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0),
  };
}

const named = (name: string) => ({ ...curl, 'process.name': name });
const many = (count: number) =>
  Array.from({ length: count }, (_, i) => row({ sums: { opened: 2, ended: 2 } }, named(`p${String(i)}`)));

describe('counters', () => {
  test('add up what windows tell, under the labels that are wanted', () => {
    const at = endpoint();
    const windows = toldWindows();
    const rows = [
      row({ sums: { opened: 3, ended: 2, open: 1, bytesSent: 100, busyMs: 1500 } }),
      row({ destinationPort: 443, sums: { opened: 4, ended: 4, bytesSent: 11 } }),
      row({ state: 'refused', established: false, sums: { opened: 1, ended: 1 } }, named('wget')),
    ];
    at.add(windows.close(rows));
    at.add(windows.close([row({ sums: { opened: 10, ended: 10 } })]));
    assert.deepEqual(at.lines('sonde_connections_opened_total', 'sonde_sent_bytes_total'), [
      'sonde_connections_opened_total{process="curl",state="closed"} 17',
      'sonde_connections_opened_total{process="wget",state="refused"} 1',
      'sonde_sent_bytes_total{process="curl",state="closed"} 111',
      'sonde_sent_bytes_total{process="wget",state="refused"} 0',
    ]);
    assert.deepEqual(at.lines('sonde_tcp_busy_seconds_total'), [
      'sonde_tcp_busy_seconds_total{process="curl",state="closed"} 1.5',
    ]);
  });

  test('a window that is delivered again counts once, also in part', () => {
    const at = endpoint();
    const windows = toldWindows();
    const first = windows.close([row({ sums: { opened: 3 } }), row({ state: 'reset', sums: { opened: 4 } })]);
    at.add(first.slice(0, 1));
    at.add(first);
    at.add(first);
    at.add(windows.close([row({ sums: { opened: 5 } })]));
    assert.equal(at.sum('sonde_connections_opened_total'), 12);
    assert.equal(at.counting.windows(), 2);
  });

  test('what another boot has told under the same numbers is new', () => {
    const at = endpoint();
    const told = toldWindows().close([row({ sums: { opened: 3 } })]);
    at.add(told);
    at.add(told.map((record) => ({ ...record, 'boot.id': 'b-2' })));
    assert.equal(at.sum('sonde_connections_opened_total'), 6);
  });

  test('single events are in the rows already', () => {
    const at = endpoint();
    const event = connectionRecord(connection(), telling, wallTimes(manualClock()));
    at.add([{ ...event, 'record.sequence': 1 }]);
    assert.equal(at.sum('sonde_connections_ended_total'), 0);
  });
});

describe('gauges', () => {
  const open = (count: number, name = 'curl') => row({ state: 'open', sums: { open: count } }, named(name));

  test('are of the last whole window; what it does not tell of is 0', () => {
    const at = endpoint();
    const windows = toldWindows();
    at.add(windows.close([open(3), open(2, 'wget')]));
    const gauge = () => at.lines('sonde_connections_open').map((line) => line.replace(/.*"(.*)",.* /, '$1 '));
    assert.deepEqual(gauge(), ['curl 3', 'wget 2']);
    const second = windows.close([open(4)]);
    at.add(second.slice(0, -1));
    assert.deepEqual(gauge(), ['curl 3', 'wget 2']);
    at.add(second.slice(-1));
    assert.deepEqual(gauge(), ['curl 4', 'wget 0']);
  });

  test('a window whose end is lost leaves nothing in the next', () => {
    const at = endpoint();
    const windows = toldWindows();
    at.add(windows.close([open(3)]).slice(0, -1));
    at.add(windows.close([open(4)]));
    assert.equal(at.sum('sonde_connections_open'), 4);
    at.add(windows.close([open(5)]).slice(0, -1));
    at.add(windows.close([]));
    assert.equal(at.sum('sonde_connections_open'), 0);
  });
});

describe('the latency histogram', () => {
  const latency = (us: number, count: number) => ({ bucket: bucketOfUs(us), count });
  const of = (line: string) => /le="(.*?)"} (\d+)/.exec(line)?.slice(1) ?? [];

  test('is cumulative, in seconds, with sum and count; borders are kept', () => {
    const at = endpoint();
    const rowOf = row({
      latency: [latency(100, 2), latency(127, 1), latency(128, 4), latency(300_000_000, 1)],
      sums: { established: 8, latencySumUs: 2 * 100 + 127 + 4 * 128 + 300_000_000 },
    });
    const windows = toldWindows();
    at.add(windows.close([rowOf]));
    at.add(windows.close([rowOf]));
    const buckets = at.lines('sonde_connect_latency_seconds_bucket').map(of);
    assert.deepEqual(buckets.slice(0, 3), [
      ['0.000128', '6'],
      ['0.000256', '14'],
      ['0.000512', '14'],
    ]);
    assert.deepEqual(buckets.slice(-2), [
      ['134.217728', '14'],
      ['+Inf', '16'],
    ]);
    assert.deepEqual(at.lines('sonde_connect_latency_seconds_count').length, 1);
    assert.equal(at.sum('sonde_connect_latency_seconds_count'), 16);
    // A row has its mean to a microsecond.
    assert.ok(Math.abs(at.sum('sonde_connect_latency_seconds_sum') - 600.001_678) < 16e-6);
  });

  test('quiet: rows without a handshake have none', () => {
    const at = endpoint();
    at.add(toldWindows().close([row({ sums: { open: 1 } })]));
    assert.deepEqual(at.lines('sonde_connect_latency_seconds_count', 'sonde_tcp_rtt_seconds_count'), []);
  });

  test('a mean and its count are a summary', () => {
    const at = endpoint();
    at.add(toldWindows().close([row({ sums: { rttSumUs: 9000, rttCount: 3 } })]));
    assert.equal(at.sum('sonde_tcp_rtt_seconds_sum'), 0.009);
    assert.equal(at.sum('sonde_tcp_rtt_seconds_count'), 3);
  });
});

test('lookups have their type and outcome, and a histogram of their own', () => {
  const at = endpoint({ fields: ['process.name', 'direction', 'connection.state'] });
  at.add(toldWindows().close([], { lookups: [lookup({ lookups: 2, attempts: 3 })] }));
  const labels = 'process="curl",direction="egress",state="closed",qtype="A",rcode="NXDOMAIN"';
  assert.deepEqual(at.lines('sonde_dns_lookups_total', 'sonde_dns_attempts_total'), [
    `sonde_dns_lookups_total{${labels}} 2`,
    `sonde_dns_attempts_total{${labels}} 3`,
  ]);
  assert.deepEqual(at.lines('sonde_dns_lookup_seconds_sum', 'sonde_dns_lookup_seconds_count'), [
    `sonde_dns_lookup_seconds_sum{${labels}} 0.003`,
    `sonde_dns_lookup_seconds_count{${labels}} 2`,
  ]);
  assert.deepEqual(at.lines('sonde_connect_latency_seconds_count'), []);
});

describe('labels', () => {
  const far = (name: string, source: 'k8s' | 'static' | 'dns' | 'dns_node', port = 443) => ({
    ...row({ destinationPort: port, sums: { opened: 1 } }),
    far: {
      'destination.scope': 'public',
      'destination.name': name,
      'destination.name.source': source,
    } as const,
  });
  const all = { fields: [...defaultLabelFields] };

  const cases = [
    {
      title: 'names that the operator or the cluster gives, and ports that are known',
      rows: [far('db', 'static', 5432), far('db.shop', 'k8s', 40_000)],
      options: {},
      labels: [
        'scope="public",peer="db",port_class="5432"',
        'scope="public",peer="db.shop",port_class="other"',
      ],
    },
    {
      title: 'names from DNS are left out, and then rows are one series',
      rows: [far('a.example', 'dns'), far('b.example', 'dns_node')],
      options: {},
      labels: ['scope="public",port_class="443"'],
    },
    {
      title: 'but where they are wanted',
      rows: [far('a.example', 'dns'), far('b.example', 'dns_node')],
      options: { dnsNames: true },
      labels: [
        'scope="public",peer="a.example",port_class="443"',
        'scope="public",peer="b.example",port_class="443"',
      ],
    },
    {
      title: 'ports of one\u2019s own',
      rows: [far('db', 'static', 40_000)],
      options: { ports: new Set([40_000]) },
      labels: ['scope="public",peer="db",port_class="40000"'],
    },
  ] as const;
  const before = 'environment="lab",process="curl",direction="egress",transport="tcp",state="closed",';
  for (const { title, rows, options, labels } of cases)
    test(title, () => {
      const at = endpoint({ ...all, ...options });
      at.add(toldWindows().close(rows));
      assert.deepEqual(
        at.lines('sonde_connections_opened_total').map((line) => /\{(.*)\}/.exec(line)?.[1]),
        labels.map((label) => before + label),
      );
    });

  const values = [
    ['a"b\\c', 'a\\"b\\\\c'],
    ['new\nline', 'new\\\\x0aline'],
    ['\u0000\u001b[31m', '\\\\x00\\\\x1b[31m'],
    ['\ud800', '\ufffd'],
    ['x'.repeat(labelLimits.valueMax + 1), 'x'.repeat(labelLimits.valueMax)],
  ] as const;
  for (const [name, shown] of values)
    test(`a process called ${JSON.stringify(name).slice(0, 20)} harms nobody`, () => {
      const at = endpoint({ fields: ['process.name'] });
      at.add(toldWindows().close([row({ sums: { opened: 1 } }, named(name))]));
      assert.deepEqual(at.lines('sonde_connections_opened_total'), [
        `sonde_connections_opened_total{process="${shown}"} 1`,
      ]);
    });

  test('an empty value is no label: to Prometheus these are one series', () => {
    const at = endpoint({ fields: ['process.name'] });
    at.add(toldWindows().close([row({ sums: { opened: 1 } }, named(''))]));
    assert.deepEqual(at.lines('sonde_connections_opened_total'), ['sonde_connections_opened_total 1']);
  });
});

describe('the bound on series', () => {
  const seriesMax = 500;
  const overflow = 'sonde_connections_opened_total{overflow="true"}';
  const isOverflow = (line: string) => line.startsWith(overflow);

  test('is never passed; what is beyond it is in one series, and counted; sums stay right', () => {
    const at = endpoint({ seriesMax });
    const windows = toldWindows();
    const rows = many(1000);
    for (let n = 0; n < 3; n++) at.add(windows.close(rows));
    const { series } = at.counting;
    assert.ok(series.count() <= seriesMax && series.count() > seriesMax / 2, String(series.count()));
    const text = exposition({ tables: at.counting.tables.slice(0, 3), live: [] }, 'text');
    const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    assert.equal(samples.length, series.count());
    assert.equal(at.sum('sonde_connections_opened_total'), 3 * 2000);
    const own = at.lines('sonde_connections_opened_total').filter((line) => !isOverflow(line));
    assert.equal(series.folded(), 3 * (1000 - own.length));
    assert.deepEqual(at.lines('sonde_connections_opened_total').filter(isOverflow), [
      `${overflow} ${String(2 * series.folded())}`,
    ]);
  });

  test('no process can be taken for it', () => {
    const at = endpoint({ seriesMax, fields: ['process.name'] });
    at.add(toldWindows().close([row({ sums: { opened: 1 } }, named('overflow')), ...many(1000)]));
    assert.equal(at.lines('sonde_connections_opened_total').filter(isOverflow).length, 1);
  });

  test('a metric that comes later and has no room goes there alone', () => {
    const at = endpoint({ seriesMax });
    const windows = toldWindows();
    at.add(windows.close(many(1000)));
    const folded = at.counting.series.folded();
    const late = row({ latency: [{ bucket: 40, count: 5 }], sums: { opened: 1 } }, named('p0'));
    at.add(windows.close([late]));
    assert.ok(
      at
        .lines('sonde_connections_opened_total')
        .includes('sonde_connections_opened_total{process="p0",state="closed"} 3'),
    );
    assert.deepEqual(at.lines('sonde_connect_latency_seconds_count'), [
      'sonde_connect_latency_seconds_count{overflow="true"} 5',
    ]);
    assert.equal(at.counting.series.folded(), folded + 1);
  });

  test('what is idle goes, and makes room', async () => {
    const at = endpoint({ seriesMax });
    const windows = toldWindows();
    at.add(windows.close(many(1000)));
    await at.clock.advance(hourMs / 2);
    at.add(windows.close([row({ sums: { opened: 1 } }, named('p1'))]));
    await at.clock.advance(hourMs / 2 + 1);
    at.add(windows.close([]));
    const left = at.lines('sonde_connections_opened_total');
    assert.deepEqual(
      left.filter((line) => !isOverflow(line)),
      ['sonde_connections_opened_total{process="p1",state="closed"} 3'],
    );
    at.add(windows.close([row({ sums: { opened: 7 } }, named('new'))]));
    assert.ok(
      at
        .lines('sonde_connections_opened_total')
        .includes('sonde_connections_opened_total{process="new",state="closed"} 7'),
    );
  });
});

describe('closing records', () => {
  test('say what was lost, by stage and reason, added up', () => {
    const at = endpoint();
    const windows = toldWindows();
    at.add(windows.close([], { losses: { 'kernel.events_ring_full': 4 } }));
    at.add(windows.close([], { losses: { 'kernel.events_ring_full': 5, 'deliver.jsonl.rejected': 2 } }));
    assert.deepEqual(at.lines('sonde_lost_total'), [
      'sonde_lost_total{stage="kernel",reason="events_ring_full"} 5',
      'sonde_lost_total{stage="deliver",reason="jsonl.rejected"} 2',
    ]);
  });

  test('say which signals were on, and which were not', () => {
    const at = endpoint();
    const windows = toldWindows();
    const on = () => at.lines('sonde_signal').filter((line) => line.endsWith(' 1'));
    at.add(windows.close([], { signals: ['lifecycle', 'dns'] }));
    assert.deepEqual(on(), ['sonde_signal{signal="lifecycle"} 1', 'sonde_signal{signal="dns"} 1']);
    at.add(windows.close([], { signals: ['lifecycle'] }));
    assert.deepEqual(on(), ['sonde_signal{signal="lifecycle"} 1']);
    assert.equal(at.lines('sonde_signal').length, signalNames.length);
  });

  test('a flood of rows does not crowd them out', () => {
    const at = endpoint({ seriesMax: 500 });
    at.add(toldWindows().close(many(5000), { losses: { 'kernel.x': 1 } }));
    assert.deepEqual(at.lines('sonde_lost_total'), ['sonde_lost_total{stage="kernel",reason="x"} 1']);
    assert.equal(at.lines('sonde_coverage_seen_total').length, 1);
  });
});
