/**
 * Runs node's test runner over the plan's phases and reports them as one run: one spec report, one closing
 * summary whose duration is the whole. Exits 1 when a test failed or none ran, 2 on a wrong command line.
 */
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import process from 'node:process';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { systemClock } from '../src/lib/clock.ts';
import { planTests, readTestOptions, testFolders, testUsage } from './test-plan.ts';
import type { TestOptions, TestPhase } from './test-plan.ts';
import { joinRuns, sideBySide } from './test-report.ts';

function optionsOrExit(): TestOptions {
  try {
    return readTestOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(
      `scripts/test: ${error instanceof Error ? error.message : String(error)}\n${testUsage}\n`,
    );
    process.exit(2);
  }
}

process.chdir(dirname(import.meta.dirname));
const options = optionsOrExit();
const found = globSync(`{${testFolders.join(',')}}/**/*.test.ts`);
const plan = planTests(found, options, { isRoot: process.geteuid?.() === 0, cores: availableParallelism() });
if (plan.leftOut !== '') process.stderr.write(`scripts/test: ${plan.leftOut}\n`);
if (plan.phases.length === 0) {
  process.stderr.write('scripts/test: no test file to run\n');
  process.exit(1);
}

const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => {
    stop.abort();
    process.exitCode = 1;
  });
}

function runPhase(phase: TestPhase): ReturnType<typeof run> {
  return run({
    files: [...phase.files],
    concurrency: phase.concurrency,
    timeout: phase.timeoutMs,
    testNamePatterns: [...options.names],
    signal: stop.signal,
  });
}

const events = joinRuns(
  plan.phases.map((side) => () => sideBySide(side.map((phase) => () => runPhase(phase)))),
  ({ success, counts }) => {
    if (!success || counts.tests === 0) process.exitCode = 1;
  },
  systemClock,
);
await pipeline(Readable.from(events), new spec(), process.stdout, { end: false });
