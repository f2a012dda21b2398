import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { headerLines, zeekJson, zeekLine, zeekTsv, type ZeekLine } from '../../../../test/zeek-log.ts';
import { NotConnLog, zeekReader, type Connection, type Read } from './zeek.ts';

function readAll(text: string): (Read | undefined)[] {
  return text.trimEnd().split('\n').map(zeekReader());
}

function connections(text: string): Connection[] {
  return readAll(text).flatMap((read) => (read?.is === 'connection' ? [read.of] : []));
}

function one(change: Partial<ZeekLine>): Connection {
  const [found] = connections(zeekTsv([zeekLine(change)]));
  return found ?? assert.fail('no connection');
}

function problemOf(line: string): string {
  const read = zeekReader()(line);
  return read?.is === 'bad' ? read.problem : assert.fail(`it was taken: ${line}`);
}

describe('a line', () => {
  test('says the same as a row and as JSON', () => {
    const lines = [zeekLine(), zeekLine({ proto: 'udp', 'id.resp_p': 53, 'id.resp_h': '2001:db8::1' })];
    const expected = {
      startMs: Date.UTC(2026, 10, 25, 9),
      endMs: Date.UTC(2026, 10, 25, 9) + 1500,
      uid: 'CHhAvVGS1DHFjwGM9',
      originator: '10.0.0.1',
      originatorPort: 40_000,
      responder: '10.0.0.9',
      responderPort: 443,
      family: 'ipv4',
      transport: 'tcp',
      outcome: { ended: true, adopted: false, state: 'closed', established: true, reason: 'fin_local' },
      service: 'ssl',
      bytesSent: 100,
      bytesReceived: 2000,
      packetsSent: 5,
      packetsReceived: 6,
    };
    assert.deepEqual(connections(zeekTsv(lines))[0], expected);
    assert.deepEqual(connections(zeekJson(lines)), connections(zeekTsv(lines)));
  });

  test('may leave out what Zeek does not know', () => {
    const { service: _, duration: __, orig_bytes: ___, resp_bytes: ____, ...bare } = zeekLine();
    for (const text of [zeekTsv([bare]), zeekJson([bare])]) {
      const [found] = connections(text);
      assert.ok(found);
      assert.equal(found.service, undefined);
      assert.equal(found.bytesSent, 0);
      assert.equal(found.endMs, found.startMs);
    }
  });

  test('has its time in seconds, in milliseconds or as text', () => {
    const startMs = Date.UTC(2026, 10, 25, 9, 0, 0, 250);
    for (const ts of [startMs / 1000, startMs, new Date(startMs).toISOString()]) {
      const [found] = connections(JSON.stringify({ ...zeekLine(), ts }));
      assert.equal(found?.startMs, startMs);
    }
  });

  test('of another protocol is told apart, and a header is no data', () => {
    const read = readAll(zeekTsv([zeekLine({ proto: 'icmp', conn_state: 'OTH' })]));
    assert.deepEqual(read[headerLines], { is: 'other' });
    assert.deepEqual(read.filter((of) => of !== undefined).length, 1);
  });

  const json = (change: object) => JSON.stringify({ ...zeekLine(), ...change });
  const bad: readonly (readonly [line: string, problem: string])[] = [
    ['1\t2\t3', 'no #fields stand above it'],
    ['{"ts": 1', 'it is no JSON'],
    [json({ ts: 'now' }), 'ts is "now", no number from 0 on'],
    [json({ ts: -1 }), 'ts is "-1", no number from 0 on'],
    [json({ ts: 1e20 }), 'ts is "100000000000000000000", no time'],
    [json({ ts: null }), 'ts is not there'],
    [json({ 'id.resp_h': 'a\u001b[2J' }), 'id.resp_h is "a\\u001b[2J", no address'],
    [json({ 'id.orig_p': 70_000 }), 'id.orig_p is 70000, no port'],
    [json({ 'id.orig_p': 1.5 }), 'id.orig_p is 1.5, no port'],
    [json({ conn_state: 'XYZ' }), 'conn_state is "XYZ", which Zeek does not say'],
    [json({ conn_state: undefined }), 'conn_state is not there'],
    [json({ duration: -1 }), 'duration is "-1", no number from 0 on'],
    [json({ duration: 3e6 }), 'duration is "3000000", longer than 31 days'],
    [json({ orig_bytes: 1e300 }), 'orig_bytes is 1e+300, no whole number'],
    [json({ resp_pkts: '' }), 'resp_pkts is "", no number from 0 on'],
  ];
  for (const [line, problem] of bad)
    test(`cannot be read: ${problem}`, () => assert.equal(problemOf(line), problem));

  test('that was cut is no row', () => {
    const row = zeekTsv([zeekLine()]).split('\n')[headerLines] ?? '';
    const read = readAll(zeekTsv([]).replace('#close', `${row.slice(0, 60)}\n#close`));
    assert.deepEqual(read[headerLines], { is: 'bad', problem: 'it has 6 fields, not 15' });
  });
});

describe('a header', () => {
  test('may come again, with other fields in another order', () => {
    const second = zeekTsv([zeekLine({ uid: 'second' })])
      .replaceAll('\t', '|')
      .replace('\\x09', '\\x7c');
    const found = connections(`${zeekTsv([zeekLine()])}${second}`);
    assert.deepEqual(
      found.map(({ uid }) => uid),
      ['CHhAvVGS1DHFjwGM9', 'second'],
    );
  });

  test('of another log is refused', () => {
    const read = zeekReader();
    assert.throws(
      () => read('#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tquery'),
      (error) => error instanceof NotConnLog && error.message === 'its #fields lack conn_state',
    );
    const other = zeekReader();
    other(zeekTsv([]).split('\n')[6] ?? '');
    assert.throws(() => other(`#types\tstring`), /its ts is a string, not a time/);
  });
});

describe('what became of it', () => {
  const states: readonly (readonly [
    connState: string,
    state: string,
    established: boolean,
    side?: string,
  ])[] = [
    ['S0', 'timed_out', false],
    ['S1', 'open', true],
    ['SF', 'closed', true],
    ['REJ', 'refused', false],
    ['S2', 'open', true],
    ['S3', 'open', true],
    ['RSTO', 'reset', true, 'local'],
    ['RSTR', 'reset', true, 'remote'],
    ['RSTOS0', 'canceled', false],
    ['RSTRH', 'reset', false, 'remote'],
    ['SH', 'canceled', false],
    ['SHR', 'closed', true],
    ['OTH', 'open', true],
  ];
  for (const [connState, state, established, side] of states) {
    test(`${connState} is ${state}`, () => {
      const { outcome } = one({ conn_state: connState });
      assert.equal(outcome.state, state);
      assert.equal(outcome.established, established);
      assert.equal(outcome.side, side);
      assert.equal(outcome.ended, state !== 'open');
      assert.equal(outcome.adopted, ['RSTRH', 'SHR', 'OTH'].includes(connState));
      const udp = one({ conn_state: connState, proto: 'udp' }).outcome;
      assert.deepEqual([udp.state, udp.ended, udp.adopted], ['closed', true, false]);
    });
  }

  test('who closed first is in the history', () => {
    assert.equal(one({ history: 'ShADadFf' }).outcome.reason, 'fin_local');
    assert.equal(one({ history: 'ShADadfF' }).outcome.reason, 'fin_remote');
    assert.equal(one({ history: 'ShADad' }).outcome.reason, 'unknown');
  });
});
