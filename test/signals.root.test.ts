/** Signals are switched while connections come and go: nothing that was counted is lost, and none twice. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Namespace } from '../lab/namespaces.ts';
import { Stage } from '../lab/stage.ts';
import { artefacts, loadNative } from '../src/agent/kernel/native.ts';
import { signalPrograms } from '../src/agent/kernel/signals.ts';
import type { FlowRecord } from '../src/model/record.ts';
import { signalNames, type SignalName } from '../src/model/signals.ts';
import { assertWhole, flowsOf, Restarted } from './restarted.ts';
import { startRig, type Rig } from './rig.ts';
import { assertBalance, churn, flowSums, truthSums } from './truth.ts';
import { bound, noUdp, startUdpRig, udpSums } from './udp-sums.ts';

const native = loadNative(artefacts());

test(
  'switched under load, the sums stay exact, and windows say what was on',
  { timeout: 120_000 },
  async () => {
    await using stage = new Stage();
    const at = await stage.namespace('one');
    await using rig = await startRig(
      { window: '200ms', namespaces: [at.path], signals: { udp: 'on' } },
      { watch: false },
    );
    await rig.nextWindow();
    const first = rig.agent.status().signals.join();
    const lacking = signalNames.filter((name) => signalPrograms[name].lack?.(native) !== undefined);
    const load = churn({ netns: at.path, tag: 'one', perTarget: 200, rate: 600 });
    const state = { loaded: true, switches: 0 };
    void load.finally(() => (state.loaded = false));
    while (state.loaded) {
      const wanted = signalNames.filter((_, i) => i === 0 || state.switches % 2 === 1);
      const refused = await rig.agent.switchTo(wanted);
      assert.deepEqual(
        [...refused.keys()],
        lacking.filter((name) => wanted.includes(name)),
      );
      for (const reason of refused.values()) assert.match(reason, /^this kernel does not trace/);
      assert.deepEqual(
        rig.agent.status().signals,
        wanted.filter((name) => !refused.has(name)),
      );
      state.switches++;
      await rig.nextWindow();
    }
    assert.ok(state.switches > 3, `switched ${String(state.switches)} times`);
    const truths = await load;
    await rig.stop();

    assert.deepEqual(flowSums(rig.flows()), truthSums(truths));
    assertBalance(rig.windows, rig.flows());
    const said = rig.windows.map(({ signals }) => signals.join());
    assert.equal(said[0], first);
    assert.ok(said.includes('lifecycle'), 'a window that a signal was off for says so');
    for (const coverage of rig.windows.at(-1)?.['coverage.namespaces'] ?? []) {
      assert.deepEqual(coverage.difference, {}, JSON.stringify(coverage));
      assert.deepEqual(Object.keys(coverage.incomparable ?? {}).includes('retransSegs'), true);
    }
  },
);

/** From the next window on. */
async function switchTo(rig: Rig, ...wanted: SignalName[]): Promise<void> {
  assert.deepEqual(await rig.agent.switchTo(wanted), new Map());
  await rig.nextWindow();
}

test(
  'retransmissions of open connections are told whether or not they are traced',
  { timeout: 120_000 },
  async () => {
    await using stage = new Stage();
    const at = await stage.namespace();
    await using rig = await startRig({ window: '200ms', namespaces: [at.path] }, { watch: false });
    const { client, server, c, s } = await stage.pair({ clientAt: at });
    const sum = (name: 'retransmits' | 'retransmits.data') =>
      rig
        .flows()
        .filter((flow) => flow['process.name'] === 'client')
        .reduce((total, flow) => total + (flow[name] ?? 0), 0);

    let before = 0;
    for (const signals of [['lifecycle'], ['lifecycle', 'retransmits'], ['lifecycle']] as const) {
      await switchTo(rig, ...signals);
      await at.filter(['tcp dport 7000 drop']);
      await client.send(c, 5000);
      await client.until(c, { retransmits: before + 2 }, 30_000);
      await at.filter([]);
      await server.receive(s, 5000);
      await client.until(c, { unacked: 0 });
      await rig.nextWindow();
      await rig.nextWindow();
      const { retransmits } = await client.query(c);
      assert.ok(retransmits >= before + 2);
      assert.deepEqual(
        [sum('retransmits'), sum('retransmits.data')],
        [retransmits, retransmits],
        signals.join(),
      );
      before = retransmits;
    }
    await client.close(c);
    await server.close(s);
    await rig.stop();
    assert.equal(sum('retransmits'), before, 'the end tells none of them again');
  },
);

/** One socket to another, and an exchange of so many datagrams. */
async function udpPair(at: Namespace) {
  const { server, s } = await bound(at, '127.0.0.1', 5300);
  const client = await at.actor('client');
  const c = await client.socket('udp4');
  await client.connect(c, { ip: '127.0.0.1', port: 5300 });
  return {
    async talk(count: number) {
      await client.sendDatagrams(c, { count, bytes: 100 });
      await server.takeDatagrams(s, count, 1000);
      await client.takeDatagrams(c, count);
    },
    async close() {
      await client.close(c);
      await server.close(s);
    },
  };
}

/** What is told of the pair: opened once, and ended. */
function assertPair(flows: readonly FlowRecord[], datagrams: number): void {
  const once = { ...noUdp, opened: 1, closed: 1, datagramsSent: datagrams, datagramsReceived: datagrams };
  const [small, large] = [100 * datagrams, 1000 * datagrams];
  assert.deepEqual(udpSums(flows), {
    'client egress 127.0.0.1 5300': { ...once, bytesSent: small, bytesReceived: large },
    'server ingress 127.0.0.1 5300': { ...once, bytesSent: large, bytesReceived: small },
  });
}

test('a UDP flow across a switch: what came while it was on, opened once', { timeout: 120_000 }, async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startUdpRig(at);
  const pair = await udpPair(at);
  await pair.talk(3);
  await switchTo(rig, 'lifecycle');
  await pair.talk(5);
  await switchTo(rig, 'lifecycle', 'udp');
  await pair.talk(7);
  await pair.close();
  await rig.nextWindow();
  await rig.stop();
  assertPair(rig.flows(), 10);
});

test('switched by an agent that goes on where another was killed', { timeout: 120_000 }, async () => {
  await using stage = new Stage();
  await using agents = new Restarted();
  const at = await stage.namespace();
  const begin = async (udp: 'on' | 'off') => {
    const life = agents.start({ namespaces: [at.path], signals: { udp } });
    await life.opened();
    await agents.told(agents.windows().length + 2);
    return life;
  };
  let life = await begin('on');
  const pair = await udpPair(at);
  await pair.talk(3);
  assert.equal(await life.end('SIGKILL'), 'SIGKILL');
  life = await begin('off');
  await pair.talk(5);
  assert.equal(await life.end('SIGKILL'), 'SIGKILL');
  life = await begin('on');
  await pair.talk(7);
  await pair.close();
  await agents.told(agents.windows().length + 2);
  assert.equal(await life.end('SIGTERM'), '0', life.said());
  assertWhole(agents.windows());
  assertPair(flowsOf(agents.windows()), 10);
});
