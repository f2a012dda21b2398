import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { isOperatorError } from '../../../lib/errors.ts';
import type { ConnectionRecord, FlowRecord, NumberedRecord, WindowRecord } from '../../../model/record.ts';
import { prng } from '../../../lib/prng.ts';
import {
  headerLines,
  packed,
  zeekJson,
  zeekLine,
  zeekTsv,
  type ZeekLine,
} from '../../../../test/zeek-log.ts';
import { newClosings } from './closing.ts';
import { recordsOf, surveyLog, type HostOf, type Survey } from './log.ts';
import { flowRecord, type Making } from './records.ts';
import { newSums, windowMs } from './sums.ts';

const folder = mkdtempSync(join(tmpdir(), 'sonde-import-'));
after(() => {
  rmSync(folder, { recursive: true });
});

const { signal } = new AbortController();
const startS = Date.UTC(2026, 10, 25, 9) / 1000;
const byOriginator: HostOf = ({ originator }) => originator;

let files = 0;
function written(content: string | Buffer): string {
  const file = join(folder, `conn.${++files}.log`);
  writeFileSync(file, content);
  return file;
}

const survey = (file: string): Promise<Survey> => surveyLog(file, byOriginator, { signal });

interface Told {
  readonly flows: FlowRecord[];
  readonly events: ConnectionRecord[];
  readonly windows: WindowRecord[];
  readonly all: NumberedRecord[];
}

async function tell(file: string, { shiftMs = 0, allEvents = false } = {}): Promise<Told> {
  const found = await survey(file);
  const firstWindow = Math.floor(found.firstMs / windowMs);
  const making = { bootId: `zeek-${found.hash}`, environment: 'lab', shiftMs, firstWindow };
  const all = (
    await Array.fromAsync(recordsOf(found, { hostOf: byOriginator, allEvents, making }, { signal }))
  ).flat();
  const of = <T>(name: string) => all.filter((record) => record['event.name'] === name) as unknown as T[];
  return {
    flows: of<FlowRecord>('sonde.flow'),
    events: of<ConnectionRecord>('sonde.connection'),
    windows: of<WindowRecord>('sonde.window'),
    all,
  };
}

type Sum = 'opened' | 'adopted' | 'established' | 'ended' | 'open' | 'abandoned';

function total(records: readonly (FlowRecord | WindowRecord)[], what: Sum): number {
  return records.reduce((sum, record) => sum + (record[`connections.${what}`] ?? 0), 0);
}

/** Some of every kind, over an hour, in the order of their ends. */
function traffic(count: number): ZeekLine[] {
  const chance = prng(7);
  const states = ['SF', 'SF', 'S0', 'REJ', 'S1', 'RSTO', 'RSTR', 'OTH', 'SHR'];
  const lines = Array.from({ length: count }, (_, i) =>
    zeekLine({
      ts: startS + 3600 * chance.unit(),
      uid: `C${i}`,
      'id.orig_h': `10.0.0.${1 + chance.below(5)}`,
      'id.resp_h': `10.0.1.${1 + chance.below(3)}`,
      proto: chance.below(4) === 0 ? 'udp' : 'tcp',
      duration: 40 * chance.unit(),
      conn_state: states[chance.below(states.length)] ?? 'SF',
    }),
  );
  return lines.sort((a, b) => a.ts + (a.duration ?? 0) - b.ts - (b.duration ?? 0));
}

