/**
 * A question is a folder: one that the test writes appears in the API, in openapi.json and on the command
 * line of a real hub, which answers it, and the others, from records that were sent to it.
 */
import assert from 'node:assert/strict';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import type { Answer } from '../src/question/contract.ts';
import { questionsFolder } from '../src/question/discovery.ts';

const sonde = join(import.meta.dirname, '../bin/sonde');
const folder = mkdtempSync(join(tmpdir(), 'sonde-hub-'));
const windowMs = 10_000;

let hub: ChildProcess;
let url: string;

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `sonde ask`. */
function ask(...words: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const env = { ...process.env, SONDE_HUB: url };
    const child = execFile(sonde, ['ask', ...words], { env }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr });
    });
  });
}

async function askJson(...words: string[]): Promise<Answer> {
  const { stdout, stderr } = await ask(...words, '--json');
  assert.equal(stderr, '');
  return JSON.parse(stdout) as Answer;
}

type Attributes = Readonly<Record<string, string | number | boolean>>;

function attributes(values: Attributes): unknown[] {
  return Object.entries(values).map(([key, value]) => {
    if (typeof value === 'number') return { key, value: { intValue: String(value) } };
    return { key, value: typeof value === 'boolean' ? { boolValue: value } : { stringValue: value } };
  });
}

const node = {
  'host.name': 'web-1',
  environment: 'test',
  'agent.instance': 'main',
  'agent.id': 'a',
  'boot.id': 'b',
};

