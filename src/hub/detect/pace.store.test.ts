/** Detectors beside those who ask, on the embedded engine. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ClickHouseClient, QueryParams } from '@clickhouse/client';
import { openHistory, storm, type History } from '../../../test/detecting.ts';
import { systemClock, type Clock } from '../../lib/clock.ts';
import { discoverQuestions, questionsFolder } from '../../question/discovery.ts';
import type { Finding } from '../../question/finding.ts';
import { openGate } from '../ask/gate.ts';
import type { Detect } from './detect.ts';
import { paceLimits } from './pace.ts';

const [minute, hour] = [60_000, 3_600_000];

let history: History;
before(async () => {
  history = await openHistory();
});
after(() => history[Symbol.asyncDispose]());

const stormsAt = [-30 * hour, -50 * minute];

/** Storms of five minutes: the day before, and now. */
async function stormy(of: History): Promise<void> {
  await of.write({ environment: 'e', from: -36 * hour, to: 0, every: 10 * minute }, []);
  for (const from of stormsAt) await of.write({ environment: 'e', from, to: from + 5 * minute }, [storm]);
}

/** Of a turn are a dozen queries; rests are short, and who is answered is waited for. */
function slowClock(): Partial<Clock> {
  let elapsedNs = 0n;
  return {
    monotonicNs: () => (elapsedNs += 400_000_000n),
    sleep: (ms, signal) => systemClock.sleep(ms === paceLimits.waitMsMax ? hour : Math.min(ms, 5), signal),
  };
}

async function untilsOf(detect: Detect): Promise<readonly (string | null)[]> {
  const { detectors } = await detect.summary();
  const all = Object.values(detectors as Record<string, readonly { until: string | null }[]>).flat();
  return all.map(({ until }) => until);
}

async function caughtUp(detect: Detect, to: string): Promise<void> {
  while (!(await untilsOf(detect)).every((until) => until !== null && until >= to))
    await systemClock.sleep(50);
}

const told = (findings: readonly Finding[]) =>
  findings.map((finding) => ({ ...finding, evidence: finding.evidence.query }));

const back = { history: '36h' };
const retryStorms = discoverQuestions(questionsFolder()).questions.filter(({ id }) => id === 'retry-storms');

test('in turns, and with two hubs at once, what was before is found as it is at once', async () => {
  await using atOnce = await history.beside();
  await stormy(atOnce);
  await using first = await atOnce.open(20_000, back, { questions: retryStorms });
  await first.run();
  const expected = told(await atOnce.findings());
  assert.deepEqual(
    expected.map(({ startedAt }) => startedAt).sort(),
    stormsAt.map((from) => atOnce.at(from + minute / 2)).sort(),
  );

  await using inTurns = await history.beside();
  await stormy(inTurns);
  const running = () =>
    inTurns.open(20_000, { ...back, enabled: true }, { clock: slowClock(), questions: retryStorms });
  await using here = await running();
  await using there = await running();
  await Promise.all([here, there].map((detect) => caughtUp(detect, inTurns.at(-25 * minute))));
  assert.deepEqual(told(await inTurns.findings()), expected);
});

test('while somebody is answered no step is begun; when they are, detectors go on', async () => {
  await using quiet = await history.beside();
  await stormy(quiet);
  const gate = openGate({ runningMax: 1, waitingMax: 1 });
  const [asked, waited] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
  const answering = gate.run(() => asked.promise, new AbortController().signal);
  const idle = (signal: AbortSignal): Promise<void> => {
    waited.resolve(undefined);
    return gate.idle(signal);
  };
  const others = { clock: slowClock(), idle, questions: retryStorms };
  await using detect = await quiet.open(20_000, { ...back, enabled: true }, others);
  await waited.promise;
  assert.deepEqual(await untilsOf(detect), [quiet.at(-36 * hour)], 'it has begun, and looked at nothing');
  asked.resolve(undefined);
  await answering;
  await caughtUp(detect, quiet.at(-25 * minute));
  assert.equal((await quiet.findings()).length, stormsAt.length);
});

test('how detectors stand is answered while the store keeps one of them waiting', async () => {
  await using busy = await history.beside();
  await stormy(busy);
  const statement = retryStorms[0]?.detectors[0]?.statement;
  const [asked, given] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
  const client = (of: ClickHouseClient) =>
    Object.assign(Object.create(of) as ClickHouseClient, {
      query: async (params: QueryParams) => {
        if (params.query === statement) {
          asked.resolve(undefined);
          await given.promise;
        }
        return of.query(params);
      },
    });
  await using detect = await busy.open(20_000, {}, { questions: retryStorms, client });
  const run = detect.run();
  await asked.promise;
  const [status] = await detect.status('retry-storms');
  assert.equal(status?.state, 'armed');
  assert.deepEqual(await detect.findings({ sinceMs: hour, limit: 1 }), []);
  given.resolve(undefined);
  await run;
  assert.equal((await busy.findings()).length, 1, 'that of the last hours');
});