describe('a survey', () => {
  test('is the same of rows, of JSON and of both compressed, and so is what names it', async () => {
    const lines = traffic(200);
    const rows = zeekTsv(lines);
    const [plain, gzip] = [await survey(written(rows)), await survey(written(packed(rows)))];
    assert.deepEqual({ ...gzip, file: '' }, { ...plain, file: '' });
    assert.equal(plain.connections, 200);
    assert.equal(plain.lines, headerLines + 200 + 1);
    const json = await survey(written(packed(zeekJson(lines))));
    assert.deepEqual(json.states, plain.states);
    assert.equal(json.bytesSent, 200 * 100);
  });

  test('names lines that it cannot read by their number, and goes on', async () => {
    const long = `${'x'.repeat(1 << 20)}\n`;
    const good = zeekJson([zeekLine()]);
    const found = await survey(written(`${good}${long}${good}nonsense\r\n\n${good.trimEnd()}`));
    assert.equal(found.connections, 3);
    assert.equal(found.bad, 2);
    assert.deepEqual(found.examples, [
      { line: 2, problem: 'it is longer than 65536 bytes' },
      { line: 4, problem: 'no #fields stand above it' },
    ]);
    assert.equal(found.lines, 6);
  });

  test('leaves a file alone that was cut off, or is another log, or is not there', async () => {
    const whole = packed(zeekTsv(traffic(2000)));
    const code = async (file: string): Promise<string> => {
      try {
        await survey(file);
      } catch (error) {
        return isOperatorError(error) ? error.code : String(error);
      }
      return 'it was taken';
    };
    assert.equal(await code(written(whole.subarray(0, whole.length / 2))), 'import.cut_off');
    assert.equal(await code(written(whole.subarray(0, whole.length - 4))), 'import.cut_off');
    assert.equal(await code(written(zeekTsv([]).replace('conn_state', 'query'))), 'import.file');
    assert.equal(await code(join(folder, 'none')), 'import.file');
    assert.equal(
      await code(written(Buffer.concat([whole.subarray(0, 100), Buffer.alloc(200)]))),
      'import.file',
    );
  });
});

