/** The hub as `sonde up` starts it: another user, another folder, another view of the files. */
import assert from 'node:assert/strict';
import { chdir } from 'node:process';
import { test } from 'node:test';
import { freePort, workplace } from '../../test/daemons.ts';
import { dataFolder, readHubConfig } from '../hub/config.ts';
import { systemClock } from '../lib/clock.ts';
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
