/**
 * Bad input, an engine that is killed and a disk that is full, with a real hub on a small file system: each
 * is named in the answer and in the counts, and the rest is kept, once.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { HubStatus } from '../src/hub/hub.ts';
import { systemClock } from '../src/lib/clock.ts';
import { prng } from '../src/lib/prng.ts';
import { badRecords } from './bad-records.ts';
import { flow, logsRequest, plainWire, windowEnd, type FlatRecord, type Posted, type Wire } from './otlp.ts';
import { makeHub, type RealHub } from './real-hub.ts';

let hub: RealHub;

before(async () => {
  hub = await makeHub();
  mkdirSync(hub.data);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=192m', 'tmpfs', hub.data]);
  await hub.start();
});
after(async () => {
  await hub.stop();
  execFileSync('umount', [hub.data]);
  await hub[Symbol.asyncDispose]();
});

/** Of the window that has just ended. */
function recent(): FlatRecord {
  const endMs = systemClock.wallMs();
  const end = new Date(endMs).toISOString();
  return { time: end, 'window.start': new Date(endMs - 10_000).toISOString(), 'window.end': end };
}

interface Said {
  readonly status: number;
  readonly body: Buffer;
}

async function post({ body, headers }: Posted): Promise<Said> {
  const answer = await fetch(`${hub.url}/v1/logs`, { method: 'POST', body: new Uint8Array(body), headers });
  return { status: answer.status, body: Buffer.from(await answer.arrayBuffer()) };
}

async function status(): Promise<HubStatus> {
  return (await (await fetch(`${hub.url}/api/v1/status`)).json()) as HubStatus;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(50);
}

const isStored = async (): Promise<boolean> => {
  const { journal, store } = await status();
  return journal.pendingBlocks === 0 && store.ready;
};

/** `boot.id sequence` of the rows that are there, sorted. */
async function stored(table: string): Promise<string[]> {
  const text = await (await fetch(`${hub.url}/api/v1/export/${table}`)).text();
  const rows = text.split('\n').filter((line) => line !== '');
  return rows
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .map((row) => `${String(row['boot_id'])} ${String(row['record_sequence'])}`)
    .sort();
}

/** Partial success and errors are text between bytes that are no text: what is said is looked for in it. */
const textOf = ({ body }: Said): string => body.toString().replace(/[\0-\x1f]/g, '\n');

/** What partial success says. */
function messageOf(answer: Said, encoding: Wire['encoding']): string {
  const text = textOf(answer);
  if (encoding === 'json')
    return (JSON.parse(text) as { partialSuccess: { errorMessage: string } }).partialSuccess.errorMessage;
  return /\d+ records rejected.*/.exec(text)?.[0] ?? '';
}

const sent: { readonly boot: string; readonly reason: string }[] = [];

describe('records', { concurrency: 10 }, () => {
  for (const encoding of ['protobuf', 'json'] as const) {
    const wire: Wire = { ...plainWire, encoding };
    const cases = badRecords.filter((each) => encoding === 'protobuf' || !each.protobufOnly);
    for (const [number, { reason, record, says }] of cases.entries()) {
      test(`${encoding}, ${reason}: ${says.source}`, async () => {
        const own = { ...recent(), 'boot.id': `${encoding}-${number}` };
        const answer = await post(logsRequest([flow(1, own), record(own), windowEnd(3, own)], wire));
        assert.equal(answer.status, 200);
        const message = messageOf(answer, encoding);
        assert.match(message, new RegExp(`^1 records rejected \\(${reason} 1\\); the first: `));
        assert.match(message, says);
        assert.ok(message.length < 500, 'what came is not sent back');
        sent.push({ boot: own['boot.id'], reason });
      });
    }
  }
});

describe('what became of them', () => {
  test('each is counted under its name', async () => {
    const { records, rejected } = await status();
    const counts = Map.groupBy(sent, ({ reason }) => reason);
    const expected = [...counts].map(([reason, of]) => [reason, of.length] as const);
    assert.deepEqual(rejected, Object.fromEntries(expected));
    assert.deepEqual(records, { stored: 2 * sent.length, duplicates: 0, rejected: sent.length });
  });

  test('their neighbours are stored, they are not', async () => {
    await until(isStored);
    assert.deepEqual(await stored('flows'), sent.map(({ boot }) => `${boot} 1`).sort());
    assert.deepEqual(await stored('windows'), sent.map(({ boot }) => `${boot} 3`).sort());
    for (const table of ['connection_events', 'dns', 'listeners', 'addresses'])
      assert.deepEqual(await stored(table), []);
    assert.equal((await status()).refusedByStore.records, 0);
  });
});

