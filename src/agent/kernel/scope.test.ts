import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isOperatorError } from '../../lib/errors.ts';
import type { Native } from './native.ts';
import { scopeCookies, scopePath } from './scope.ts';

describe('scopePath', () => {
  const cases: Readonly<Record<string, string>> = {
    host: '/proc/1/ns/net',
    'pid:42': '/proc/42/ns/net',
    blue: '/run/netns/blue',
    '/run/docker/netns/1a2b': '/run/docker/netns/1a2b',
    // Not a number: then it is a name.
    'pid:x': '/run/netns/pid:x',
    'pid:': '/run/netns/pid:',
  };
  for (const [word, path] of Object.entries(cases)) {
    test(`${word} is ${path}`, () => assert.equal(scopePath(word), path));
  }
});

describe('scopeCookies', () => {
  const native = {
    netns: (path: string) =>
      path === '/run/netns/gone'
        ? Promise.reject(new Error('open the network namespace: No such file or directory'))
        : Promise.resolve({ cookie: BigInt(path.length), inode: 1, texts: [] }),
  } as Partial<Native> as Native;

  test('one cookie for each word, in order', async () => {
    assert.deepEqual(await scopeCookies(native, ['host', '/a']), [14n, 2n]);
  });

  test('a namespace that is not there is the operator\u2019s to mend', async () => {
    await assert.rejects(scopeCookies(native, ['host', 'gone']), (error) => {
      assert.ok(isOperatorError(error) && error.code === 'config.namespace');
      assert.equal(
        error.message,
        'no network namespace gone (open the network namespace: No such file or directory)',
      );
      return true;
    });
  });
});
