import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as z from 'zod';
import { curl, row } from '../../../../test/observations.ts';
import { readMetricsRequest, sumOf, type ReadPoint } from '../../../../test/otlp-points.ts';
import { standing } from '../../../../test/standing.ts';
import { toldWindows } from '../../../../test/told-windows.ts';
import { manualClock, type ManualClock } from '../../../lib/clock.ts';
import { bucketOfUs } from '../../../model/latency.ts';
import { newCounting, type Counting } from '../metrics/counting.ts';
import { boundsSeconds } from '../metrics/metrics.ts';
import { countingOptions, countingShape } from '../metrics/options.ts';
import { selfMetrics } from '../metrics/self.ts';
import { encodePoints, pointsOf, type AttributeNames } from './points.ts';

interface At {
  readonly clock: ManualClock;
  readonly counting: Counting;
  told(names?: AttributeNames): ReadPoint[];
}

function counted(options: Record<string, unknown> = {}): At {
  const clock = manualClock();
  const sinceMs = clock.wallMs();
  const counting = newCounting(countingOptions(z.object(countingShape).parse(options)), clock);
  return {
    clock,
    counting,
    told(names = 'canonical') {
      const live = selfMetrics(counting, standing);
      const points = pointsOf({ tables: counting.tables, live }, { names, sinceMs });
      const encoding = { resource: { 'service.name': 'x' }, timeMs: clock.wallMs() };
      return readMetricsRequest(encodePoints(points, { ...encoding, protocol: 'grpc' }));
    },
  };
}

const named = (name: string) => ({ ...curl, 'process.name': name });
const of = (points: readonly ReadPoint[], name: string) => points.filter((point) => point.name === name);

