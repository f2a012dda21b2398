import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import { argumentsOf, commandLineLimits, openCommandLines, type Holder } from './command-line.ts';
import { startTicks } from './running.ts';

const { bytesMax, charactersMax, processesMax } = commandLineLimits;

async function sleeper(t: TestContext, ...argv: string[]) {
  const child = spawn('/bin/sh', ['-c', 'read line', ...argv], { stdio: ['pipe', 'ignore', 'ignore'] });
  await once(child, 'spawn');
  t.after(() => child.kill('SIGKILL'));
  const pid = child.pid!;
  return { child, holder: { pid, pidStartedNs: (startTicks(pid) + 0.5) * 1e7, owner: 1 } };
}

test('off unless it is wanted', async (t) => {
  const { holder } = await sleeper(t);
  assert.equal(openCommandLines('off')(holder), undefined);
});

test('of a process that runs, without its secrets; known when it is gone', async (t) => {
  const { child, holder } = await sleeper(t, '--password', 'hunter2');
  const commandLine = openCommandLines('redacted');
  const line = "/bin/sh -c 'read line' --password ***";
  assert.equal(commandLine(holder), line);
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.equal(commandLine(holder), line);
  assert.equal(commandLine({ ...holder, owner: 2 }), undefined, 'another program is looked at anew');
});

test('not of another that has its pid, nor of one that is gone, nor of none', () => {
  const commandLine = openCommandLines('redacted');
  const self = { pid: process.pid, owner: 1 };
  assert.equal(commandLine({ ...self, pidStartedNs: 5e7 }), undefined);
  assert.equal(commandLine({ pid: spawnSync('/bin/true').pid, pidStartedNs: 0, owner: 1 }), undefined);
  assert.equal(commandLine({ pid: 0, pidStartedNs: 0, owner: 0 }), undefined);
});

test('the newest so many are known', async (t) => {
  const { child, holder } = await sleeper(t);
  const commandLine = openCommandLines('redacted');
  assert.ok(commandLine(holder));
  child.kill('SIGKILL');
  await once(child, 'exit');
  const other = (owner: number): Holder => ({ ...holder, owner });
  for (let owner = 2; owner <= processesMax; owner++) commandLine(other(owner));
  assert.ok(commandLine(holder));
  commandLine(other(processesMax + 1));
  assert.equal(commandLine(holder), undefined);
});

test('a long one is cut, in arguments and then in characters', async (t) => {
  assert.deepEqual(argumentsOf('a\0b c\0\0'), ['a', 'b c']);
  const secret = 'x'.repeat(bytesMax);
  assert.deepEqual(argumentsOf(`a\0--password\0${secret}`), ['a', '--password', '…']);
  assert.deepEqual(argumentsOf(`a${secret}`), ['…']);
  const { holder } = await sleeper(t, 'word '.repeat(bytesMax / 5 - 10));
  const line = openCommandLines('redacted')(holder);
  assert.equal(line?.length, charactersMax);
  assert.ok(line.endsWith('…'), line);
});
