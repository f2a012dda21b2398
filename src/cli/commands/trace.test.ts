import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { problemOf } from '../../../test/problem.ts';
import { filterOf } from './trace.ts';

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