describe('points', () => {
  test('of a counter are a sum since the start that only rises', async () => {
    const at = counted({ labels: ['process.name', 'destination.port'] });
    const startNs = BigInt(at.clock.wallMs()) * 1_000_000n;
    for (const record of toldWindows().close([row({ sums: { opened: 3, bytesSent: 1000 } })]))
      at.counting.add(record);
    await at.clock.advance(60_000);
    const [opened, ...more] = of(at.told(), 'sonde.connections.opened');
    assert.ok(opened && more.length === 0);
    assert.deepEqual(
      { ...opened, description: '' },
      {
        resource: { 'service.name': ['string', 'x'] },
        name: 'sonde.connections.opened',
        description: '',
        unit: '{connection}',
        kind: 'sum',
        temporality: 2,
        isMonotonic: true,
        attributes: { 'process.name': ['string', 'curl'], 'destination.port_class': ['string', '80'] },
        startNs,
        timeNs: startNs + 60_000_000_000n,
        value: ['int', 3],
        histogram: undefined,
      },
    );
    assert.match(opened.description, /\w/);
    const [otel] = of(at.told('otel'), 'sonde.sent.bytes');
    assert.deepEqual(Object.keys(otel!.attributes), ['sonde.process.comm', 'sonde.destination.port_class']);
    assert.deepEqual([otel!.unit, otel!.value], ['By', ['int', 1000]]);
  });

  test('of latencies are a histogram; of a mean one without bounds', () => {
    const at = counted();
    const latency = [
      { bucket: bucketOfUs(100), count: 2 },
      { bucket: bucketOfUs(300_000_000), count: 1 },
    ];
    const sums = { established: 3, latencySumUs: 300_000_200, rttSumUs: 9000, rttCount: 3 };
    for (const record of toldWindows().close([row({ latency, sums })])) at.counting.add(record);
    const [connect] = of(at.told(), 'sonde.connect.latency');
    assert.deepEqual([connect?.kind, connect?.unit, connect?.temporality], ['histogram', 's', 2]);
    const { counts, bounds, count, sum } = connect!.histogram!;
    assert.deepEqual(bounds, boundsSeconds);
    assert.deepEqual(counts, [2, ...Array.from({ length: boundsSeconds.length - 1 }, () => 0), 1]);
    assert.equal(count, 3);
    assert.ok(Math.abs(sum - 300.0002) < 3e-6);
    const [rtt] = of(at.told(), 'sonde.tcp.rtt');
    assert.deepEqual(rtt?.histogram, { count: 3, sum: 0.009, counts: [3], bounds: [] });
  });

  test('of what is open now are a gauge, and so is how the agent stands', () => {
    const at = counted();
    for (const record of toldWindows().close([row({ state: 'open', sums: { open: 4 } })]))
      at.counting.add(record);
    const told = at.told();
    const [open] = of(told, 'sonde.connections.open');
    assert.deepEqual([open?.kind, open?.value], ['gauge', ['int', 4]]);
    const [limit] = of(told, 'sonde.budget.cpu_limit');
    assert.deepEqual([limit?.kind, limit?.unit, limit?.value], ['gauge', '1', ['double', 0.25]]);
    const steps = of(told, 'sonde.budget.step').map(({ attributes, value }) => [attributes, value[1]]);
    assert.deepEqual(
      steps.filter(([, value]) => value === 1),
      [[{ 'budget.step': ['string', 'failures'] }, 1]],
    );
    const [behind] = of(told, 'sonde.exporter.behind');
    assert.deepEqual([behind?.unit, behind?.attributes], ['By', { exporter: ['string', 'otlp'] }]);
    assert.deepEqual(of(told, 'sonde.build'), [], 'the resource says it');
  });

  test('losses have their stage and reason', () => {
    const at = counted();
    for (const record of toldWindows().close([], { losses: { 'kernel.events_ring_full': 4 } }))
      at.counting.add(record);
    const [lost] = of(at.told('otel'), 'sonde.lost');
    assert.deepEqual(lost?.attributes, {
      'sonde.stage': ['string', 'kernel'],
      'sonde.reason': ['string', 'events_ring_full'],
    });
    assert.deepEqual([lost.kind, lost.value], ['sum', ['int', 4]]);
  });

  test('beyond the bound are one for each metric, marked as OpenTelemetry has it; sums stay right', () => {
    const at = counted({ series_max: 500, labels: ['process.name'] });
    const rows = Array.from({ length: 1000 }, (_, i) => row({ sums: { opened: 2 } }, named(`p${String(i)}`)));
    for (const record of toldWindows().close(rows)) at.counting.add(record);
    const told = at.told();
    assert.equal(sumOf(told, 'sonde.connections.opened'), 2000);
    const overflow = of(told, 'sonde.connections.opened').filter(
      ({ attributes }) => 'otel.metric.overflow' in attributes,
    );
    assert.deepEqual(
      overflow.map(({ attributes }) => attributes),
      [{ 'otel.metric.overflow': ['bool', true] }],
    );
    assert.equal(overflow[0]!.value[1], 2 * at.counting.series.folded());
  });

  test('that went and came back began when they came', async () => {
    const at = counted({ labels: ['process.name'] });
    const windows = toldWindows();
    const add = (name: string) => {
      for (const record of windows.close([row({ sums: { opened: 1 } }, named(name))]))
        at.counting.add(record);
    };
    const began = (): Record<string, number> =>
      Object.fromEntries(
        of(at.told(), 'sonde.connections.opened').map(({ attributes, startNs }) => [
          attributes['process.name']?.[1] as string,
          Number(startNs / 1_000_000n),
        ]),
      );
    const firstMs = at.clock.wallMs();
    add('curl');
    await at.clock.advance(3_600_000);
    add('wget');
    await at.clock.advance(1);
    add('wget');
    const goneMs = at.clock.wallMs();
    await at.clock.advance(60_000);
    add('curl');
    assert.deepEqual(began(), { curl: goneMs, wget: firstMs });
  });

  test('do not end before they began, whatever the clock does', () => {
    const at = counted();
    for (const record of toldWindows().close([row({ sums: { opened: 1 } })])) at.counting.add(record);
    const points = pointsOf({ tables: at.counting.tables, live: [] }, { names: 'canonical', sinceMs: 0 });
    const request = encodePoints(points, { resource: {}, timeMs: 0, protocol: 'http/protobuf' });
    for (const { startNs, timeNs } of readMetricsRequest(request)) assert.ok(startNs <= timeNs);
  });

  test('say the same in JSON', () => {
    const at = counted();
    for (const record of toldWindows().close([row({ sums: { opened: 3 } })])) at.counting.add(record);
    const points = pointsOf({ tables: at.counting.tables, live: [] }, { names: 'canonical', sinceMs: 0 });
    const request = JSON.parse(
      Buffer.from(encodePoints(points, { resource: {}, timeMs: 1e12, protocol: 'http/json' })).toString(),
    ) as { resourceMetrics: { scopeMetrics: { metrics: { name: string; sum?: unknown }[] }[] }[] };
    const metrics = request.resourceMetrics[0]!.scopeMetrics[0]!.metrics;
    const opened = metrics.find(({ name }) => name === 'sonde.connections.opened')?.sum as {
      readonly isMonotonic: boolean;
      readonly aggregationTemporality: number;
      readonly dataPoints: readonly { readonly asInt: number; readonly timeUnixNano: string }[];
    };
    assert.deepEqual([opened.isMonotonic, opened.aggregationTemporality], [true, 2]);
    assert.deepEqual(
      [opened.dataPoints[0]?.asInt, opened.dataPoints[0]?.timeUnixNano],
      [3, '1000000000000000000'],
    );
  });
});