async function send(records: readonly Attributes[]): Promise<void> {
  const logRecords = records.map(({ time, ...values }, sequence) => ({
    timeUnixNano: String(BigInt(Date.parse(String(time))) * 1_000_000n),
    eventName: String(values['event.name']),
    attributes: attributes({ 'record.sequence': sequence + 1, ...values }),
  }));
  const body = {
    resourceLogs: [{ resource: { attributes: attributes(node) }, scopeLogs: [{ logRecords }] }],
  };
  const response = await fetch(`${url}/v1/logs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), {}, 'every record was taken');
}

const evil = 'a\u001b[2J<b>';

function records(): readonly Attributes[] {
  const startMs = Math.floor(Date.now() / windowMs) * windowMs - 3 * windowMs;
  const window = {
    time: new Date(startMs + windowMs).toISOString(),
    'window.number': 1,
    'window.start': new Date(startMs).toISOString(),
    'window.end': new Date(startMs + windowMs).toISOString(),
  };
  const flow = {
    ...window,
    'event.name': 'sonde.flow',
    direction: 'egress',
    'network.transport': 'tcp',
    'network.namespace': 1,
    'destination.ip': '10.9.8.7',
    'destination.ip.form': 'exact',
    'destination.port': 5432,
    'connection.established': false,
    attribution: 'exact',
    'connections.adopted': 0,
    'connections.established': 0,
    'connections.open': 0,
    'bytes.sent': 0,
    'bytes.received': 0,
    retransmits: 0,
    'resets.sent': 0,
    'resets.received': 0,
  };
  const many = (process: string, state: string, count: number): Attributes => ({
    ...flow,
    'process.name': process,
    'connection.state': state,
    'connections.opened': count,
    'connections.ended': count,
  });
  return [
    many('billing', 'timed_out', 7),
    many(evil, 'timed_out', 2),
    many('billing', 'closed', 1),
    {
      ...window,
      'event.name': 'sonde.window',
      'window.records': 3,
      'connections.opened': 10,
      'connections.adopted': 0,
      'connections.established': 0,
      'connections.ended': 10,
      'connections.open': 0,
      'connections.orphaned': 0,
      'connections.abandoned': 0,
      'connections.untracked': 0,
      'bytes.sent': 0,
      'bytes.received': 0,
      retransmits: 0,
      'coverage.seen': 10,
      'coverage.kernel': 10,
    },
  ];
}

/** The third question: who opened most. Not a word of it is anywhere else. */
function writeThird(questions: string): void {
  mkdirSync(join(questions, 'loudest'));
  const manifest = [
    'title: Loudest',
    'asks: Which processes open the most connections?',
    'reads: [flows]',
    'params:',
    '  - { name: at_least, type: integer, default: 1, min: 1, description: only from that many on }',
    'columns:',
    '  - { name: process.name, type: text, title: Process, description: who }',
    '  - { name: connections.opened, type: count, title: Opened, description: how many }',
  ];
  writeFileSync(join(questions, 'loudest/manifest.yaml'), `${manifest.join('\n')}\n`);
  const sql = [
    'SELECT process_name AS `process.name`, sum(connections_opened) AS `connections.opened`',
    'FROM {flows:Identifier}',
    "WHERE window_start >= {from:DateTime64(3, 'UTC')} AND window_start < {to:DateTime64(3, 'UTC')}",
    "AND {host:String} IN ('', host_name) AND {environment:String} IN ('', environment)",
    "AND ({own:Bool} OR workload_name != 'sonde')",
    'GROUP BY process_name HAVING `connections.opened` >= {at_least:UInt64}',
    'ORDER BY `connections.opened` DESC LIMIT {limit:UInt32}',
  ];
  writeFileSync(join(questions, 'loudest/ask.sql'), `${sql.join('\n')}\n`);
}

/** Resolves with the address that it says. */
async function startHub(questions: string): Promise<string> {
  const config = join(folder, 'hub.yaml');
  writeFileSync(config, `listen: 127.0.0.1:0\ndata: ${join(folder, 'state')}\n`);
  hub = spawn(sonde, ['hub', '--config', config, '--until-eof'], {
    env: { ...process.env, SONDE_QUESTIONS: questions },
    stdio: ['pipe', 'inherit', 'pipe'],
  });
  let said = '';
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  hub.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
    const found = /listening on (http:\S+)/.exec(said)?.[1];
    if (found !== undefined) resolve(found);
  });
  hub.once('exit', () => reject(new Error(`the hub ended: ${said}`)));
  return promise;
}

before(async () => {
  const questions = join(folder, 'questions');
  cpSync(questionsFolder(), questions, { recursive: true });
  writeThird(questions);
  mkdirSync(join(questions, 'broken'));
  url = await startHub(questions);
  while ((await fetch(`${url}/readyz`)).status !== 200) await sleep(50);
  await send(records());
  while ((await askJson('connections')).rows.length < 3) await sleep(100);
});

after(async () => {
  const ended = hub.exitCode === null ? once(hub, 'exit') : undefined;
  hub.stdin?.end();
  await ended;
  rmSync(folder, { recursive: true });
});

describe('a third question', () => {
  test('is in the list of the API and of the command line; a broken folder is not', async () => {
    const response = await fetch(`${url}/api/v1/questions`);
    const { questions } = (await response.json()) as { questions: { id: string; params: unknown[] }[] };
    const ids = questions.map(({ id }) => id);
    assert.ok(ids.includes('loudest'));
    assert.ok(!ids.includes('broken'));
    const { stdout, code } = await ask();
    assert.match(stdout, /^loudest +Which processes open the most connections\?$/m);
    assert.equal(code, 0);
  });

  test('is in openapi.json, with its parameters and columns', async () => {
    const { paths } = (await (await fetch(`${url}/api/v1/openapi.json`)).json()) as {
      paths: Record<string, { get: { parameters: { name: string }[] } }>;
    };
    const names = paths['/api/v1/questions/loudest']?.get.parameters.map(({ name }) => name) ?? [];
    assert.deepEqual(names, [
      'since',
      'from',
      'to',
      'host',
      'environment',
      'own',
      'limit',
      'at_least',
      'format',
    ]);
    assert.match(JSON.stringify(paths['/api/v1/questions/loudest']), /"connections\.opened"/);
  });

  test('answers on the command line, with its own options', async () => {
    const { rows, params } = await askJson('loudest', '--at-least', '3', '--since', '15m');
    assert.deepEqual(rows, [{ 'process.name': 'billing', 'connections.opened': 8 }]);
    assert.equal(params['at_least'], 3);
    assert.match(
      (await ask('loudest', '--help')).stdout,
      /^ {2}--at-least N +only from that many on \(1\)$/m,
    );
    assert.match((await ask('timeouts', '--at-least', '3')).stderr, /^sonde: unknown option --at-least/);
  });
});

describe('sonde ask', () => {
  test('a table, with what it rests on; no text from outside moves the cursor', async () => {
    const { stdout, stderr, code } = await ask('timeouts');
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^billing +web-1 +10\.9\.8\.7 +5432 +timed_out +7 +8 +87\.5 %/m);
    assert.ok(stdout.includes('a\\x1b[2J<b>'), stdout);
    assert.ok(!stdout.includes('\u001b'));
    assert.match(stdout, /^coverage .*nodes 1 of 1 · .*connections 10 of 10/m);
  });

  test('NDJSON and CSV have the same rows as the API gives', async () => {
    const api = async (format: string) =>
      (await fetch(`${url}/api/v1/questions/timeouts?format=${format}`)).text();
    const { rows } = await askJson('timeouts');
    for (const text of [(await ask('timeouts', '--ndjson')).stdout, await api('ndjson')]) {
      const lines = text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      assert.deepEqual(
        lines.slice(0, -1).map((row) => row['timed_out']),
        [7, 2],
      );
      assert.deepEqual(Object.keys(lines.at(-1) ?? {}), ['answer']);
    }
    const { stdout, stderr } = await ask('timeouts', '--csv');
    assert.match(stderr, /^sonde: coverage /);
    const cut = await ask('timeouts', '--csv', '--limit', '1');
    assert.match(cut.stderr, /^sonde: there are more than 1 rows: --limit N\nsonde: coverage /);
    for (const csv of [stdout, await api('csv')]) {
      assert.equal(csv.split('\r\n')[0], Object.keys(rows[0] ?? {}).join(','));
      assert.match(csv, /\r\nbilling,web-1,10\.9\.8\.7,5432,timed_out,7,8,0\.875,/);
    }
    const csv = await fetch(`${url}/api/v1/questions/timeouts`, { headers: { accept: 'text/csv, */*' } });
    assert.equal(csv.headers.get('content-type'), 'text/csv; charset=utf-8');
    assert.equal(csv.headers.get('sonde-truncated'), 'false');
  });

  test('--coverage-min: the answer, and exit code 3', async () => {
    const enough = await ask('timeouts', '--coverage-min', '0');
    assert.equal(enough.code, 0);
    // The one window is far from filling an hour.
    assert.equal((await ask('timeouts', '--coverage-min', '.0')).code, 0);
    const less = await ask('timeouts', '--coverage-min', '0.99');
    assert.equal(less.code, 3);
    assert.match(less.stdout, /^billing /m);
    assert.match(less.stderr, /^sonde: coverage is 0\.\d+, below 0\.99$/m);
    assert.equal((await ask('timeouts', '--environment', 'nobody', '--coverage-min', '0.1')).code, 3);
  });

  const refused: readonly (readonly [words: string[], line: RegExp])[] = [
    [
      ['frob'],
      /^sonde: there is no question frob; ask one of these: .*connections, .*timeouts, .*loudest.*\n$/,
    ],
    [
      ['timeouts', '--port', 'x'],
      /^sonde: question timeouts: port must be a whole number .* got x; see sonde ask/,
    ],
    [['timeouts', '--since', '1y'], /^sonde: question timeouts: since must be a duration/],
    [['timeouts', 'more'], /^sonde: Unexpected argument 'more'; see sonde ask --help\n$/],
    [
      ['timeouts', '--coverage-min', '2'],
      /^sonde: --coverage-min 2 is not a share from 0 to 1, such as 0\.99;/,
    ],
    [['timeouts', '--json', '--csv'], /^sonde: --json and --csv exclude each other; see sonde ask --help\n$/],
  ];
  for (const [words, line] of refused) {
    test(`refused: ${words.join(' ')}`, async () => {
      const { code, stdout, stderr } = await ask(...words);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, line);
    });
  }

  test('no hub, and something else that listens there', async () => {
    const none = await ask('timeouts', '--hub', 'http://127.0.0.1:9');
    assert.equal(none.code, 1);
    assert.match(
      none.stderr,
      /^sonde: no hub answers on http:\/\/127\.0\.0\.1:9 \(.+\); start one: sonde up/,
    );
    const other = createServer((_request, response) => response.end('{"hello": 1}')).listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const { code, stderr } = await ask('--hub', `http://127.0.0.1:${port}`);
    other.close();
    assert.equal(code, 1);
    assert.match(stderr, /\(what answers there is no hub\)/);
  });
});
