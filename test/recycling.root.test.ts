/** More owners and network namespaces than there are places for: over time all are told, and none as another. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Actor } from '../lab/actor.ts';
import type { Namespace } from '../lab/namespaces.ts';
import { Stage } from '../lab/stage.ts';
import { startRig, type Rig } from './rig.ts';

const nowhere = { ip: '127.0.0.1', port: 9 };

/** One refused connection under a name. */
async function refusedAs(actor: Actor, name: string): Promise<void> {
  await actor.rename(name);
  const socket = await actor.socket();
  await assert.rejects(actor.connect(socket, nowhere), /ECONNREFUSED/);
  await actor.close(socket);
}

/** Connections that ended, by process name. (The kernel's refusals are none.) */
function endedBy(flows: ReturnType<Awaited<ReturnType<typeof startRig>>['flows']>): Map<string, number> {
  const ended = new Map<string, number>();
  for (const flow of flows.filter((of) => of['connections.ended'] > 0)) {
    const name = flow['process.name'];
    ended.set(name, (ended.get(name) ?? 0) + flow['connections.ended']);
  }
  return ended;
}

test('more owners than places, one after the other', { timeout: 120_000 }, async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  const limits = { owners: 64 };
  await using rig = await startRig({ namespaces: [at.path], window: '100ms', limits }, { watch: false });
  // This one's connection is open all the time: its number must not be taken from it.
  const staying = await stage.pair({ clientAt: at, clientName: 'staying', serverName: 'server' });
  const changing = await at.actor('changing');
  const expected = new Map([
    ['staying', 1],
    ['server', 1],
  ]);
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 8; i++) {
      const name = `name-${String(8 * round + i)}`;
      await refusedAs(changing, name);
      expected.set(name, 1);
    }
    for (let window = 0; window < 3; window++) await rig.nextWindow();
  }
  await staying.client.close(staying.c);
  await staying.server.receiveEnd(staying.s);
  await staying.server.close(staying.s);
  await rig.stop();
  assert.deepEqual(endedBy(rig.flows()), expected);
  assert.deepEqual(
    rig.windows.flatMap(({ lost }) => Object.keys(lost).filter((name) => name.includes('owners'))),
    [],
  );
});

test('a user who renames himself takes nobody else’s place', { timeout: 120_000 }, async () => {
  const names = 5000;
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startRig({ namespaces: [at.path], window: '1h' }, { watch: false });
  const changing = await at.actor('changing');
  await changing.user(65_534);
  for (let i = 0; i < names; i++) await refusedAs(changing, `name-${String(i)}`);
  const other = await at.actor('other');
  await other.user(1234);
  await refusedAs(other, 'other');
  await rig.stop();
  const flows = rig.flows();
  const ended = endedBy(flows);
  assert.equal(ended.get('other'), 1, 'whoever came later is told by name');
  const ofUser = flows.filter((flow) => flow['user.id'] === 65_534);
  assert.equal(
    endedBy(ofUser)
      .values()
      .reduce((sum, count) => sum + count, 0),
    names,
    'nothing is lost',
  );
  assert.equal(ended.get('name-0'), 1);
  assert.ok(
    ofUser.every((flow) => flow['process.executable.path']?.endsWith('/actor')),
    'the executable is told',
  );
  const coarse = rig.windows.at(-1)?.lost['kernel.owners_to_executable'] ?? 0;
  assert.equal(
    ended.get('actor'),
    coarse,
    'those beyond his share have no name of their own, and are counted',
  );
  assert.ok(coarse > names / 2 && coarse < names);
  assert.equal(rig.windows.at(-1)?.lost['kernel.owners_full'], undefined);
});

