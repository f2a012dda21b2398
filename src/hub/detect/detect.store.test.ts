/** Detectors on the embedded engine, from windows to findings. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openHistory, storm, type History } from '../../../test/detecting.ts';
import type { Finding } from '../../question/finding.ts';

const [minute, hour] = [60_000, 3_600_000];

let history: History;
before(async () => {
  history = await openHistory();
});
after(() => history[Symbol.asyncDispose]());

const fine = {
  ...storm,
  'process.name': 'search',
  'connection.state': 'closed',
  'connection.established': true,
  'connections.established': 30,
};

const open = ({ state }: Finding): boolean => state === 'open';
const found = async (environment: string, question?: string): Promise<readonly Finding[]> =>
  (await history.findings()).filter(
    (finding) =>
      finding.labels['environment'] === environment && (question ?? finding.question) === finding.question,
  );

test('a planted storm is found once, with evidence, and ends; what comes about is quiet', async () => {
  const environment = 'storm';
  await history.write({ environment, from: -2 * hour, to: 0 }, [fine]);
  await history.write({ environment, from: -30 * minute, to: -20 * minute }, [storm]);
  await history.run(-25 * minute);
  const [first, ...others] = await found(environment);
  assert.deepEqual(others, []);
  assert.ok(first && open(first));
  assert.equal(first.title, 'checkout keeps connecting to 10.9.8.7:5432 in vain');
  assert.equal(first.startedAt, history.at(-29.5 * minute), 'its second step');
  assert.deepEqual(first.facts, {
    attempts: 90,
    established: 0,
    failed: 90,
    nodes: 1,
    workloads: 1,
    pacing: 'insufficient',
  });
  assert.equal(first.evidence.rows[0]?.['process.name'], 'checkout');
  assert.deepEqual(await history.statusOf('retry-storms'), {
    finds: 'storms',
    state: 'armed',
    armedAt: history.at(-110 * minute),
    findings: 1,
    keys: { armed: 1 },
    limits: [],
  });
  await history.run(0);
  const [last, ...more] = await found(environment);
  assert.deepEqual(more, []);
  assert.equal(last?.id, first.id);
  assert.equal(last.state, 'closed');
  assert.equal(last.closedAt, history.at(-10 * minute), 'ten quiet minutes later');
});

test('how a storm waits between its attempts, where each of them was told', async () => {
  await using paced = await history.beside();
  const environment = 'paced';
  await paced.write({ environment, from: -2 * hour, to: 0 }, [fine]);
  const [from, to] = [-30 * minute, -28 * minute];
  const storms = ['loop', 'patient', 'silent'].map((name) => ({ ...storm, 'process.name': name }));
  await paced.write(
    { environment, from, to },
    storms.map((flow) => ({ ...flow, 'connections.ended': 5 })),
  );
  // Of a step of 30 s, 15 each: every 2 s; and five processes, each after 1, 2, 4 and 8 s.
  const starts = Array.from({ length: 4 }, (_, step) => from + step * 30_000);
  const doubling = [0, 1000, 3000, 7000, 15_000, 29_000];
  await paced.tell(
    starts
      .flatMap((startMs) => [
        ...Array.from({ length: 15 }, (_, n) => [startMs + n * 2000, 'loop', 1] as const),
        ...[11, 12, 13].flatMap((pid) => doubling.map((ms) => [startMs + ms, 'patient', pid] as const)),
      ])
      .map(([at, name, pid]) => ({ ...storm, environment, at, 'process.name': name, 'process.pid': pid })),
  );
  await paced.run(0);
  const pacings = (await paced.findings()).map(({ labels, facts }) => [
    labels['process.name'],
    facts['pacing'],
  ]);
  assert.deepEqual(pacings.sort(), [
    ['loop', 'fixed'],
    ['patient', 'exponential'],
    ['silent', 'insufficient'],
  ]);
});

test('before it is armed it learns, and finds nothing', async () => {
  await using young = await history.beside();
  const learning = { finds: 'storms', state: 'learning', findings: 0, limits: [] };
  assert.deepEqual(await young.statusOf('retry-storms'), { ...learning, armedAt: null, keys: {} });
  await young.write({ environment: 'young', from: -9 * minute, to: 0 }, [storm]);
  await young.run(0);
  assert.deepEqual(await young.findings(), []);
  const status = await young.statusOf('retry-storms');
  assert.deepEqual(status, { ...learning, armedAt: young.at(1 * minute), keys: { armed: 1 } });
});

test('what needs a history says how it stands: before there is any, learning, armed', async () => {
  await using young = await history.beside();
  const stands = async (ms: number) => {
    await using detect = await young.open(ms);
    const of = Object.keys(armedAfter).map(async (question) =>
      (await detect.status(question)).map(({ finds, state, armedAt }) => [question, finds, state, armedAt]),
    );
    return (await Promise.all(of)).flat();
  };
  const armedAfter: Readonly<Record<string, readonly (readonly [finds: string, ms: number])[]>> = {
    'close-rate': [['changes', 24 * hour]],
    connections: [['new', 24 * hour]],
    dependencies: [['new', hour]],
    'lateral-movement': [
      ['scans', 24 * hour],
      ['new admin edges', 24 * hour],
    ],
    'reset-bursts': [['bursts', hour]],
    'retry-storms': [['storms', 10 * minute]],
    'unexpected-egress': [['new destinations', 24 * hour]],
  };
  const expected = (stateOf: (armedMs: number) => string, isHeard = true) =>
    Object.entries(armedAfter).flatMap(([question, all]) =>
      all.map(([finds, ms]) => [question, finds, stateOf(ms), isHeard ? young.at(ms - 2 * hour) : null]),
    );
  assert.deepEqual(
    await stands(0),
    expected(() => 'learning', false),
  );
  await young.write({ environment: 'young', from: -2 * hour, to: 0, every: 10 * minute }, [fine]);
  await young.run(0);
  const now = expected((ms) => (ms <= 2 * hour ? 'armed' : 'learning')).map(
    ([question, finds, state, at]) => {
      // Steps of five minutes begin at whole ones.
      const stepMs =
        finds === 'changes' || finds === 'new destinations'
          ? 5 * minute
          : question === 'lateral-movement'
            ? minute
            : 1;
      const ms = Math.floor(Date.parse(String(at)) / stepMs) * stepMs;
      return [question, finds, state, new Date(ms).toISOString()];
    },
  );
  assert.deepEqual(await stands(0), now);
});

test('a burst of resets by many clients is found, that of one client that dies is not', async () => {
  await using bursts = await history.beside();
  const closes = (process: string, port: number) => ({
    ...fine,
    'process.name': process,
    'destination.port': port,
    'connections.ended': 20,
  });
  const resets = (process: string, port: number, n: number) => ({
    ...closes(process, port),
    'connection.state': 'reset',
    'connections.ended': n,
    'resets.received': n,
  });
  await bursts.write({ environment: 'b', from: -3 * hour, to: 0 }, [closes('a', 443), closes('b', 80)]);
  const many = ['a', 'b', 'c', 'd', 'e', 'f'].map((process) => resets(process, 443, 3));
  await bursts.write({ environment: 'b', from: -20 * minute, to: -19 * minute }, many);
  await bursts.write({ environment: 'b', from: -20 * minute, to: -20 * minute + 10_000 }, [
    resets('b', 80, 200),
  ]);
  await bursts.run(0);
  const [burst, ...others] = await bursts.findings();
  assert.deepEqual(others, []);
  assert.equal(burst?.question, 'reset-bursts');
  assert.deepEqual(burst.labels, {
    environment: 'b',
    direction: 'egress',
    'destination.ip': '10.9.8.7',
    'destination.port': '443',
    'reset.side': 'remote',
  });
  assert.equal(burst.baseline, 0.005);
  assert.equal(burst.startedAt, bursts.at(-20 * minute), 'in the first step: 18 of 38');
});

test('two hubs at once, and one that cuts time otherwise, find the same', async () => {
  await using both = await history.beside();
  await both.write({ environment: 'two', from: -2 * hour, to: 0 }, [fine]);
  await both.write({ environment: 'two', from: -50 * minute, to: -40 * minute }, [storm]);
  await both.write({ environment: 'two', from: -15 * minute, to: 0 }, [storm]);
  await Promise.all([both.run(0), both.run(0), both.run(0)]);
  const together = await both.findings();
  assert.deepEqual(together.map(({ state }) => state).sort(), ['closed', 'open']);
  await using cut = await history.beside();
  await cut.write({ environment: 'two', from: -2 * hour, to: 0 }, [fine]);
  await cut.write({ environment: 'two', from: -50 * minute, to: -40 * minute }, [storm]);
  await cut.write({ environment: 'two', from: -15 * minute, to: 0 }, [storm]);
  for (let ms = -100 * minute; ms < 0; ms += 23 * minute) await cut.run(ms);
  await cut.run(0);
  // Rows of the question are as they were when the finding was written first.
  const told = (findings: readonly Finding[]) =>
    findings.map((finding) => ({ ...finding, evidence: finding.evidence.query }));
  assert.deepEqual(told(await cut.findings()), told(together));
});

test('after a downtime it goes on where it stood; what is too old is passed over, and said', async () => {
  await using late = await history.beside();
  await late.write({ environment: 'late', from: -40 * hour, to: -39 * hour }, [fine]);
  await late.run(-39 * hour);
  await late.write({ environment: 'late', from: -20 * hour, to: 0 }, [fine]);
  await late.write({ environment: 'late', from: -10 * hour, to: -10 * hour + 5 * minute }, [storm]);
  const lines: string[] = [];
  const log = { info: () => undefined, warn: (line: string) => lines.push(line) };
  await using detect = await late.open(20_000, {}, { log });
  await detect.run();
  assert.deepEqual(
    (await late.findings()).map(({ startedAt }) => startedAt),
    [late.at(-10 * hour + 30_000)],
  );
  const passed = `passes over from ${late.at(-39 * hour)} to `;
  assert.ok(
    lines.some((line) => line.includes(passed)),
    lines.join('\n'),
  );
});

test('nodes that are behind are waited for, two minutes at most', async () => {
  await using slow = await history.beside();
  await slow.write({ environment: 'slow', from: -hour, to: -5 * minute }, [fine]);
  await slow.run(-5 * minute);
  // The hub came back; the node has told one minute of the five.
  await slow.write({ environment: 'slow', from: -5 * minute, to: -4 * minute }, [storm]);
  await slow.run(0);
  await slow.write({ environment: 'slow', from: -4 * minute, to: 0 }, [storm]);
  await slow.run(0);
  const [finding] = await slow.findings();
  assert.deepEqual(finding?.facts, {
    attempts: 90,
    established: 0,
    failed: 90,
    nodes: 1,
    workloads: 1,
    pacing: 'insufficient',
  });
  assert.equal(finding.startedAt, slow.at(-4.5 * minute));
  assert.equal(finding.lastAt, slow.at(0), 'none of it was missed');
});

test('what is muted is kept with the reason; a question that is muted as a whole says so', async () => {
  await using muted = await history.beside();
  await muted.write({ environment: 'm', from: -2 * hour, to: 0 }, [fine]);
  await muted.write({ environment: 'm', from: -30 * minute, to: -20 * minute }, [
    storm,
    { ...storm, 'process.name': 'backup-1' },
  ]);
  const until = muted.at(24 * hour);
  const backup = { question: '*', labels: { 'process.name': 'backup-?' }, until, reason: 'as every night' };
  await using detect = await muted.open(20_000, {
    mute: [backup, { ...backup, labels: {}, until: muted.at(-hour), reason: 'it is over' }],
  });
  await detect.run();
  const findings = await detect.findings({ sinceMs: 24 * hour, limit: 10 });
  assert.deepEqual(findings.map(({ labels, muted: why }) => [labels['process.name'], why]).sort(), [
    ['backup-1', 'as every night'],
    ['checkout', ''],
  ]);
  await using silent = await muted.open(20_000, { mute: [{ question: 'retry-*', until, reason: 'enough' }] });
  const stateOf = async (question: string) => (await silent.status(question)).map(({ state }) => state);
  assert.deepEqual(await stateOf('retry-storms'), ['muted']);
  assert.deepEqual(await stateOf('reset-bursts'), ['armed']);
});

test('findings of a question that nobody has are no silence', async () => {
  await using detect = await history.open(0);
  await assert.rejects(detect.findings({ sinceMs: hour, question: 'retry', limit: 1 }), {
    code: 'question.unknown',
  });
});
