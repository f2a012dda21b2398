import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { joinRuns, sideBySide } from './test-report.ts';
import type { TestEvent, TestTotals } from './test-report.ts';

function counts(tests: number, failed: number): TestTotals['counts'] {
  return {
    tests,
    failed,
    passed: tests - failed,
    suites: 0,
    cancelled: 0,
    skipped: 0,
    todo: 0,
    topLevel: tests,
  };
}

async function* oneRun(tests: number, failed: number): AsyncGenerator<TestEvent> {
  yield { type: 'test:diagnostic', data: { nesting: 0, message: 'said by a test', file: '/a.test.ts' } };
  yield { type: 'test:summary', data: { file: '/a.test.ts', counts: counts(tests, failed) } };
  yield { type: 'test:diagnostic', data: { nesting: 0, message: `tests ${tests}` } };
  yield {
    type: 'test:summary',
    data: { counts: counts(tests, failed), duration_ms: 100, success: failed === 0 },
  };
}

async function joined(
  ...runs: readonly (() => AsyncIterable<TestEvent>)[]
): Promise<[TestEvent[], TestTotals[]]> {
  const events: TestEvent[] = [];
  const ends: TestTotals[] = [];
  let nowMs = 0;
  const clock = { bootMs: () => (nowMs += 200) };
  for await (const event of joinRuns(runs, (totals) => ends.push(totals), clock)) events.push(event);
  return [events, ends];
}

function closingLines(events: readonly TestEvent[]): string[] {
  return events.slice(-9, -1).map(({ data }) => (data as { message: string }).message);
}

describe('joined runs', () => {
  test('have one summary, at their end, of all', async () => {
    const [events, ends] = await joined(
      () => oneRun(3, 0),
      () => oneRun(2, 1),
    );
    assert.deepEqual(ends, [{ counts: counts(5, 1), durationMs: 200, success: false }]);
    assert.deepEqual(closingLines(events), [
      'tests 5',
      'suites 0',
      'pass 4',
      'fail 1',
      'cancelled 0',
      'skipped 0',
      'todo 0',
      'duration_ms 200',
    ]);
    assert.deepEqual(events.at(-1)?.data, { counts: counts(5, 1), duration_ms: 200, success: false });
    assert.equal(events.length, 4 + 9, 'what each run said of itself at its end is gone, the rest is kept');
  });

  test('side by side start together and are told one after the other', async () => {
    const started: string[] = [];
    const began = Promise.withResolvers<undefined>();
    async function* first(): AsyncGenerator<TestEvent> {
      await began.promise;
      started.push('first told');
      yield* oneRun(3, 0);
    }
    const second = (): AsyncIterable<TestEvent> => {
      started.push('second started');
      began.resolve(undefined);
      return oneRun(2, 1);
    };
    const [events, ends] = await joined(() => sideBySide([first, second]));
    assert.deepEqual(started, ['second started', 'first told']);
    assert.deepEqual(ends, [{ counts: counts(5, 1), durationMs: 200, success: false }]);
    assert.equal(events.length, 4 + 9);
  });

  test('succeed when all do', async () => {
    const [, ends] = await joined(() => oneRun(1, 0));
    assert.equal(ends[0]?.success, true);
  });
});

describe("joined runs of node's own runner", () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sonde-report-'));
    const head = "import { test } from 'node:test';\n";
    writeFileSync(join(folder, 'good.test.mjs'), `${head}test('a', () => {}); test.skip('b', () => {});`);
    writeFileSync(join(folder, 'bad.test.mjs'), `${head}test('c', () => { throw new Error('no'); });`);
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  for (const [title, runs] of [
    ['after each other', 'runs'],
    ['side by side', '[() => sideBySide(runs)]'],
  ] as const) {
    test(`say what two runs ${title} say`, () => {
      // In a process of its own: a run inside a test reports to that test.
      const script = `
        import { run } from 'node:test';
        import { joinRuns, sideBySide } from ${JSON.stringify(join(import.meta.dirname, 'test-report.ts'))};
        const files = ${JSON.stringify(['good', 'bad'].map((name) => join(folder, `${name}.test.mjs`)))};
        const runs = files.map((file) => () => run({ files: [file] }));
        const say = (totals) => console.log(JSON.stringify(totals));
        for await (const event of joinRuns(${runs}, say, { bootMs: () => 0 })) void event;
      `;
      const file = join(folder, 'run.mjs');
      writeFileSync(file, script);
      const stdout = execFileSync(process.execPath, [file], { env: {} });
      const totals = JSON.parse(stdout.toString()) as TestTotals;
      assert.equal(totals.success, false);
      const { tests, passed, failed, skipped } = totals.counts;
      assert.deepEqual({ tests, passed, failed, skipped }, { tests: 3, passed: 1, failed: 1, skipped: 1 });
    });
  }
});
