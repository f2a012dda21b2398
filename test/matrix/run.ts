/** Declares the tests that boot kernels and run the steps of the plan in them, and collects what came of it. */
import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { GuestError } from '../guest/console.ts';
import { runInGuest } from '../guest/guest.ts';
import { fetchKernel, kernelSource, KernelUnavailable, newestKernel, type Kernel } from '../guest/kernels.ts';
import { outcomeOf, type Observed, type Outcome } from './outcome.ts';
import { guestEnvironment, guestFiles, guestTools, steps, type Entry, type Step } from './plan.ts';

/** What is known of an entry: grows as its steps run. */
export interface Row {
  readonly entry: Entry;
  kernel?: Kernel;
  /** Why there is no kernel to boot. */
  unavailable?: string;
  readonly outcomes: Partial<Record<Step['name'], Outcome>>;
}

/** A step ends by its guest's own limit, with a reason; this is for a fault in what runs it. */
const graceMs = 120_000;

async function observe(kernel: Kernel, { lockdown }: Entry, step: Step): Promise<Observed> {
  const { release, suite } = kernel;
  const about = { kernel: `${release} (${suite}), lockdown ${lockdown}, ${step.name}`, lockdown };
  const boot = () =>
    runInGuest({
      kernel,
      files: guestFiles,
      tools: guestTools,
      command: ['node', 'test/matrix/in-guest.ts', ...step.files],
      env: guestEnvironment,
      commandLine: lockdown === 'none' ? '' : `lockdown=${lockdown}`,
      smp: step.smp,
      timeoutMs: step.timeoutMs,
    });
  try {
    const { output, kernelLog } = await againUnlessBooted(boot);
    return { ...about, output, kernelLog };
  } catch (error) {
    if (!(error instanceof GuestError)) throw error;
    return { ...about, output: error.output ?? '', end: error.message };
  }
}

/**
 * A kernel that patches its own code while it boots on two emulated processors crashes now and then (int3 in
 * sched_clock_cpu: one boot of 60), long before anything of ours is there. Then it is booted once more.
 */
async function againUnlessBooted<T>(boot: () => Promise<T>): Promise<T> {
  try {
    return await boot();
  } catch (error) {
    if (!(error instanceof GuestError) || error.output !== undefined) throw error;
    return boot();
  }
}

function say(t: TestContext, { release, version }: Kernel, { passed, skipped, failed, said }: Outcome): void {
  const counts = `${passed} passed, ${skipped.length} skipped, ${failed.length} failed`;
  t.diagnostic([`${release} (${version})`, counts, ...said].join('; '));
  for (const { name, reason } of skipped) t.diagnostic(`skipped: ${name}: ${reason}`);
}

async function runStep(t: TestContext, row: Row, { name, fetch }: { name: Step['name']; fetch: Fetch }) {
  try {
    row.kernel = await fetch(row.entry.kernel);
  } catch (error) {
    if (!(error instanceof KernelUnavailable)) throw error;
    row.unavailable = error.reason;
    t.skip(error.message);
    return;
  }
  const outcome = outcomeOf(await observe(row.kernel, row.entry, steps[name]));
  row.outcomes[name] = outcome;
  say(t, row.kernel, outcome);
  if (outcome.problem !== '') assert.fail(outcome.problem);
}

type Fetch = (name: string) => Promise<Kernel>;

/** Each kernel is looked for once, however many steps want it. */
function fetcher(newest: boolean): Fetch {
  const asked = new Map<string, Promise<Kernel>>();
  return (name) => {
    const found = asked.get(name) ?? (newest ? newestKernel(kernelSource(name)) : fetchKernel(name));
    asked.set(name, found);
    return found;
  };
}

export function entryTitle({ kernel, lockdown }: Entry): string {
  return lockdown === 'none' ? kernel : `${kernel}, lockdown=${lockdown}`;
}

/** Of a run in which no kernel could be had, nothing is proven: where everything is to be proven, that fails. */
export function ranAny(
  rows: readonly Row[],
  isCi: boolean,
): { readonly fails: boolean; readonly reason: string } {
  if (rows.some(({ outcomes }) => Object.keys(outcomes).length > 0)) return { fails: false, reason: '' };
  const reasons = rows.map(
    ({ entry, unavailable }) => `${entryTitle(entry)}: ${unavailable ?? 'not asked for'}`,
  );
  const wanted = rows.some(({ unavailable }) => unavailable !== undefined);
  return { fails: isCi && wanted, reason: `not one kernel ran (${reasons.join('; ')})` };
}

export interface MatrixOptions {
  /** The newest that the mirror has; else what the cache has will do. */
  readonly newest: boolean;
  /** Guests at a time: an emulated processor takes a whole one of the machine's. */
  readonly guestsMax: 1 | 2;
}

/**
 * The rows are complete when the tests have run. What cannot be had from the mirror is a skipped test, with
 * the reason. A stress wants both processors of a small machine: one at a time, behind all else.
 */
export function testKernels(entries: readonly Entry[], options: MatrixOptions): readonly Row[] {
  const fetch = fetcher(options.newest);
  const rows = entries.map((entry): Row => ({ entry, outcomes: {} }));
  const declare = (name: Step['name']): void => {
    for (const row of rows.filter(({ entry }) => entry.steps.includes(name))) {
      const timeout = steps[name].timeoutMs + graceMs;
      test(`${entryTitle(row.entry)}: ${name}`, { timeout }, (t) => runStep(t, row, { name, fetch }));
    }
  };
  describe('on other kernels', { concurrency: options.guestsMax }, () => {
    declare('refusal');
    for (const step of ['signals', 'scenarios', 'suite'] as const) declare(step);
  });
  describe('under stress', { concurrency: 1 }, () => declare('stress'));
  test('a kernel ran', (t) => {
    const verdict = ranAny(rows, process.env['CI'] === 'true');
    if (verdict.fails) assert.fail(verdict.reason);
    if (verdict.reason !== '') t.skip(verdict.reason);
  });
  return rows;
}
