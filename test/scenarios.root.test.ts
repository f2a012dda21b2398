/**
 * Every scenario of the lab, made for real in namespaces of its own: what Sonde says of each end, against
 * what the lab did, and Sonde's counts against the kernel's of that namespace.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { loadScenarios } from '../lab/catalogue.ts';
import { missingNeeds } from '../lab/needs.ts';
import { Stage } from '../lab/stage.ts';
import type { ExpectedEnd } from '../lab/scenario.ts';
import type { ConnectionRecord, FlowRecord, WindowRecord } from '../src/model/record.ts';
import { eventually, startRig, type Rig } from './rig.ts';

const parallel = Number(process.env['SONDE_SCENARIOS_PARALLEL'] ?? 4);
const patienceMs = Number(process.env['SONDE_PATIENCE_MS'] ?? 10_000);

/** What the record says, in the words of the expectation, and only of what the lab promises. */
function told(record: ConnectionRecord, end: ExpectedEnd): Record<string, unknown> {
  const all: Record<keyof ExpectedEnd, unknown> = {
    process: record['process.name'],
    direction: record.direction,
    state: record['connection.state'],
    established: record['connection.established'],
    destinationIp: record['destination.ip'],
    destinationPort: record['destination.port'],
    netns: record['network.namespace'],
    resetSide: record['reset.side'],
    closeReason: record['close.reason'],
    timeoutBy: record['timeout.by'],
    error: record.error,
    bytesSent: record['bytes.sent'],
    bytesReceived: record['bytes.received'],
    finSent: end.finSent,
    softError: end.softError,
  };
  return Object.fromEntries(Object.keys(end).map((name) => [name, all[name as keyof ExpectedEnd]]));
}

function order(a: ExpectedEnd, b: ExpectedEnd): number {
  const key = (end: ExpectedEnd) =>
    JSON.stringify([end.netns, end.process, end.direction, end.destinationPort, end.state]);
  return key(a) < key(b) ? -1 : 1;
}

function orderRecords(a: ConnectionRecord, b: ConnectionRecord): number {
  const key = (r: ConnectionRecord) =>
    JSON.stringify([
      r['network.namespace'],
      r['process.name'],
      r.direction,
      r['destination.port'],
      r['connection.state'],
    ]);
  return key(a) < key(b) ? -1 : 1;
}

function openRows(flows: readonly FlowRecord[], end: ExpectedEnd): FlowRecord[] {
  return flows.filter(
    (row) =>
      row['network.namespace'] === end.netns &&
      row['connection.state'] === 'open' &&
      row.direction === end.direction &&
      row['process.name'] === end.process &&
      row['destination.ip'] === end.destinationIp,
  );
}

/** An end that is not among the single ones may be in the rows, and the losses say why. */
function whereabouts(rig: Rig, here: ReadonlySet<number>): string {
  const rows = rig
    .flows()
    .filter((row) => here.has(row['network.namespace']) && row['connections.ended'] > 0)
    .map((row) => `${row['process.name']} ${row['connection.state']} ${row['connections.ended']}`);
  return `rows: ${rows.join(', ')}; lost: ${JSON.stringify(rig.agent.status().lost)}`;
}

/** In each namespace that can be entered; those in which something ended can be, and were. */
function assertAgreed(window: WindowRecord, here: ReadonlySet<number>, ended: ReadonlySet<number>): void {
  const compared = window['coverage.namespaces'].filter(
    (of) => here.has(of['network.namespace']) && of.unreachable === undefined,
  );
  for (const coverage of compared) assert.deepEqual(coverage.difference, {}, JSON.stringify(coverage));
  const missing = ended.difference(new Set(compared.map((of) => of['network.namespace'])));
  assert.deepEqual([...missing], [], 'each is compared');
}

describe('what Sonde says of each scenario', { concurrency: parallel }, async () => {
  let rig: Rig;
  before(async () => {
    // Whatever else the machine does must not use up what the scenarios need.
    const perSecond = 1_000_000;
    rig = await startRig({
      limits: { events_per_second: perSecond, trace_events_per_second: perSecond, event_buffer: '64MiB' },
    });
  });
  after(() => rig[Symbol.asyncDispose]());

  for (const scenario of await loadScenarios()) {
    test(`${scenario.id}: ${scenario.title}`, async (t) => {
      const missing = await missingNeeds(scenario.needs ?? []);
      if (missing.length > 0) {
        t.skip(`no ${missing.join(', ')} here`);
        return;
      }
      await using stage = new Stage();
      // A namespace's inode is given to the next one as soon as it is gone: what is older is another
      // scenario's.
      const since = new Date().toISOString();
      const truth = await scenario.run(stage);
      const inodes = new Set(stage.namespaces.map((n) => n.inode));
      const ended = () =>
        rig.connections.filter(
          (r) => inodes.has(r['network.namespace']) && r['close.reason'] !== undefined && r.time >= since,
        );
      const expected = truth.ends.filter((end) => end.state !== 'open').sort(order);
      await eventually(() => ended().length >= expected.length, patienceMs);
      await rig.nextWindow(); // its sweep may have begun before
      const window = await rig.nextWindow(); // also long enough for an end too many to show up
      const records = ended().sort(orderRecords);
      if (records.length !== expected.length)
        t.diagnostic(
          `${scenario.id}: ${records.length} of ${expected.length} ends; ${whereabouts(rig, inodes)}`,
        );

      assert.deepEqual(
        records.map((record, i) => told(record, expected[i] ?? ({ process: '' } as ExpectedEnd))),
        expected,
      );
      for (const record of records) {
        assert.notEqual(record.attribution, 'unknown');
        assert.match(record['process.executable.path'] ?? '', /\/lab\/actor$/);
      }
      for (const end of truth.ends.filter(({ state }) => state === 'open')) {
        const rows = openRows(
          rig.flows().filter((row) => row['window.number'] === window['window.number']),
          end,
        );
        assert.equal(rows.length, 1, `an open row for ${JSON.stringify(end)}`);
        assert.equal(rows[0]?.['connection.established'], end.established);
      }
      assertAgreed(window, inodes, new Set(truth.ends.map((end) => end.netns)));
    });
  }
});
