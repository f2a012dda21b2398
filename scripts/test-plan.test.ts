import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { planTests, readTestOptions, testKindOf } from './test-plan.ts';
import type { TestPlan } from './test-plan.ts';

const found = [
  'src/b.test.ts',
  'src/a.test.ts',
  'src/kernel.root.test.ts',
  'test/boot.guest.test.ts',
  'test/sweep.stress.test.ts',
  'test/tools.static.test.ts',
  'test/soak.long.root.test.ts',
  'src/slow.long.test.ts',
  'src/tables.store.test.ts',
];
const root = { isRoot: true, cores: 8 };
const user = { isRoot: false, cores: 8 };

function files({ phases }: TestPlan): (readonly string[])[] {
  return phases.flat().map((phase) => phase.files);
}

describe('test plan', () => {
  test("a file's name says what it needs", () => {
    assert.deepEqual(testKindOf('src/root.test.ts'), { kind: 'unit', long: false });
    assert.deepEqual(testKindOf('src/a.root.test.ts'), { kind: 'root', long: false });
    assert.deepEqual(testKindOf('src/a.long.root.test.ts'), { kind: 'root', long: true });
    assert.deepEqual(testKindOf('src/a.static.test.ts'), { kind: 'static', long: false });
    assert.deepEqual(testKindOf('src/a.store.test.ts'), { kind: 'store', long: false });
    assert.deepEqual(testKindOf('src/a.guest.test.ts'), { kind: 'guest', long: false });
    assert.deepEqual(testKindOf('src/store.test.ts'), { kind: 'unit', long: false });
  });

  test('without options: all but the long ones; root one at a time, guests beside it, stress alone', () => {
    const plan = planTests(found, readTestOptions([]), root);
    assert.deepEqual(files(plan), [
      ['test/tools.static.test.ts', 'src/a.test.ts', 'src/b.test.ts'],
      ['src/tables.store.test.ts'],
      ['src/kernel.root.test.ts'],
      ['test/boot.guest.test.ts'],
      ['test/sweep.stress.test.ts'],
    ]);
    assert.deepEqual(
      plan.phases.map((side) => side.map(({ concurrency }) => concurrency)),
      [[2], [2], [1, 1], [1]],
    );
    assert.equal(plan.leftOut, '');
  });

  test('a plain user is told what is left out', () => {
    const plan = planTests(found, readTestOptions(['--long']), user);
    assert.equal(plan.leftOut, 'left out, root needed: 4 test files');
    assert.deepEqual(files(plan).flat(), [
      'test/tools.static.test.ts',
      'src/a.test.ts',
      'src/b.test.ts',
      'src/tables.store.test.ts',
      'src/slow.long.test.ts',
    ]);
  });

  test('kinds can be asked for', () => {
    const of = (...args: string[]): string[] => files(planTests(found, readTestOptions(args), root)).flat();
    assert.deepEqual(of('--unit'), ['src/a.test.ts', 'src/b.test.ts']);
    assert.deepEqual(of('--check'), ['test/tools.static.test.ts', 'src/a.test.ts', 'src/b.test.ts']);
    assert.deepEqual(of('--store'), ['src/tables.store.test.ts']);
    assert.deepEqual(of('--root', '--long'), [
      'src/kernel.root.test.ts',
      'test/boot.guest.test.ts',
      'test/sweep.stress.test.ts',
      'test/soak.long.root.test.ts',
    ]);
  });

  test('named files run whatever they are', () => {
    const options = readTestOptions(['--name', 'adopts', 'test/soak.long.root.test.ts']);
    assert.deepEqual(files(planTests(found, options, root)), [['test/soak.long.root.test.ts']]);
    assert.deepEqual(options.names, ['adopts']);
    assert.deepEqual(files(planTests(found, options, user)), []);
  });

  test('an unknown option is refused', () => {
    assert.throws(() => readTestOptions(['--fast']), /--fast/);
  });
});
