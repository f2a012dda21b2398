import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { noInbound } from '../../../test/observations.ts';
import { noCounts, type Counters, type NetnsCounts, type Reading } from '../../model/observation.ts';
import { parseKernelCounters, reconcile } from './reconcile.ts';

const fixture = (name: string): string => readFileSync(join(import.meta.dirname, 'testdata', name), 'utf8');

describe('parseKernelCounters', () => {
  test('takes what the kernel showed', () => {
    assert.deepEqual(parseKernelCounters([fixture('snmp.txt'), fixture('netstat.txt')]), {
      compared: {
        activeOpens: 1_055_512,
        passiveOpens: 1_055_377,
        // AttemptFails 9, EmbryonicRsts 2.
        attemptFails: 7,
        estabResets: 4,
        retransSegs: 21,
        outRsts: 163,
      },
      inbound: { ...noInbound, embryonicRsts: 2 },
    });
  });

  test('by name, not by place: kernels add columns', () => {
    const snmp =
      'Tcp: New OutRsts RetransSegs EstabResets AttemptFails PassiveOpens ActiveOpens\nTcp: 99 6 5 4 3 2 1\n';
    const queue = 'TCPReqQFullDrop TCPReqQFullDoCookies ListenDrops ListenOverflows';
    const netstat = `TcpExt: SyncookiesSent New ${queue} EmbryonicRsts\nTcpExt: 1 99 2 3 4 5 0\n`;
    assert.equal(parseKernelCounters([snmp, netstat, '1\n']).abortsOnOverflow, true);
    assert.equal(parseKernelCounters([snmp, netstat, '0\n']).abortsOnOverflow, false);
    assert.deepEqual(parseKernelCounters([snmp, netstat]), {
      compared: {
        activeOpens: 1,
        passiveOpens: 2,
        attemptFails: 3,
        estabResets: 4,
        retransSegs: 5,
        outRsts: 6,
      },
      inbound: {
        listenOverflows: 5,
        listenDrops: 4,
        reqQFullDrop: 2,
        reqQFullDoCookies: 3,
        syncookiesSent: 1,
        embryonicRsts: 0,
      },
    });
  });

  test('a counter that is not shown is not taken for one that agrees', () => {
    const snmp = 'Tcp: ActiveOpens\nTcp: 1\n';
    assert.throws(
      () => parseKernelCounters([snmp, fixture('netstat.txt')]),
      /the kernel shows no Tcp PassiveOpens/,
    );
    assert.throws(
      () => parseKernelCounters([fixture('snmp.txt'), '']),
      /the kernel shows no TcpExt EmbryonicRsts/,
    );
  });
});

const opens = (activeOpens: number): Counters => ({ ...noCounts, activeOpens });
const still = (seen: Counters, kernel: Counters): Reading => ({
  before: seen,
  kernel,
  after: seen,
  inbound: noInbound,
});
const counts: NetnsCounts = { id: 1, cookie: 5n, inode: 7, counters: opens(3), untracked: 0 };
const options = { inFlight: 2, incomparable: {} };

