/** When the next agent cannot go on with what a killed one left: what is told then, and what is said. */

import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Stage } from '../lab/stage.ts';
import { artefacts } from '../src/agent/kernel/native.ts';
import type { CommittedWindow } from './file-delivery.ts';
import { assertTruth, assertWhole, Restarted } from './restarted.ts';
import { churn } from './truth.ts';

/** An agent that was killed behind its second window. */
async function killed(agents: Restarted, settings: Record<string, unknown>): Promise<void> {
  const life = agents.start(settings);
  await life.opened();
  await agents.told(2);
  assert.equal(await life.end('SIGKILL'), 'SIGKILL');
}

/** The windows of each generation, in order. */
function byGeneration(agents: Restarted): CommittedWindow[][] {
  return Object.values(Object.groupBy(agents.windows(), ({ closing }) => closing['agent.id'])).map(
    (windows) => windows ?? [],
  );
}

const timeout = { timeout: 300_000 };

test(
  'other limits: the counts until then are told to the end, then a new generation begins',
  timeout,
  async () => {
    await using stage = new Stage();
    await using agents = new Restarted();
    const at = await stage.namespace('one');
    await killed(agents, { namespaces: [at.path] });
    const truths = await churn({ netns: at.path, tag: 'gap', perTarget: 10 });
    const life = agents.start({ namespaces: [at.path], limits: { flow_rows: 1024 } });
    await life.opened();
    truths.push(...(await churn({ netns: at.path, tag: 'new', perTarget: 10 })));
    await agents.told(agents.windows().length + 2);
    assert.equal(await life.end('SIGTERM'), '0', life.said());
    assert.match(life.said(), /the limits are other ones now: closing the counts of the agent before/);
    const generations = byGeneration(agents);
    assert.equal(generations.length, 2);
    for (const windows of generations) assertWhole(windows);
    assertTruth(agents.windows(), truths);
  },
);

test(
  'another build, and the one before is nowhere: what was not told is gone, and it says so',
  timeout,
  async () => {
    await using stage = new Stage();
    await using agents = new Restarted();
    const settings = { namespaces: [(await stage.namespace('one')).path] };
    await killed(agents, settings);
    const { addon, object } = artefacts();
    mkdirSync(join(agents.folder, 'bpf'));
    copyFileSync(addon, join(agents.folder, 'sonde.node'));
    writeFileSync(
      join(agents.folder, 'bpf/sonde.bpf.o'),
      Buffer.concat([readFileSync(object), Buffer.of(0)]),
    );
    rmSync(join(agents.folder, 'agent'), { recursive: true }); // where it was kept
    const life = agents.start(settings, { environment: { SONDE_BUILD: agents.folder } });
    await life.opened();
    assert.equal(agents.generations().length, 1);
    assert.equal(await life.end('SIGTERM'), '0', life.said());
    assert.match(
      life.said(),
      /removed [1-9]\d* attached programs .* its programs are of another build, which is gone; counting begins/,
    );
    assert.equal(byGeneration(agents).length, 2);
  },
);

test('a spool that is gone: counting begins anew', timeout, async () => {
  await using stage = new Stage();
  await using agents = new Restarted();
  const settings = { namespaces: [(await stage.namespace('one')).path] };
  await killed(agents, settings);
  agents.forgetSpool();
  const life = agents.start(settings);
  await life.opened();
  await agents.told(1);
  assert.equal(await life.end('SIGTERM'), '0', life.said());
  assert.match(life.said(), /the kernel is at window \d+, the spool at 0; counting begins anew/);
  assertWhole(agents.windows());
});

test('no agent for too long: what was counted until the programs went idle is told', timeout, async () => {
  await using stage = new Stage();
  await using agents = new Restarted();
  const at = await stage.namespace('one');
  const settings = { namespaces: [at.path], orphanMs: 1500 };
  await killed(agents, settings);
  await new Promise((resolve) => setTimeout(resolve, 2000));
  await churn({ netns: at.path, tag: 'late', perTarget: 10 });
  const life = agents.start({ namespaces: [at.path] });
  await life.opened();
  await agents.told(agents.windows().length + 2);
  assert.equal(await life.end('SIGTERM'), '0', life.said());
  assert.match(life.said(), /no agent was there for too long: closing the counts of the agent before/);
  const [first, second] = byGeneration(agents);
  assert.ok(first && second);
  const difference = first.at(-1)?.closing['coverage.namespaces'][0]?.difference;
  assert.ok((difference?.['activeOpens'] ?? 0) > 100, 'the gap is named');
});

test('an agent that stood still for too long begins anew', timeout, async () => {
  await using stage = new Stage();
  await using agents = new Restarted();
  const at = await stage.namespace('one');
  const life = agents.start({ namespaces: [at.path], orphanMs: 1000 });
  await life.opened();
  await agents.told(2);
  life.send('SIGSTOP');
  await new Promise((resolve) => setTimeout(resolve, 1500));
  await churn({ netns: at.path, tag: 'gap', perTarget: 10 });
  life.send('SIGCONT');
  await agents.told(agents.windows().length + 3);
  assert.equal(await life.end('SIGTERM'), '0', life.said());
  assert.match(life.said(), /no agent looked for too long: counting begins anew/);
  const generations = byGeneration(agents);
  assert.equal(generations.length, 2);
  for (const windows of generations) assertWhole(windows);
});

test('killed while it stops: the window that was its last is told once, by the next', timeout, async () => {
  for (const moment of ['numbered', 'read', 'committed', 'laid'] as const) {
    await using stage = new Stage();
    await using agents = new Restarted();
    const at = await stage.namespace('one');
    const settings = { namespaces: [at.path], window: '1h' };
    const first = agents.start(settings, { dies: { moment, window: 1 } });
    await first.opened();
    const truths = await churn({ netns: at.path, tag: 'only', perTarget: 10 });
    assert.equal(await first.end('SIGTERM'), 'SIGKILL');
    const second = agents.start(settings);
    await second.opened();
    assert.equal(await second.end('SIGTERM'), '0', second.said());
    const [ended = [], begun = []] = byGeneration(agents);
    assertTruth(ended, truths);
    assert.equal(begun.length, 1);
    assert.deepEqual(agents.generations(), []);
  }
});
