/** `sonde search` and `sonde tail` before a real hub: what was sent is found, and told as it comes. */

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import type { Facets, SearchAnswer } from '../src/question/search/contract.ts';
import { makeHub, type RealHub, type RecordFields } from './real-hub.ts';

const sonde = join(import.meta.dirname, '../bin/sonde');
const evil = 'a\u001b[2J<b>';
let hub: RealHub;
let sequence = 0;

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function environment(): NodeJS.ProcessEnv {
  return { ...process.env, SONDE_HUB: hub.url };
}

function run(...words: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(sonde, words, { env: environment() }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr });
    });
  });
}

async function searchJson(...words: string[]): Promise<SearchAnswer> {
  const { stdout, stderr } = await run('search', '--json', ...words);
  assert.equal(stderr, '');
  return JSON.parse(stdout) as SearchAnswer;
}

function flow(fields: Readonly<Record<string, string | number>>): RecordFields {
  const endMs = Math.floor((Date.now() - 20_000) / 10_000) * 10_000;
  return {
    'event.name': 'sonde.flow',
    time: new Date(endMs).toISOString(),
    'window.number': 1,
    'window.start': new Date(endMs - 10_000).toISOString(),
    'window.end': new Date(endMs).toISOString(),
    'host.name': 'web-1',
    'agent.instance': 'main',
    'boot.id': 'b',
    'record.sequence': ++sequence,
    direction: 'egress',
    'network.transport': 'tcp',
    'destination.ip': '10.9.8.7',
    'destination.ip.form': 'exact',
    'destination.port': 5432,
    'connection.state': 'closed',
    'connection.established': true,
    attribution: 'exact',
    'connections.opened': 3,
    ...fields,
  };
}

before(async () => {
  hub = await makeHub();
  await hub.start();
  await hub.send([
    flow({ 'process.name': 'billing', 'connection.state': 'timed_out' }),
    flow({ 'process.name': evil }),
    flow({ 'process.name': 'curl', 'destination.ip': '192.0.2.1', 'destination.port': 443 }),
  ]);
  while ((await searchJson()).rows.length < 3) await sleep(100); // acknowledged before it is stored
});

after(() => hub[Symbol.asyncDispose]());

describe('sonde search', () => {
  test('finds rows by their labels, and prints them as sonde ask does', async () => {
    const { code, stdout, stderr } = await run(
      'search',
      'destination.ip=10.0.0.0/8',
      'connection.state!=closed',
    );
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^Flows, .*\n\nTIME +PROCESS +DIRECTION .*\n.*billing +egress .*\n\n/);
    assert.match(stdout, /coverage /);
    const odd = await run('search', 'process.name~"<b>"');
    assert.ok(odd.stdout.includes('a\\x1b[2J<b>') && !odd.stdout.includes(evil));
  });

  test('in JSON has all that they have', async () => {
    const { rows, columns, filter } = await searchJson('--', '-curl', 'destination.port>=1024');
    assert.equal(filter, '-curl destination.port>=1024');
    assert.deepEqual(new Set(rows.map((row) => row['process.name'])), new Set(['billing', evil]));
    assert.ok(columns.some(({ name }) => name === 'record.sequence'));
  });

  test('counts values', async () => {
    const { code, stdout } = await run('search', '--facet', 'connection.state,process.name');
    assert.equal(code, 0);
    assert.ok(
      stdout.startsWith('connection.state  2 different in 3\n  2  closed\n  1  timed_out\nprocess.name  3 '),
    );
    const json = await run('search', 'curl', '--facet', 'destination.port', '--json');
    assert.deepEqual((JSON.parse(json.stdout) as Facets).facets, [
      { field: 'destination.port', different: 1, rows: 1, values: [{ value: '443', rows: 1 }] },
    ]);
  });

  test('says what is wrong with a filter, and where', async () => {
    for (const command of ['search', 'tail']) {
      const { code, stdout, stderr } = await run(command, 'curl', 'destnation.port=1');
      assert.deepEqual([code, stdout], [2, '']);
      const problem =
        'the filter is wrong at character 6: there is no field destnation.port, nearest is destination.port';
      assert.equal(stderr, `sonde: ${problem}; correct it (docs/operating/search.md has the language)\n`);
    }
    assert.equal((await run('search', '--table', 'flow')).code, 2);
  });
});

describe('sonde tail', () => {
  test('tells records as they are received, until it has been long enough', async () => {
    const child = spawn(
      sonde,
      ['tail', 'process.name=cu*', 'destination.port<1024', '--json', '--for', '60s'],
      {
        env: environment(),
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const lines = createInterface({ input: child.stdout });
    const first = once(lines, 'line') as Promise<[string]>;
    const told = { line: '' };
    void first.then(([line]) => (told.line = line));
    // Until it has begun nothing is told: send again until it is.
    while (told.line === '') {
      await hub.send([
        flow({ 'process.name': 'curl', 'destination.port': 5432 }),
        flow({ 'process.name': 'curl', 'destination.port': 80 }),
        flow({ 'process.name': 'wget', 'destination.port': 80 }),
      ]);
      await sleep(100);
    }
    const row = JSON.parse(told.line) as Readonly<Record<string, unknown>>;
    assert.deepEqual(
      [row['process.name'], row['destination.port'], row['connections.opened']],
      ['curl', 80, 3],
    );
    const exited = once(child, 'exit');
    child.kill('SIGINT');
    assert.deepEqual(await exited, [0, null]);
  });

  test('ends with the hub, which does not wait for it', async () => {
    const child = spawn(sonde, ['tail'], { env: environment(), stdio: ['ignore', 'pipe', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (text) => (stderr += String(text)));
    const [header] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    assert.match(header, /^TIME +PROCESS +DIRECTION /);
    const exited = once(child, 'exit');
    await hub.stop();
    assert.deepEqual(await exited, [1, null]);
    assert.equal(
      stderr,
      'sonde: the hub ended the tail (it stops); start it again when GET /readyz answers 200\n',
    );
    await hub.start();
  });
});
