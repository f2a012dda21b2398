import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatOperatorError, isOperatorError } from '../../lib/errors.ts';
import { filterOf, untilOf } from './trace.ts';

function problemOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    assert.ok(isOperatorError(error), String(error));
    return formatOperatorError(error);
  }
  return assert.fail('it was taken');
}

describe('the filter of the options', () => {
  test('nothing asked for filters nothing', () => assert.deepEqual(filterOf({}), {}));

  test('every option', () => {
    const values = {
      process: 'cur*',
      destination: '10.0.0.0/8',
      port: '443',
      state: 'reset,timed_out',
      direction: 'egress',
    };
    assert.deepEqual(filterOf(values), {
      process: 'cur*',
      destination: '10.0.0.0/8',
      port: 443,
      states: ['reset', 'timed_out'],
      direction: 'egress',
    });
  });

  for (const [values, problem] of [
    [{ port: 'http' }, 'port http is not between 0 and 65535'],
    [{ port: '70000' }, 'port 70000 is not between 0 and 65535'],
    [{ port: '' }, 'port  is not between 0 and 65535'],
    [{ destination: 'example.org' }, 'destination example.org is neither an address nor a CIDR'],
    [{ direction: 'in' }, 'direction in is neither egress nor ingress'],
  ] as const) {
    test(`refused: ${JSON.stringify(values)}`, () => {
      assert.equal(
        problemOf(() => filterOf(values)),
        `sonde: ${problem}; see sonde trace --help`,
      );
    });
  }
});

describe('--for', () => {
  const { signal } = new AbortController();

  test('without it, Ctrl-C alone ends the trace', () => assert.equal(untilOf({}, signal), signal));

  test('ends it after that time, or by Ctrl-C', async () => {
    const stop = new AbortController();
    const until = untilOf({ for: '20ms' }, stop.signal);
    assert.equal(until.aborted, false);
    await new Promise((resolve) => until.addEventListener('abort', resolve));
    assert.equal(stop.signal.aborted, false);
    const early = untilOf({ for: '24d' }, stop.signal);
    assert.equal(early.aborted, false);
    stop.abort();
    assert.equal(early.aborted, true);
  });

  for (const value of ['30', 'soon', '1constructor', '']) {
    test(`${JSON.stringify(value)} is no duration`, () => {
      assert.match(
        problemOf(() => untilOf({ for: value }, signal)),
        /is no duration such as 30s; see sonde trace --help$/,
      );
    });
  }

  test('fractions of a millisecond are taken', () =>
    assert.equal(untilOf({ for: '1.5ms' }, signal).aborted, false));

  test('longer than a timer can wait is refused, not cut to nothing', () => {
    assert.equal(
      problemOf(() => untilOf({ for: '25d' }, signal)),
      'sonde: --for 25d is longer than 24d; see sonde trace --help',
    );
  });
});
