import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as z from 'zod';
import { bytes, duration } from './schema.ts';

const window = duration({ min: '100ms', max: '1h', default: '10s' });
const buffer = bytes({ min: '64KiB', max: '256MiB', default: '4MiB' });

function problem(schema: z.ZodType, value: unknown): string | undefined {
  return schema.safeParse(value).error?.issues[0]?.message;
}

describe('quantities', () => {
  test('the default goes the same way as what is written', () => {
    assert.equal(window.parse(undefined), 10_000);
    assert.equal(buffer.parse(undefined), 4 << 20);
  });

  test('both bounds are allowed', () => {
    assert.equal(window.parse('100ms'), 100);
    assert.equal(window.parse('60m'), 3_600_000);
    assert.equal(buffer.parse('64KiB'), 65_536);
    assert.equal(buffer.parse('256MiB'), 256 << 20);
  });

  for (const [schema, value] of [
    [window, '99ms'],
    [window, '61m'],
    [window, '10'],
    [window, '1constructor'],
    [buffer, '65535B'],
    [buffer, '257MiB'],
    [buffer, '10s'],
  ] as const) {
    test(`${value} is refused with the bounds`, () => {
      const bounds =
        schema === window
          ? '100ms and 1h, with a unit, such as 10s'
          : '64KiB and 256MiB, with a unit, such as 100MB';
      assert.equal(problem(schema, value), `must be between ${bounds}; got ${value}`);
    });
  }

  test('a number is refused: it has no unit', () => {
    assert.equal(problem(window, 10), 'must be text with a unit, such as 10s');
    assert.equal(problem(buffer, null), 'must be text with a unit, such as 100MB');
  });
});

test('the JSON Schema of what is written has pattern, bounds and default', () => {
  const schema = z.toJSONSchema(
    duration({ min: '1ms', max: '1h', default: '1s' }).meta({ description: 'slow' }),
    {
      io: 'input',
    },
  );
  const { pattern = '', ...rest } = schema;
  delete rest.$schema;
  assert.deepEqual(rest, {
    type: 'string',
    default: '1s',
    description: 'slow',
    'x-minimum': '1ms',
    'x-maximum': '1h',
  });
  for (const good of ['1ms', '1.5h']) assert.match(good, new RegExp(pattern));
  for (const bad of ['1', 'ms', '1MB', '1s ']) assert.doesNotMatch(bad, new RegExp(pattern));
});