/** As many namespaces, each with a stage of its own, and an agent with 16 places for them. */
async function crowd(open: AsyncDisposableStack, count: number) {
  const spaces: { stage: Stage; at: Namespace }[] = [];
  for (let i = 0; i < count; i++) {
    const stage = open.use(new Stage());
    spaces.push({ stage, at: await stage.namespace(`space-${String(i)}`) });
  }
  const rig = open.use(
    await startRig(
      {
        namespaces: spaces.map(({ at }) => at.path),
        window: '100ms',
        limits: { network_namespaces: 16 },
      },
      { watch: false },
    ),
  );
  return { spaces, rig };
}

const coverageOf = (rig: Rig) => rig.windows.flatMap((window) => window['coverage.namespaces']);

test('more network namespaces than places, one after the other', { timeout: 120_000 }, async () => {
  await using open = new AsyncDisposableStack();
  const { spaces, rig } = await crowd(open, 40);
  for (const { stage, at } of spaces) {
    await refusedAs(await at.actor('caller'), 'caller');
    await stage[Symbol.asyncDispose]();
    for (let window = 0; window < 3; window++) await rig.nextWindow();
  }
  await rig.stop();
  const ended = Map.groupBy(rig.flows(), (flow) => flow['network.namespace']);
  assert.deepEqual(
    new Map([...ended].map(([inode, flows]) => [inode, [...endedBy(flows)]])),
    new Map(spaces.map(({ at }) => [at.inode, [['caller', 1]]])),
  );
  assert.deepEqual(
    rig.windows.flatMap(({ lost }) => Object.keys(lost).filter((name) => name.includes('namespaces'))),
    [],
  );
  const compared = coverageOf(rig);
  assert.deepEqual(
    compared.filter(({ difference }) => Object.keys(difference ?? {}).length > 0),
    [],
  );
  const vanished = compared.filter(({ unreachable }) => unreachable !== undefined);
  assert.deepEqual(
    vanished.map((of) => [of['network.namespace'], of.seen['activeOpens'], of.seen['attemptFails']]),
    spaces.map(({ at }) => [at.inode, 1, 1]),
    'each is named once, with its last counts',
  );
  assert.equal(new Set(vanished.map((of) => of['network.namespace.cookie'])).size, spaces.length);
});

test('more network namespaces than places, all at once', { timeout: 120_000 }, async () => {
  await using open = new AsyncDisposableStack();
  const { spaces, rig } = await crowd(open, 40);
  for (const { at } of spaces) await refusedAs(await at.actor('caller'), 'caller');
  await rig.nextWindow();
  const { 'coverage.namespaces': namespaces } = await rig.nextWindow();
  for (const { stage } of spaces) await stage[Symbol.asyncDispose]();
  for (let window = 0; window < 3; window++) await rig.nextWindow();
  await rig.stop();

  const reached = namespaces.map((of) => [of['network.namespace'], of.kernel?.['activeOpens']] as const);
  assert.deepEqual(new Map(reached), new Map(spaces.map(({ at }) => [at.inode, 1])));
  const missing = namespaces.filter(({ seen }) => seen['activeOpens'] === 0);
  assert.equal(missing.length, 40 - 15, 'a place is kept for those without one');
  const reason = 'no place in the table of network namespaces (kernel.namespaces_full)';
  for (const { explained, difference } of missing) {
    assert.equal(difference?.['activeOpens'], 1);
    assert.deepEqual(new Set(Object.values(explained ?? {})), new Set([reason]));
  }
  const sum = (name: 'coverage.seen' | 'coverage.kernel') =>
    rig.windows.reduce((all, window) => all + window[name], 0);
  assert.deepEqual([sum('coverage.seen'), sum('coverage.kernel')], [15, 40]);
  const lost = rig.windows.reduce((all, window) => all + (window.lost['kernel.namespaces_full'] ?? 0), 0);
  assert.ok(lost >= missing.length);
  const named = coverageOf(rig).filter(({ unreachable }) => unreachable !== undefined);
  assert.deepEqual(
    new Set(named.map((of) => of['network.namespace.cookie'])),
    new Set(namespaces.map((of) => of['network.namespace.cookie'])),
    'when they are gone, all are named',
  );
  assert.equal(named.length, spaces.length);
});