describe('requests', () => {
  const json = { 'content-type': 'application/json' };
  const protobuf = { 'content-type': 'application/x-protobuf' };
  const sound = logsRequest([flow(1)], { ...plainWire, compression: 'identity' });
  const cut = (bytes: Buffer): Buffer => bytes.subarray(0, bytes.length - 7);
  const cases: readonly (readonly [what: string, Posted, status: number, says: RegExp])[] = [
    ['no protobuf', { body: Buffer.from([255, 255]), headers: protobuf }, 400, /cannot be read/],
    ['cut off', { body: cut(sound.body), headers: protobuf }, 400, /cannot be read/],
    ['no JSON', { body: Buffer.from('{"resourceLogs":['), headers: json }, 400, /cannot be read \(not JSON/],
    ['other JSON', { body: Buffer.from('{"resourceLogs":{}}'), headers: json }, 400, /is not a list/],
    [
      'an attribute of no shape',
      {
        body: Buffer.from('{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"attributes":[{"key":1}]}]}]}]}'),
        headers: json,
      },
      400,
      /key is not text/,
    ],
    [
      'no gzip',
      { body: sound.body, headers: { ...protobuf, 'content-encoding': 'gzip' } },
      400,
      /cannot be read/,
    ],
    [
      'gzip that is cut off',
      { body: cut(gzipSync(sound.body)), headers: { ...protobuf, 'content-encoding': 'gzip' } },
      400,
      /cannot be read/,
    ],
    [
      'another compression',
      { body: sound.body, headers: { ...protobuf, 'content-encoding': 'br' } },
      415,
      /content encoding br is not taken/,
    ],
    [
      'too large',
      {
        body: gzipSync(Buffer.alloc(65 << 20)),
        headers: { ...protobuf, 'content-encoding': 'gzip' },
      },
      413,
      /larger than .* \(inflated\)/,
    ],
  ];
  for (const [what, request, code, says] of cases) {
    test(what, async () => {
      const before = await status();
      const answer = await post(request);
      assert.equal(answer.status, code);
      assert.match(textOf(answer), says);
      const now = await status();
      assert.equal(now.requests.malformed, before.requests.malformed + 1);
      assert.match(now.examples[0]?.message ?? '', says);
      assert.deepEqual(now.records, before.records);
    });
  }

  test('of another type', async () => {
    const answer = await post({ body: sound.body, headers: { 'content-type': 'text/plain' } });
    assert.equal(answer.status, 415);
    assert.match(textOf(answer), /content type text\/plain is not taken here/);
  });
});

test('an engine that is killed: records are taken, questions say so, all is stored once', async () => {
  const { engine } = await status();
  process.kill(engine?.pid ?? 0, 'SIGKILL');
  const own = { ...recent(), 'boot.id': 'killed' };
  const answer = await fetch(`${hub.url}/api/v1/questions/connections`);
  assert.equal(answer.status, 503);
  assert.equal(((await answer.json()) as { code: string }).code, 'store.unreachable');
  for (let n = 1; n <= 5; n++) assert.equal((await post(logsRequest([flow(n, own)], plainWire))).status, 200);
  await until(isStored);
  const ofIt = (await stored('flows')).filter((row) => row.startsWith('killed '));
  assert.deepEqual(ofIt, ['killed 1', 'killed 2', 'killed 3', 'killed 4', 'killed 5']);
});

test('a full disk: what is not taken is refused by name, what is taken gets stored', async () => {
  const random = prng(9);
  const noise = (): string => Array.from({ length: 1000 }, () => random.below(36).toString(36)).join('');
  const ballast = join(hub.data, 'ballast');
  assert.match((await status()).disk?.problem ?? '', /are free, and 1\.1 GB are to be, and only the newest/);
  const { bsize, bavail } = statfsSync(hub.data);
  writeFileSync(ballast, Buffer.alloc(bsize * bavail));

  const taken: number[] = [];
  let refused: Posted | undefined;
  for (let n = 1; refused === undefined; n += 20) {
    const numbers = Array.from({ length: 20 }, (_, index) => n + index);
    const records = numbers.map((each) =>
      flow(each, { ...recent(), 'boot.id': 'full', 'process.name': noise() }),
    );
    const request = logsRequest(records, plainWire);
    const answer = await post(request);
    taken.push(...numbers);
    if (answer.status === 200) continue;
    assert.equal(answer.status, 503);
    assert.match(textOf(answer), /the journal cannot be written \(ENOSPC/);
    refused = request;
  }
  const { requests, records } = await status();
  assert.ok(requests.refused > 0);
  const first = await fetch(`${hub.url}/api/v1/questions/connections`);
  assert.equal(first.status, 200);

  rmSync(ballast);
  assert.equal((await post(refused)).status, 200);
  await until(isStored);
  const ofIt = (await stored('flows')).filter((row) => row.startsWith('full '));
  assert.deepEqual(ofIt, taken.map((each) => `full ${each}`).sort());
  assert.equal((await status()).records.stored, records.stored + 20);
});
