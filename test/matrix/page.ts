/** The page docs/reference/kernels.md, from what a run of the whole plan has seen. Same rows, same page. */
import type { Outcome } from './outcome.ts';
import { steps, type Entry } from './plan.ts';

/** A row of the plan and what came of it; of `run.ts`, what the page shows. */
export interface Seen {
  readonly entry: Pick<Entry, 'kernel' | 'lockdown' | 'steps'>;
  readonly kernel?: { readonly release: string; readonly version: string; readonly suite: string };
  readonly unavailable?: string;
  readonly outcomes: Partial<Record<Entry['steps'][number], Outcome>>;
}

const head = ['kernel', 'Debian', 'suite', 'lockdown', 'tests', 'sweep against churn', 'result'] as const;

/** Those that run tests one after the other, on one processor. */
const testing = ['scenarios', 'suite'] as const;

function tests({ outcomes }: Seen): string {
  const { refusal } = outcomes;
  if (refusal) return refusal.problem === '' ? 'refused, as it must be' : 'not refused as it must be';
  const ran = testing.flatMap((name) => outcomes[name] ?? []);
  if (ran.length === 0) return '';
  const count = (of: (outcome: Outcome) => number) => ran.reduce((sum, outcome) => sum + of(outcome), 0);
  const failed = count((outcome) => outcome.failed.length);
  const passed = `${count((outcome) => outcome.passed)} passed`;
  const skipped = `${count((outcome) => outcome.skipped.length)} skipped`;
  return [passed, skipped, ...(failed > 0 ? [`${failed} failed`] : [])].join(', ');
}

function stress({ outcomes }: Seen): string {
  if (!outcomes.stress) return '';
  return outcomes.stress.problem === '' ? `exact: ${outcomes.stress.said.join('; ')}` : 'failed';
}

/** Passed only when every step has run and none had a problem. */
export function result({ entry, unavailable, outcomes }: Seen): 'passed' | 'failed' | 'skipped' | 'not run' {
  const ran = entry.steps.map((name) => outcomes[name]);
  if (ran.some((outcome) => outcome !== undefined && outcome.problem !== '')) return 'failed';
  if (unavailable !== undefined) return 'skipped';
  return ran.every((outcome) => outcome !== undefined) ? 'passed' : 'not run';
}

function cells(seen: Seen): string[] {
  const { entry, kernel, unavailable } = seen;
  const verdict = unavailable === undefined ? result(seen) : `skipped: ${unavailable}`;
  const about = [kernel?.release ?? entry.kernel, kernel?.version ?? '', kernel?.suite ?? '', entry.lockdown];
  return [...about, tests(seen), stress(seen), verdict];
}

function tableLine(values: readonly string[]): string {
  return `| ${values.join(' | ')} |`;
}

function title({ entry, kernel }: Seen): string {
  const name = kernel?.release ?? entry.kernel;
  return entry.lockdown === 'none' ? name : `${name}, lockdown=${entry.lockdown}`;
}

/** What a reader should know of rows that are not simply passed: a line each, or one that says there is none. */
function lines(rows: readonly Seen[], of: (outcome: Outcome) => readonly string[]): string[] {
  const found = rows.flatMap((seen) =>
    seen.entry.steps.flatMap((name) => {
      const outcome = seen.outcomes[name];
      return outcome ? of(outcome).map((text) => `* ${title(seen)}: ${text}`) : [];
    }),
  );
  return found.length === 0 ? ['None.'] : found;
}

/** `date` is the day of the run: 2027-01-31. */
export function renderKernels(rows: readonly Seen[], date: string): string {
  return [
    '# Kernels',
    '',
    "Written by `npm run test:kernels`, which boots Debian's own kernels (the cloud flavour) under qemu and runs",
    `Sonde in each. This run: ${date}.`,
    '',
    tableLine(head),
    tableLine(head.map(() => '---')),
    ...rows.map((seen) => tableLine(cells(seen))),
    '',
    'Lockdown is what the running kernel says in `/sys/kernel/security/lockdown`. A kernel that the mirror did not',
    'have, or a mirror that did not answer, is skipped, which is not passed. A kernel that found a fault in itself',
    '(an oops, a warning) is failed, whatever the tests say.',
    '',
    '## Tests',
    '',
    'On one processor, whose clock counts its instructions:',
    '',
    ...testing.flatMap((name) => steps[name].files).map((path) => `* \`${path}\``),
    '',
    `Sweep against churn, on two: \`${steps.stress.files.join('`, `')}\`.`,
    '',
    '## Failed',
    '',
    ...lines(rows, ({ failed, problem }) => (problem !== '' && failed.length === 0 ? ['the guest'] : failed)),
    '',
    '## Skipped in a kernel that ran',
    '',
    ...lines(rows, ({ skipped }) => skipped.map(({ name, reason }) => `${name} (${reason})`)),
    '',
  ].join('\n');
}
