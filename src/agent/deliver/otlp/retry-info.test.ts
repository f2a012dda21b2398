import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { failureDetails } from '../../../../test/grpc-receiver.ts';
import { retryInfoMs } from './retry-info.ts';

describe('when to come back', () => {
  test('is in a failure\u2019s details', () => {
    assert.equal(retryInfoMs(failureDetails({ retryAfterMs: 1500 })), 1500);
    assert.equal(retryInfoMs(failureDetails({ retryAfterMs: 0 })), 0);
  });

  test('quiet: details of something else', () => {
    assert.equal(retryInfoMs(failureDetails({})), undefined);
    assert.equal(retryInfoMs(Buffer.alloc(0)), undefined);
  });

  test('what cannot be read says nothing', () => {
    const details = failureDetails({ retryAfterMs: 1500 });
    for (let length = 1; length < details.length; length++)
      assert.ok([undefined, 0, 1000, 1500].includes(retryInfoMs(details.subarray(0, length))));
    assert.equal(retryInfoMs(Buffer.from('1affffffff', 'hex')), undefined);
  });
});
