/**
 * Which test files run, in which order and how many at a time. A file's name says what it needs:
 *
 *   x.test.ts           nothing            x.static.test.ts    nothing; runs a tool over the whole tree
 *   x.root.test.ts      root and a kernel  x.long.test.ts      minutes; also x.long.root.test.ts
 *   x.store.test.ts     the embedded ClickHouse, seconds each
 *   x.guest.test.ts     root; boots kernels of its own under qemu
 *   x.stress.test.ts    root; so that races are met, it wants all processors
 */
import { parseArgs } from 'node:util';

export const testFolders = ['src', 'web', 'test', 'lab', 'questions', 'scripts'] as const;

const testKinds = ['static', 'unit', 'store', 'root', 'guest', 'stress'] as const;
export type TestKind = (typeof testKinds)[number];

export interface TestOptions {
  readonly kinds: readonly TestKind[];
  readonly long: boolean;
  /** When there are any, only these run, whatever their kind. */
  readonly files: readonly string[];
  /** Only tests whose name matches. */
  readonly names: readonly string[];
}

export interface TestPhase {
  readonly files: readonly string[];
  /** Processes at a time. */
  readonly concurrency: number;
  /** Longest that one file may take. */
  readonly timeoutMs: number;
}

export interface TestPlan {
  /** One after the other; what is in one list side by side. */
  readonly phases: readonly (readonly TestPhase[])[];
  /** What was asked for and cannot run here, in words; empty when nothing is left out. */
  readonly leftOut: string;
}

const wantRoot: ReadonlySet<TestKind> = new Set(['root', 'guest', 'stress']);

const limits = {
  unitMaxMs: 300_000, // the tools read the whole tree: on a busy machine two minutes are not enough
  storeMaxMs: 300_000,
  rootMaxMs: 900_000,
  guestMaxMs: 2_700_000,
  longMaxMs: 3_600_000,
  unitProcessesMax: 2,
} as const;

export const testUsage =
  'usage: scripts/test [--check | --static | --unit | --store | --root]... [--long] [--name PATTERN]... [FILE...]';

export function readTestOptions(args: readonly string[]): TestOptions {
  const flag = { type: 'boolean', default: false } as const;
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      check: flag,
      static: flag,
      unit: flag,
      store: flag,
      root: flag,
      long: flag,
      name: { type: 'string', multiple: true, default: [] },
    },
  });
  const asked: TestKind[] = [];
  if (values.check || values.static) asked.push('static');
  if (values.check || values.unit) asked.push('unit');
  if (values.store) asked.push('store');
  if (values.root) asked.push('root', 'guest', 'stress');
  const kinds = asked.length > 0 ? asked : testKinds;
  return { kinds, long: values.long, files: positionals, names: values.name };
}

export function testKindOf(path: string): { readonly kind: TestKind; readonly long: boolean } {
  const words = (path.split('/').at(-1) ?? '').split('.').slice(1, -2);
  const kind =
    (['stress', 'guest', 'root', 'store', 'static'] as const).find((word) => words.includes(word)) ?? 'unit';
  return { kind, long: words.includes('long') };
}

export function planTests(
  found: readonly string[],
  options: TestOptions,
  machine: { readonly isRoot: boolean; readonly cores: number },
): TestPlan {
  const named = options.files.length > 0;
  const asked = (named ? options.files : found)
    .map((path) => ({ path, ...testKindOf(path) }))
    .filter(({ kind, long }) => named || (options.kinds.includes(kind) && (options.long || !long)))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const runnable = asked.filter(({ kind }) => machine.isRoot || !wantRoot.has(kind));
  const pick = (kind: TestKind, long: boolean): string[] =>
    runnable.filter((file) => file.kind === kind && file.long === long).map(({ path }) => path);

  const processes = Math.min(machine.cores, limits.unitProcessesMax);
  const phases: TestPhase[][] = [
    // The tools take longest, so they start first, beside the unit tests.
    [
      {
        files: [...pick('static', false), ...pick('unit', false)],
        concurrency: processes,
        timeoutMs: limits.unitMaxMs,
      },
    ],
    [{ files: pick('store', false), concurrency: processes, timeoutMs: limits.storeMaxMs }],
    [
      // The kernel is one: what it counts for a test must be that test's.
      { files: pick('root', false), concurrency: 1, timeoutMs: limits.rootMaxMs },
      // Guests have kernels of their own, and take what processors those leave idle.
      { files: pick('guest', false), concurrency: 1, timeoutMs: limits.guestMaxMs },
    ],
    [{ files: pick('stress', false), concurrency: 1, timeoutMs: limits.guestMaxMs }],
    [
      {
        files: testKinds.flatMap((kind) => pick(kind, true)),
        concurrency: 1,
        timeoutMs: limits.longMaxMs,
      },
    ],
  ];
  const missed = asked.length - runnable.length;
  const leftOut = missed === 0 ? '' : `left out, root needed: ${missed} test file${missed === 1 ? '' : 's'}`;
  const withFiles = phases.map((side) => side.filter(({ files }) => files.length > 0));
  return { phases: withFiles.filter((side) => side.length > 0), leftOut };
}