describe('reconcile', () => {
  const difference = (baseline: Reading, now: Reading): unknown =>
    reconcile({ counts, baseline, now }, options).difference;

  test('equal counts have no difference; both sides are told', () => {
    const baseline = still(noCounts, opens(100));
    assert.deepEqual(reconcile({ counts, baseline, now: still(opens(3), opens(103)) }, options), {
      'network.namespace': 7,
      'network.namespace.cookie': '5',
      seen: opens(3),
      kernel: opens(3),
      difference: {},
    });
  });

  test('at rest, one more or one less is a difference', () => {
    const baseline = still(noCounts, opens(100));
    assert.deepEqual(difference(baseline, still(opens(3), opens(104))), { activeOpens: 1 });
    assert.deepEqual(difference(baseline, still(opens(3), opens(102))), { activeOpens: -1 });
  });

  test('while counts move, the kernel\u2019s may lie between, and as many beside as are half done', () => {
    const baseline = still(noCounts, opens(100));
    const moving = (kernel: number): Reading => ({
      before: opens(10),
      kernel: opens(100 + kernel),
      after: opens(20),
      inbound: noInbound,
    });
    for (const kernel of [8, 10, 15, 20, 22])
      assert.deepEqual(difference(baseline, moving(kernel)), {}, String(kernel));
    assert.deepEqual(difference(baseline, moving(23)), { activeOpens: 3 });
    assert.deepEqual(difference(baseline, moving(7)), { activeOpens: -3 });
  });

  test('a baseline that was taken in motion widens it as much', () => {
    const baseline: Reading = { before: noCounts, kernel: opens(100), after: opens(5), inbound: noInbound };
    const now = (kernel: number): Reading => still(opens(10), opens(100 + kernel));
    for (const kernel of [3, 5, 10, 12])
      assert.deepEqual(difference(baseline, now(kernel)), {}, String(kernel));
    assert.deepEqual(difference(baseline, now(13)), { activeOpens: 3 });
  });

  test('each counter by itself', () => {
    const baseline = still(noCounts, noCounts);
    const now: Reading = { ...still(opens(3), { ...opens(3), estabResets: 1, outRsts: 2 }) };
    assert.deepEqual(difference(baseline, now), { estabResets: 1, outRsts: 2 });
  });

  test('what this kernel lets nobody compare is left out, with the reason', () => {
    const baseline = still(noCounts, noCounts);
    const now = still(noCounts, { ...noCounts, outRsts: 9 });
    const coverage = reconcile(
      { counts, baseline, now },
      { ...options, incomparable: { outRsts: 'not traced here' } },
    );
    assert.deepEqual(coverage.difference, {});
    assert.ok(!('outRsts' in coverage.seen));
    assert.ok(!('outRsts' in (coverage.kernel ?? {})));
    assert.deepEqual(coverage.incomparable, {
      outRsts: 'not traced here',
    });
  });

  test('each difference is explained, or said to be without explanation', () => {
    const baseline = still(noCounts, noCounts);
    const now = (kernel: Counters, listenOverflows = 0, abortsOnOverflow = true): Reading => ({
      ...still({ ...noCounts, attemptFails: 2 }, kernel),
      inbound: { ...noInbound, listenOverflows },
      abortsOnOverflow,
    });
    const explained = (reading: Reading, skipped = 0): unknown =>
      reconcile({ counts, baseline, now: reading }, { ...options, skipped }).explained;
    assert.equal(explained(now({ ...noCounts, attemptFails: 2 }), 5), undefined, 'they agree');
    const aborted = 'tcp_abort_on_overflow: the kernel counts these in EmbryonicRsts and not in AttemptFails';
    assert.deepEqual(explained(now(noCounts, 2)), { attemptFails: aborted });
    assert.deepEqual(
      explained(now(noCounts, 1)),
      { attemptFails: 'unexplained' },
      'fewer overflows than that',
    );
    assert.deepEqual(explained(now(noCounts, 2, false)), { attemptFails: 'unexplained' }, 'not that setting');
    const skipped = 'the kernel left out 5 runs of a program (kernel.runs_skipped)';
    assert.deepEqual(explained(now({ ...opens(1), attemptFails: 2 }), 5), { activeOpens: skipped });
    assert.deepEqual(explained(now({ ...opens(1), attemptFails: 2 })), { activeOpens: 'unexplained' });
    assert.deepEqual(explained(now({ ...opens(6), attemptFails: 2 }), 5), { activeOpens: 'unexplained' });
  });

  test('without a place, what is missing is explained, and not what is too much', () => {
    const now = still({ ...noCounts, estabResets: 1 }, opens(3));
    const { explained } = reconcile(
      { counts, baseline: still(noCounts, noCounts), now, placeless: true },
      options,
    );
    assert.deepEqual(explained, {
      activeOpens: 'no place in the table of network namespaces (kernel.namespaces_full)',
      estabResets: 'unexplained',
    });
  });

  test('out of reach: what Sonde saw, and why it cannot be compared', () => {
    const coverage = reconcile({ counts, unreachable: 'no process and no mount of it is left' }, options);
    assert.deepEqual(coverage, {
      'network.namespace': 7,
      'network.namespace.cookie': '5',
      seen: opens(3),
      unreachable: 'no process and no mount of it is left',
    });
  });
});