describe('records', () => {
  test('of one connection: opened in its first window, open in between, ended in its last', async () => {
    const { flows, windows } = await tell(written(zeekJson([zeekLine({ ts: startS + 5, duration: 20 })])));
    assert.deepEqual(
      flows.map((flow) => [
        flow['window.number'],
        flow['connection.state'],
        flow['connections.opened'],
        flow['connections.open'],
        flow['connections.ended'],
        flow['bytes.received'],
      ]),
      [
        [1, 'open', 1, 1, 0, 0],
        [2, 'open', 0, 1, 0, 0],
        [3, 'closed', 0, 0, 1, 2000],
      ],
    );
    assert.deepEqual(
      windows.map((window) => [window['window.records'], window['connections.open'], window['window.last']]),
      [
        [1, 1, undefined],
        [1, 1, undefined],
        [1, 0, true],
      ],
    );
    const [first] = flows;
    assert.equal(first?.['window.start'], '2026-11-25T09:00:00.000Z');
    assert.equal(first['host.name'], '10.0.0.1');
    assert.equal(first['process.name'], 'unknown');
    assert.equal(first['destination.service'], 'ssl');
    assert.equal(first['destination.scope'], 'private');
    assert.deepEqual(windows[0]?.unlabelled, { 'process.name': 1 });
    assert.deepEqual([windows[0]['coverage.kernel'], windows[0]['coverage.namespaces']], [0, []]);
  });

  test('balance: by row and by window, for every node, and in all', async () => {
    const lines = traffic(3000);
    const { flows, windows } = await tell(written(zeekTsv(lines)));
    const tcp = flows.filter((flow) => flow['network.transport'] === 'tcp');
    for (const what of ['opened', 'adopted', 'established', 'ended', 'open', 'abandoned'] as const) {
      assert.equal(total(windows, what), total(tcp, what), what);
    }
    const begun = total(tcp, 'opened') + total(tcp, 'adopted');
    assert.equal(begun, lines.filter(({ proto }) => proto === 'tcp').length);
    assert.equal(begun, total(tcp, 'ended') + total(tcp, 'abandoned'));
    const udp = lines.length - begun;
    assert.equal(
      windows.reduce((sum, { udp: { ended = 0 } }) => sum + ended, 0),
      udp,
    );
    assert.equal(
      flows.reduce((sum, flow) => sum + flow['bytes.sent'], 0),
      100 * lines.length,
    );
    for (const host of new Set(windows.map((window) => window['host.name']))) {
      const own = windows.filter((window) => window['host.name'] === host);
      let open = 0;
      for (const window of own) {
        open += window['connections.opened'] + window['connections.adopted'];
        open -= window['connections.ended'] + window['connections.abandoned'];
        assert.equal(window['connections.open'], open, `${host} ${window['window.number']}`);
      }
      const [times, lasts] = [
        own.map((w) => [w['window.start'], w['window.end']]),
        own.map((w) => w['window.last']),
      ];
      times.slice(1).forEach(([start], i) => assert.equal(start, times[i]?.[1]));
      assert.deepEqual(lasts.filter((last) => last === true).length, 1);
    }
  });

  test('of time in which a node did nothing are closed too, up to each hour', async () => {
    const lines = [
      zeekLine({ ts: startS + 1800, duration: 0 }),
      zeekLine({ ts: startS + 3 * 3600, duration: 0 }),
    ];
    const { windows } = await tell(written(zeekJson(lines)));
    assert.deepEqual(
      windows.map((window) => window['window.start'].slice(11, 19)),
      ['09:30:00', '09:30:10', '10:00:00', '11:00:00', '12:00:00'],
    );
  });

  test('of a line with a clock that was not set make no years of idle windows', async () => {
    const lines = [zeekLine({ ts: 1 }), zeekLine()];
    const { windows } = await tell(written(zeekJson(lines)));
    assert.deepEqual(
      windows.map((window) => window['window.start'].slice(0, 19)),
      ['1970-01-01T00:00:00', '2026-11-25T08:59:50', '2026-11-25T09:00:00'],
    );
  });

  test('tell singly what failed, or all: under the same numbers, whatever the shift', async () => {
    const lines = traffic(500);
    const file = written(zeekTsv(lines));
    const [plain, everything, shifted] = [
      await tell(file),
      await tell(file, { allEvents: true }),
      await tell(file, { shiftMs: 364 * 86_400_000 }),
    ];
    assert.equal(everything.events.length, lines.length);
    const states = new Set(plain.events.map((event) => event['connection.state']));
    assert.deepEqual([...states].sort(), ['refused', 'reset', 'timed_out']);
    const name = (record: NumberedRecord): string => `${record['boot.id']} ${record['record.sequence']}`;
    const byName = new Map(everything.all.map((record) => [name(record), record]));
    assert.equal(byName.size, everything.all.length);
    for (const record of plain.all) assert.deepEqual(byName.get(name(record)), record);
    const back = shifted.all.map((record) => ({
      ...record,
      time: Date.parse(record.time) - 364 * 86_400_000,
    }));
    assert.deepEqual(
      back.map((record) => [name(record as unknown as NumberedRecord), record.time]),
      plain.all.map((record) => [name(record), Date.parse(record.time)]),
    );
    const sequences = everything.all.filter((record) => record['event.name'] !== 'sonde.connection');
    assert.deepEqual(
      sequences.map((record) => record['record.sequence']),
      sequences.map((_, i) => i + 1),
    );
  });

  test('are not made of a file that changed since', async () => {
    const file = written(zeekTsv([zeekLine()]));
    const found = await survey(file);
    writeFileSync(file, zeekTsv([zeekLine(), zeekLine({ uid: 'more' })]));
    const making = { bootId: 'b', environment: '', shiftMs: 0, firstWindow: 0 };
    const telling = { hostOf: byOriginator, allEvents: false, making };
    await assert.rejects(Array.fromAsync(recordsOf(found, telling, { signal })), { code: 'import.changed' });
  });
});

test('more windows than there is room for are refused by name', () => {
  const making: Making = { bootId: 'b', environment: '', shiftMs: 0, firstWindow: 0 };
  const closings = newClosings('conn.log', making, 2);
  const sums = newSums();
  const outcome = { state: 'closed', established: true, ended: true, adopted: false } as const;
  const connection = {
    startMs: 0,
    endMs: 25_000,
    uid: undefined,
    originator: '10.0.0.1',
    originatorPort: 1,
    responder: '10.0.0.2',
    responderPort: 2,
    family: 'ipv4',
    transport: 'tcp',
    outcome,
    service: undefined,
    bytesSent: 0,
    bytesReceived: 0,
    packetsSent: 0,
    packetsReceived: 0,
  } as const;
  sums.add(connection, 'n1');
  const [first, second, third] = sums.take();
  assert.ok(first && second && third);
  for (const row of [first, second]) closings.add(row, flowRecord(row, making));
  assert.throws(() => closings.add(third, flowRecord(third, making)), { code: 'import.too_many' });
});
