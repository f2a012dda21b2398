/**
 * Killed with -9 and upgraded to a build that lays out its maps in another way, under load: the kernel goes
 * on counting, the next agent closes what the one before has counted, and its own programs take over.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChurnTruth } from '../lab/churn.ts';
import { Stage } from '../lab/stage.ts';
import type { CommittedWindow } from './file-delivery.ts';
import { buildOther } from './other-build.ts';
import { assertWhole, flowsOf, Restarted } from './restarted.ts';
import { churn } from './truth.ts';

const connectionsPerSecond = Number(process.env['SONDE_UPGRADE_RATE'] ?? 5000);
/** Of each of five targets and three processes. */
const perTarget = Number(process.env['SONDE_UPGRADE_CONNECTIONS'] ?? 1000);

type Counts = Record<string, { opened: number; ended: number }>;

/** Per process, direction and destination; of what both ends of the churn say. */
function toldOf(windows: readonly CommittedWindow[]): Counts {
  const counts: Counts = {};
  for (const flow of flowsOf(windows)) {
    const key = [flow['process.name'], flow.direction, flow['destination.port']].join(' ');
    const of = (counts[key] ??= { opened: 0, ended: 0 });
    of.opened += flow['connections.opened'];
    of.ended += flow['connections.ended'];
  }
  // A refusal, for one, is told by a row without a connection.
  return Object.fromEntries(Object.entries(counts).filter(([, { opened, ended }]) => opened + ended > 0));
}

function truthOf(truths: readonly ChurnTruth[]): Counts {
  const counts: Counts = {};
  for (const { process: name, ends } of truths.flatMap(({ processes }) => processes)) {
    for (const end of ends) {
      const key = [name, end.direction, end.destinationPort].join(' ');
      const of = (counts[key] ??= { opened: 0, ended: 0 });
      of.opened += end.connections;
      of.ended += end.connections;
    }
  }
  return counts;
}

/** One generation after the other, each whole, and the next begins where the one before ended. */
function assertGenerations(windows: readonly CommittedWindow[], count: number): void {
  const generations = Object.values(Object.groupBy(windows, ({ closing }) => closing['agent.id'])).map(
    (of) => of ?? [],
  );
  assert.equal(generations.length, count);
  generations.forEach((of, index) => {
    assertWhole(of);
    const sum = (name: 'opened' | 'adopted' | 'ended' | 'abandoned') =>
      of.reduce((total, { closing }) => total + closing[`connections.${name}`], 0);
    assert.equal(
      sum('opened') + sum('adopted'),
      sum('ended') + sum('abandoned'),
      `generation ${String(index)}`,
    );
    const before = generations[index - 1]?.at(-1)?.closing;
    if (before) assert.equal(of[0]?.closing['window.start'], before['window.end']);
  });
}

test('5,000 connections/s, killed and upgraded: each counted once', { timeout: 300_000 }, async (t) => {
  await using stage = new Stage();
  await using agents = new Restarted();
  buildOther(agents.folder);
  const other = { environment: { SONDE_BUILD: agents.folder } };
  const at = await stage.namespace('one');
  const settings = { namespaces: [at.path], limits: { flow_rows: 16_384 } };
  let life = agents.start(settings);
  await life.opened();
  const load = { isOn: true };
  const truths: ChurnTruth[] = [];
  const loading = (async () => {
    while (load.isOn)
      truths.push(...(await churn({ netns: at.path, tag: 'load', perTarget, rate: connectionsPerSecond })));
  })();
  // The same build, the other one, again that, the first one again, and other limits.
  const next = [{}, {}, other, other, {}, { more: { limits: { flow_rows: 32_768 } } }];
  const said: string[] = [];
  for (const { more, ...how } of next as { more?: object; environment?: Record<string, string> }[]) {
    await sleep(700);
    assert.equal(await life.end('SIGKILL'), 'SIGKILL');
    said.push(life.said());
    await sleep(100);
    life = agents.start({ ...settings, ...more }, how);
    await life.opened();
  }
  load.isOn = false;
  await loading;
  await agents.told(agents.windows().length + 2);
  assert.equal(await life.end('SIGTERM'), '0', life.said());
  said.push(life.said());
  for (const process of truths.flatMap((of) => of.processes)) assert.deepEqual(process.unexpected, {});
  const windows = agents.windows();
  t.diagnostic(said.join('').replaceAll(/^open\n/gm, ''));
  assertGenerations(windows, 4);
  assert.deepEqual(toldOf(windows), truthOf(truths));
  assert.deepEqual(agents.generations(), []);
});
