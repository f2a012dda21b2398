/** The hub as `sonde up` starts it: another user, another folder, another view of the files. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chdir } from 'node:process';
import { test } from 'node:test';
import { workplace } from '../../test/daemons.ts';
import { dataFolder, readHubConfig } from '../hub/config.ts';
import { freePort } from '../hub/engine/engine.ts';
import { systemClock } from '../lib/clock.ts';
import { takeLock } from '../lib/lock.ts';
import { silentLog } from '../lib/log.ts';
import { startHub } from './hub-process.ts';

test('finds what was named from the folder that we are in', async () => {
  using folder = workplace();
  chdir(folder.path);
  process.env['SONDE_STATE'] = 'state';
  const port = await freePort();
  folder.write('hub.yaml', `listen: 127.0.0.1:${String(port)}\nembedded: { memory: 512MiB }\n`);
  const said: string[] = [];
  const log = { info: (line: string) => said.push(line), warn: (line: string) => said.push(line) };
  await using hub = startHub({
    clock: systemClock,
    log,
    url: `http://127.0.0.1:${String(port)}`,
    config: 'hub.yaml',
    data: dataFolder(readHubConfig('hub.yaml')),
  });
  await hub.ready(AbortSignal.timeout(60_000)).catch((error: unknown) => {
    assert.fail(`${String(error)}\n${said.join('\n')}`);
  });
  chdir('/');
});

test('does not take another hub for its own', async () => {
  using folder = workplace();
  const other = createServer((_request, response) => response.end('{}')).listen(0, '127.0.0.1');
  await once(other, 'listening');
  const url = `http://127.0.0.1:${String((other.address() as AddressInfo).port)}`;
  await using hub = startHub({ clock: systemClock, log: silentLog, url, data: `${folder.path}/state/hub` });
  await assert.rejects(hub.ready(AbortSignal.timeout(60_000)), /a hub answers there already/);
  assert.equal(hub.pid(), undefined);
  other.close();
});

test('says at once which folder it cannot enter, and gives up', async () => {
  using folder = workplace();
  chmodSync(folder.path, 0o700);
  const port = await freePort();
  const said: string[] = [];
  const log = { info: (line: string) => said.push(line), warn: (line: string) => said.push(line) };
  const data = `${folder.path}/state/hub`;
  process.env['SONDE_STATE'] = `${folder.path}/state`;
  using elsewhere = workplace();
  const config = elsewhere.write('hub.yaml', `listen: 127.0.0.1:${String(port)}\n`);
  const url = `http://127.0.0.1:${String(port)}`;
  await using hub = startHub({ clock: systemClock, log, url, config, data });
  await assert.rejects(hub.ready(AbortSignal.timeout(60_000)), /does not answer/);
  assert.match(
    said.join('\n'),
    /^hub: the folder \S+ cannot be made or entered \(EACCES\); let .*\n[^\n]*exit 2/,
  );
});

test('gives up where another hub has the folder, whoever answers then', async () => {
  using folder = workplace();
  const state = `${folder.path}/state`;
  process.env['SONDE_STATE'] = state;
  const journal = `${state}/hub/journal`;
  mkdirSync(journal, { recursive: true });
  using lock = takeLock(journal);
  assert.ok(lock);
  const port = await freePort();
  const config = folder.write('hub.yaml', `listen: 127.0.0.1:${String(port)}\n`);
  const url = `http://127.0.0.1:${String(port)}`;
  const other = createServer((_request, response) => response.end('{}')).unref();
  const said: string[] = [];
  const log = {
    info: (line: string) => said.push(line),
    warn: (line: string) => {
      said.push(line);
      other.listen(port, '127.0.0.1'); // the other's hub is there, just as ours has ended
    },
  };
  await using hub = startHub({ clock: systemClock, log, url, config, data: `${state}/hub` });
  await assert.rejects(hub.ready(AbortSignal.timeout(60_000)), /does not answer/);
  assert.match(said.join('\n'), /^hub: another hub uses \S+; stop it first, .*\n[^\n]*exit 7\)$/);
  assert.deepEqual(readdirSync(`${state}/hub`), ['journal'], 'no engine was started');
});
