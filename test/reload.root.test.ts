/**
 * A configuration that is read again under load, by the real agent: nothing that the kernel counts is lost or
 * told twice, and a bad one changes nothing.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ChurnTruth } from '../lab/churn.ts';
import { Stage } from '../lab/stage.ts';
import type { FlowRecord, SondeRecord, WindowRecord } from '../src/model/record.ts';
import { eventually } from './rig.ts';
import { assertBalance, churn, flowSums, truthSums } from './truth.ts';

const patienceMs = 60_000;
const sonde = join(import.meta.dirname, '../bin/sonde');

test('SIGHUP: a sound configuration is taken without a gap, a bad one is refused', async (t) => {
  await using stage = new Stage();
  const at = await stage.namespace('one');
  const folder = mkdtempSync(join(tmpdir(), 'sonde-reload-'));
  const [file, path] = [join(folder, 'agent.yaml'), join(folder, 'records.jsonl')];
  const base = {
    instance: `test-${randomBytes(4).toString('hex')}`,
    window: '400ms',
    profile: 'connections',
    namespaces: [at.path],
    exporters: { jsonl: { path } },
  };
  const configure = (settings: Record<string, unknown>): void => {
    writeFileSync(file, JSON.stringify({ ...base, ...settings }));
  };
  configure({ environment: 'before' });
  const agent = spawn(sonde, ['agent', '--config', file], {
    env: { ...process.env, SONDE_RUN: folder, SONDE_STATE: folder },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  t.after(() => {
    agent.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  let said = '';
  agent.stderr.on('data', (bytes) => (said += String(bytes)));
  const records = () =>
    (existsSync(path) ? readFileSync(path, 'utf8') : '')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as SondeRecord);
  const windows = () =>
    records().filter((record): record is WindowRecord => record['event.name'] === 'sonde.window');
  const toldOf = async (environment: string) => {
    const isTold = () => windows().some((window) => window.environment === environment);
    assert.ok(await eventually(isTold, patienceMs), `${environment}: ${said}`);
  };
  await toldOf('before');

  const load = { on: true };
  const truths: ChurnTruth[] = [];
  const churning = (async () => {
    while (load.on) truths.push(...(await churn({ netns: at.path, tag: 'one', perTarget: 40, rate: 1000 })));
  })();
  for (const environment of ['second', 'third']) {
    configure({ environment, profile: 'full', window: '300ms' });
    agent.kill('SIGHUP');
    await toldOf(environment);
  }
  configure({ environment: 'bad', window: 'soon' });
  agent.kill('SIGHUP');
  assert.ok(await eventually(() => said.includes('not reloaded'), patienceMs), said);
  const toldBefore = windows().length;
  assert.ok(await eventually(() => windows().length > toldBefore + 1, patienceMs), 'it goes on');
  load.on = false;
  await churning;
  const ended = once(agent, 'exit');
  agent.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null], said);

  assert.match(said, /warning: not reloaded, the configuration before stays: .*window: /);
  assert.equal(said.match(/reloading agent --config/g)?.length, 2);
  const flows = records().filter((record): record is FlowRecord => record['event.name'] === 'sonde.flow');
  assert.deepEqual(flowSums(flows), truthSums(truths));
  assertBalance(windows(), flows);
  assert.deepEqual(
    [...new Set(windows().map((window) => window.environment))],
    ['before', 'second', 'third'],
  );
  assert.equal(new Set(windows().map((window) => window['agent.id'])).size, 1);
  assert.deepEqual(
    windows().map((window) => window['window.number']),
    windows().map((_, index) => index + 1),
  );
});
