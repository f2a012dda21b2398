/**
 * Nothing lost, nothing twice: agent, hub and engine are each killed ten times at random moments under load,
 * and the hub is away for a while. What the hub answers afterwards, at every level of its rollups, is what
 * was done, to the unit and to the byte.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { Stage } from '../lab/stage.ts';
import { freePort } from '../src/hub/engine/engine.ts';
import { entropySeed, prng, type Prng } from '../src/lib/prng.ts';
import type { Answer } from '../src/question/contract.ts';
import { childNamed, Daemon, workplace } from './daemons.ts';
import { churn, flowSums, truthSums, type Told } from './truth.ts';

const kills = Number(process.env['SONDE_CHAOS_KILLS'] ?? 10);
const awayMs = Number(process.env['SONDE_CHAOS_AWAY_MS'] ?? 15_000);
/** Connections per second in each of two namespaces, and of each of three clients to each of five targets. */
const rate = 400;
const perTarget = Number(process.env['SONDE_CHAOS_PER_TARGET'] ?? 2200);
const settleMsMax = 180_000;

/** Between two deaths of one process: sometimes before it has started up again. */
const lifeMs = (chance: Prng): number => 300 + chance.below(5000);

async function killRepeatedly(chance: Prng, kill: () => Promise<void>): Promise<void> {
  for (let i = 0; i < kills; i++) {
    await sleep(lifeMs(chance));
    await kill();
  }
}

async function ask(url: string, query: string): Promise<Answer> {
  const response = await fetch(`${url}/api/v1/questions/connections?${query}`);
  assert.equal(response.status, 200, await response.clone().text());
  return (await response.json()) as Answer;
}

/** Rows of the answer as the sums want them; other tests' traffic has other names. */
function churned({ rows, truncated }: Answer): Told[] {
  assert.equal(truncated, false);
  return (rows as unknown as Told[]).filter((row) => /^(cli|srv)-/.test(row['process.name']));
}

test('killed at random, and nothing is lost or twice', { timeout: 900_000 }, async (t) => {
  const seed = Number(process.env['SONDE_CHAOS_SEED'] ?? entropySeed());
  t.diagnostic(`SONDE_CHAOS_SEED=${String(seed)}`);
  using folder = workplace();
  const port = await freePort();
  const url = `http://127.0.0.1:${String(port)}`;
  await using stage = new Stage();
  const [one, two] = [await stage.namespace('one'), await stage.namespace('two')];
  const hubConfig = folder.write('hub.yaml', `listen: 127.0.0.1:${String(port)}\n`);
  const agentConfig = folder.write(
    'agent.yaml',
    JSON.stringify({
      instance: `chaos-${String(port)}`,
      environment: 'test',
      window: '1s',
      profile: 'connections',
      namespaces: [one.path, two.path],
      exporters: { otlp: { endpoint: url } },
    }),
  );
  await using hub = new Daemon(['hub', '--config', hubConfig], folder.environment);
  await using agent = new Daemon(['agent', '--config', agentConfig], folder.environment);
  const again = async (daemon: Daemon): Promise<void> => {
    assert.equal(await daemon.end('SIGKILL'), 'SIGKILL', daemon.said);
    daemon.start();
  };
  hub.start();
  agent.start();
  await untilReady(url, hub);
  // Until its first window is here: what is opened before the agent has read the kernel's counters is in
  // the flows, and not in the coverage.
  while ((await ask(url, 'since=1h')).coverage.nodes.part === 0) await sleep(100);

  const load = Promise.all([
    churn({ netns: one.path, tag: 'one', perTarget, rate }),
    churn({ netns: two.path, tag: 'two', perTarget, rate }),
  ]);
  let enginesKilled = 0;
  await Promise.all([
    killRepeatedly(prng(seed), () => again(agent)),
    (async () => {
      await killRepeatedly(prng(seed + 1), () => again(hub));
      await hub.end('SIGTERM');
      await sleep(awayMs);
      hub.start();
    })(),
    (async () => {
      const chance = prng(seed + 2);
      while (enginesKilled < kills) {
        await sleep(lifeMs(chance));
        const engine = engineOf(hub);
        if (engine === undefined) continue; // it is just being started, or the hub is away
        process.kill(engine, 'SIGKILL');
        enginesKilled++;
      }
    })(),
  ]);
  const truths = (await load).flat();
  for (const process of truths.flatMap((truth) => truth.processes))
    assert.deepEqual(process.unexpected, {}, process.process);
  const expected = truthSums(truths);
  const said = () => `${hub.said}\n${agent.said}`;
  await agent.end('SIGTERM'); // its last window; what the hub does not take now waits for the next agent
  agent.start();
  await untilReady(url, hub);

  const kernel = [one, two].map((namespace) => namespace.counters());
  const total = (name: 'ActiveOpens' | 'PassiveOpens') =>
    kernel.reduce((sum, counters) => sum + counters[name], 0);
  const opens = total('ActiveOpens') + total('PassiveOpens');

  // A window's flows come before the record that closes it, and may be stored before it.
  const isWhole = (of: Answer) =>
    of.coverage.connections.of === opens && isDeepStrictEqual(flowSums(churned(of)), expected);
  const settled = Date.now() + settleMsMax;
  let answer = await ask(url, 'since=1h&limit=10000');
  while (!isWhole(answer) && Date.now() < settled) {
    await sleep(1000);
    answer = await ask(url, 'since=1h&limit=10000');
  }
  assert.deepEqual(flowSums(churned(answer)), expected, said());
  for (const since of ['24h', '30d']) {
    const rolledUp = await ask(url, `since=${since}&limit=10000`);
    assert.deepEqual(flowSums(churned(rolledUp)), expected, since);
  }
  const { connections } = answer.coverage;
  assert.equal(connections.part, connections.of, 'what Sonde saw is what the kernel counted');
  assert.equal(connections.of, opens, 'as many as the kernel counted');
});

function engineOf(hub: Daemon): number | undefined {
  try {
    return childNamed(hub.pid, 'sonde-engine');
  } catch {
    return undefined; // the hub is away
  }
}

async function untilReady(url: string, hub: Daemon): Promise<void> {
  for (const end = Date.now() + 120_000; Date.now() < end;) {
    const ready = await fetch(`${url}/readyz`).then(
      (response) => response.ok,
      () => false, // not listening yet
    );
    if (ready) return;
    await sleep(100);
  }
  throw new Error(`the hub does not answer:\n${hub.said}`);
}
