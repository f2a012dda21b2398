import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { problemOf } from '../../test/problem.ts';
import { untilOf } from './until.ts';

describe('--for', () => {
  const { signal } = new AbortController();

  test('without it, Ctrl-C alone ends the trace', () => assert.equal(untilOf('trace', {}, signal), signal));

  test('ends it after that time, or by Ctrl-C', async () => {
    const stop = new AbortController();
    const until = untilOf('trace', { for: '20ms' }, stop.signal);
    assert.equal(until.aborted, false);
    await new Promise((resolve) => until.addEventListener('abort', resolve));
    assert.equal(stop.signal.aborted, false);
    const early = untilOf('trace', { for: '24d' }, stop.signal);
    assert.equal(early.aborted, false);
    stop.abort();
    assert.equal(early.aborted, true);
  });

  for (const value of ['30', 'soon', '1constructor', '']) {
    test(`${JSON.stringify(value)} is no duration`, () => {
      assert.match(
        problemOf(() => untilOf('trace', { for: value }, signal)),
        /is no duration such as 30s; see sonde trace --help$/,
      );
    });
  }

  test('fractions of a millisecond are taken', () =>
    assert.equal(untilOf('trace', { for: '1.5ms' }, signal).aborted, false));

  test('longer than a timer can wait is refused, not cut to nothing', () => {
    assert.equal(
      problemOf(() => untilOf('trace', { for: '25d' }, signal)),
      'sonde: --for 25d is longer than 24d; see sonde trace --help',
    );
  });
});
