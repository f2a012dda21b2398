/** The embedded ClickHouse as a process: let in, started again, stopped, refused. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { systemClock } from '../../lib/clock.ts';
import { silentLog } from '../../lib/log.ts';
import { engineFiles } from './configuration.ts';
import type { Credentials } from './configuration.ts';
import { openEngine } from './engine.ts';
import type { Engine } from './engine.ts';
import { isOlder, launcher, parseRelease } from './program.ts';

const clock = systemClock;
const waitMsMax = 120_000;

async function scratch(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sonde-engine-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

const open = (folder: string): Promise<Engine> =>
  openEngine({ folder, memoryMaxBytes: 1e9, log: silentLog, clock, backOffMsMax: 200 });

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = clock.bootMs() + waitMsMax;
  while (!(await condition())) {
    assert.ok(clock.bootMs() < endMs, 'it does not come true');
    await clock.sleep(20);
  }
}

const basic = ({ username, password }: Credentials): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
});

async function ask(engine: Engine, query: string, headers: Record<string, string>): Promise<string> {
  const response = await fetch(engine.url, { method: 'POST', body: query, headers });
  return (await response.text()).trim();
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ESRCH');
    return false;
  }
}

describe('the engine', () => {
  test('lets in its two users, and each only as far as it needs', async (t) => {
    await using engine = await open(await scratch(t));
    assert.equal(await ask(engine, 'SELECT currentUser()', basic(engine.hub)), 'hub');
    assert.equal(await ask(engine, 'SELECT currentUser()', basic(engine.ask)), 'ask');
    const strangers: Record<string, string>[] = [
      {},
      basic({ username: 'default', password: '' }),
      basic({ username: 'hub', password: '' }),
      { 'X-ClickHouse-User': 'default' },
      { 'X-ClickHouse-User': 'hub', 'X-ClickHouse-Key': engine.hub.password },
    ];
    for (const headers of strangers) {
      assert.match(await ask(engine, 'SELECT 1', headers), /There is no handle/, JSON.stringify(headers));
    }
    const forbidden = [
      "SELECT * FROM url('http://127.0.0.1:1', CSV, 'a String')",
      "SELECT * FROM file('/etc/passwd', CSV, 'a String')",
      "SELECT * FROM remote('127.0.0.1:1', system.one)",
      'SELECT * FROM system.processes',
      'CREATE TABLE a (b UInt8) ENGINE = Memory',
      'SYSTEM STOP LISTEN HTTP',
      'KILL QUERY WHERE 1 ASYNC',
    ];
    for (const query of forbidden) {
      assert.match(await ask(engine, query, basic(engine.ask)), /ACCESS_DENIED|READONLY/, query);
    }
  });

  test('keeps its files to itself and its log quiet', async (t) => {
    const folder = await scratch(t);
    await using engine = await open(folder);
    const files = engineFiles(folder);
    for (const file of [files.server, files.users]) {
      // The function (not the table function) is granted to everybody, and clickhouse-local keeps it to no
      // folder.
      const read = await ask(engine, `SELECT file('${file}')`, basic(engine.ask));
      assert.doesNotMatch(read, /password|Basic/);
      if (engine.kind === 'installed') assert.equal((await stat(file)).mode & 0o777, 0o600);
    }
    for (let times = 0; times < 20; times++) await ask(engine, 'SELECT 1', basic(engine.hub));
    const log = await readFile(files.log, 'utf8').catch(() => '');
    assert.doesNotMatch(log, /<(Debug|Trace|Information)>/);
    const comm = await readFile(`/proc/${engine.pid()}/comm`, 'utf8');
    assert.equal(comm.trim(), 'sonde-engine');
  });

  test('is started again when it dies, with its data, at the same address', async (t) => {
    await using engine = await open(await scratch(t));
    const hub = basic(engine.hub);
    await ask(engine, 'CREATE DATABASE kept', hub);
    const pid = engine.pid() ?? 0;
    process.kill(pid, 'SIGKILL');
    await until(() => engine.restarts() === 1 && engine.ready());
    assert.notEqual(engine.pid(), pid);
    assert.match(await ask(engine, 'SHOW DATABASES', hub), /kept/);
  });

  test('ends with the last query, not in the middle of one', async (t) => {
    const folder = await scratch(t);
    const engine = await open(folder);
    const pid = engine.pid() ?? 0;
    await ask(engine, 'CREATE DATABASE kept', basic(engine.hub));
    await engine[Symbol.asyncDispose]();
    assert.equal(isAlive(pid), false);
    assert.equal(engine.ready(), false);
    await using next = await open(folder);
    assert.match(await ask(next, 'SHOW DATABASES', basic(next.hub)), /kept/);
  });

  test('does not outlive a hub that is killed', async (t) => {
    const folder = await scratch(t);
    const script = `
      import { openEngine } from ${JSON.stringify(join(import.meta.dirname, 'engine.ts'))};
      import { systemClock as clock } from ${JSON.stringify(join(import.meta.dirname, '../../lib/clock.ts'))};
      import { stderrLog as log } from ${JSON.stringify(join(import.meta.dirname, '../../lib/log.ts'))};
      const engine = await openEngine({ folder: process.argv[1], memoryMaxBytes: 1e9, log, clock });
      process.stdout.write(String(engine.pid()));`;
    const hub = spawn(process.execPath, ['--input-type=module', '-e', script, folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.after(() => hub.kill('SIGKILL'));
    const [text] = (await once(hub.stdout, 'data')) as [Buffer];
    const pid = Number(text.toString());
    assert.ok(isAlive(pid));
    hub.kill('SIGKILL');
    await once(hub, 'exit');
    await until(() => !isAlive(pid));
  });

  test('whose hub has died before it began does not begin', () => {
    const launch = (parent: number) =>
      spawnSync(launcher, ['--program', '/bin/true', 'true'], {
        env: { SONDE_ENGINE_PARENT: String(parent) },
        timeout: 10_000,
      }).status;
    assert.equal(launch(process.pid), 0);
    // Its parent is another one by now: ours is not who was to have started it.
    assert.equal(launch(process.ppid), 1);
  });

  test('does not touch data of a later ClickHouse', async (t) => {
    const folder = await scratch(t);
    await writeFile(join(folder, 'clickhouse-version'), '99.1\n');
    await assert.rejects(open(folder), { code: 'engine.newer_data' });
  });

  test('says what is wrong when it does not start', async (t) => {
    const folder = await scratch(t);
    await using first = await open(folder);
    assert.ok(first.ready());
    await assert.rejects(open(folder), { code: 'engine.not_started' });
  });
});

test('releases are compared by their numbers', () => {
  const line = 'ClickHouse server version 24.8.4.13 (official build).';
  assert.deepEqual(parseRelease(line), { major: 24, minor: 8 });
  assert.equal(isOlder({ major: 24, minor: 8 }, { major: 24, minor: 10 }), true);
  assert.equal(isOlder({ major: 25, minor: 1 }, { major: 24, minor: 10 }), false);
  assert.equal(isOlder({ major: 24, minor: 8 }, { major: 24, minor: 8 }), false);
});
