/** Days and hours in answers are those of the zone asked for, before and after its clocks change. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Ask } from '../src/hub/ask/ask.ts';
import { questionsFolder } from '../src/question/discovery.ts';
import { openAsker, type Asker } from './asking.ts';
import { rowsOfRecords, type QuestionCase } from './question-cases.ts';

const { signal } = new AbortController();
let asker: Asker;
let ask: Ask;

before(async () => {
  asker = await openAsker();
  ask = asker.openAsk(questionsFolder());
});
after(() => asker[Symbol.asyncDispose]());

/** On 26 October 2025 Berlin went from two hours before UTC to one. Mondays, the last one after it. */
const mondays = ['2025-09-29', '2025-10-06', '2025-10-13', '2025-10-20', '2025-10-27'];
const range = { from: '2025-10-27T08:00:00Z', to: '2025-10-27T09:00:00Z' };

function ago(time: string): string {
  return `${String((asker.nowMs - Date.parse(time)) / 60_000)}m`;
}

function insert(records: QuestionCase['records'], given: Readonly<Record<string, unknown>>): Promise<void> {
  const { nowMs, store } = asker;
  return asker.insert(rowsOfRecords(records, { tables: store.tables, given, nowMs }));
}

test('close-rate: nine o’clock is compared with nine o’clock, whatever that is in UTC', async () => {
  const given = {
    environment: 'closes',
    'host.name': 'api-1',
    'process.name': 'api',
    direction: 'ingress',
    'destination.ip': '10.9.8.7',
    'destination.port': 8080,
    'connection.state': 'closed',
    'connection.established': true,
  };
  // In Berlin 100 close from nine to ten, and 400 from ten to eleven.
  const hours = mondays.flatMap((day) => {
    const nine = day === '2025-10-27' ? '08' : '07';
    const ten = day === '2025-10-27' ? '09' : '08';
    return [
      { at: `${day}T${nine}:00:00Z`, closes: 100 },
      { at: `${day}T${ten}:00:00Z`, closes: 400 },
    ];
  });
  await insert(
    hours.flatMap(({ at, closes }) => [
      { window: { ago: ago(at), 'window.ms': 3_600_000 } },
      { flow: { ago: ago(at), 'connections.ended': closes } },
    ]),
    given,
  );
  const inZone = async (zone: string): Promise<unknown> => {
    const { rows } = await ask.answer('close-rate', {
      query: { ...range, zone, environment: 'closes' },
      signal,
    });
    return rows.map((row) => [row['hour'], row['change'], row['hour.closes'], row['hour.usual']]);
  };
  assert.deepEqual(await inZone('Europe/Berlin'), [['Mon 2025-10-27 09:00', 'as usual', 100, 100]]);
  assert.deepEqual(await inZone('UTC'), [['Mon 2025-10-27 08:00', 'drops', 100, 400]]);
});

test('retry-storms: days and usual hours are the zone’s', async () => {
  const given = {
    environment: 'storms',
    'host.name': 'web-1',
    'process.name': 'checkout',
    direction: 'egress',
    'destination.ip': '10.9.8.7',
    'destination.port': 8443,
    'connection.state': 'refused',
    'connections.ended': 30,
  };
  const times = ['24T21:30', '24T22:30', '27T22:30', '28T09:00'].map((time) => `2025-10-${time}:00Z`);
  await insert(
    times.map((at) => ({ flow: { ago: ago(at) } })),
    given,
  );
  const inZone = async (zone: string): Promise<unknown> => {
    const query = { from: '2025-10-24T00:00:00Z', to: '2025-10-29T00:00:00Z', zone, environment: 'storms' };
    const { rows } = await ask.answer('retry-storms', { query, signal });
    return rows.map((row) => [row['storms.days'], row['storms.hours']]);
  };
  assert.deepEqual(await inZone('Europe/Berlin'), [
    ['2025-10-28 (1), 2025-10-27 (1), 2025-10-25 (1), 2025-10-24 (1)', '23h (2), 00h (1), 10h (1)'],
  ]);
  assert.deepEqual(await inZone('UTC'), [
    ['2025-10-28 (1), 2025-10-27 (1), 2025-10-24 (2)', '22h (2), 09h (1), 21h (1)'],
  ]);
});
