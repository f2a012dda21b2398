import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { KubernetesApi, type Asked, type Fault } from '../../../../test/kubernetes-api.ts';
import { holds, isWatch, knows, parts, pods, start, type Case } from '../../../../test/kubernetes-case.ts';
import { pod } from '../../../../test/kubernetes-objects.ts';
import { kubernetesSchema } from './config.ts';
import { openKubernetes, type Kubernetes } from './kubernetes.ts';

const one = pod({ name: 'one' });
const two = pod({ name: 'two' });

describe('lists', () => {
  const many = Array.from({ length: 10 }, (_, at) => pod({ name: `pod-${String(at)}` }));
  const putMany = (api: KubernetesApi) => many.map((each) => api.put(pods, each));

  test('from the server\u2019s memory, whole', async (t) => {
    const all = await start(t, putMany);
    await holds(() => all.api.watches === 1, 'a watch');
    assert.ok(many.every((each) => knows(all, each)));
    assert.deepEqual(
      all.api.asked.map(({ query }) => [query['resourceVersion'] === '0', query['limit']]),
      [
        [true, '3'],
        [false, undefined],
      ],
    );
  });

  test('in pages', async (t) => {
    const all = await start(t, (api) => {
      api.memoryHasPages = true;
      putMany(api);
    });
    await holds(() => all.api.watches === 1, 'a watch');
    assert.ok(many.every((each) => knows(all, each)));
    const lists = all.api.asked.filter((asked) => !isWatch(asked));
    assert.equal(lists.length, 4);
    assert.deepEqual(
      lists.map(({ query }) => query['continue'] !== undefined && query['resourceVersion'] === undefined),
      [false, true, true, true],
    );
  });

  test('whose pages are too old half way are read whole', async (t) => {
    const all = await start(t, (api) => {
      api.memoryHasPages = true;
      putMany(api);
      api.fault = ({ query }) => {
        if (query['continue'] !== undefined) api.expire();
        return undefined;
      };
    });
    await holds(() => all.api.watches === 1, 'a watch');
    assert.ok(many.every((each) => knows(all, each)));
    assert.deepEqual(
      all.api.asked.map(({ query }) => [query['limit'], query['continue'] !== undefined]),
      [
        ['3', false],
        ['3', true],
        [undefined, false],
        [undefined, false],
      ],
    );
  });
});

/** What happened while nobody watched. */
async function away(all: Case, leave: (api: KubernetesApi) => void): Promise<void> {
  await holds(() => knows(all, one) && all.api.watches === 1, 'a watch');
  leave(all.api);
  all.api.put(pods, two);
  await holds(() => knows(all, two), 'what came meanwhile');
}

describe('a watch goes on', () => {
  const lists = ({ asked }: KubernetesApi) => asked.filter((each) => !isWatch(each)).length;

  for (const how of ['end', 'midst'] as const)
    test(`where it was, when the connection ends (${how})`, async (t) => {
      const all = await start(t, (api) => api.put(pods, one));
      await away(all, (api) => {
        api.disconnect(how);
      });
      assert.equal(lists(all.api), 1, 'nothing is listed again');
    });

  test('from the last bookmark, after events of that place are forgotten', async (t) => {
    const all = await start(t, (api) => api.put(pods, one));
    await holds(() => all.api.watches === 1, 'a watch');
    all.api.bookmark();
    all.api.put(pods, two);
    await holds(() => knows(all, two), 'an event behind it');
    all.api.bookmark();
    await holds(() => all.kubernetes.status().following['pods_of_node']?.silentSinceMs === null, 'heard');
    all.api.disconnect('end');
    await holds(() => all.api.watches === 1, 'a watch again');
    const versions = all.api.asked.filter(isWatch).map(({ query }) => Number(query['resourceVersion']));
    assert.deepEqual(versions.length, 2);
    assert.ok(versions[1]! >= versions[0]! + 2, String(versions));
    assert.equal(lists(all.api), 1);
  });

  for (const expiredAs of ['status', 'event'] as const)
    test(`behind a new list, when its place is too old (410 as ${expiredAs})`, async (t) => {
      const all = await start(t, (api) => {
        api.expiredAs = expiredAs;
        api.put(pods, one);
      });
      await away(all, (api) => {
        api.disconnect('end');
        api.forget(pods, one);
        api.expire();
      });
      await holds(() => all.kubernetes.status().pods === 1, 'what went meanwhile is gone');
      const again = all.api.asked.filter((each) => !isWatch(each))[1];
      assert.equal(again?.query['resourceVersion'], undefined, 'not from a memory that may be older still');
    });

  test('behind a new list, when it is told so in its midst', async (t) => {
    const all = await start(t, (api) => api.put(pods, one));
    await away(all, (api) => {
      api.expire({ tell: true });
    });
    assert.equal(lists(all.api), 2);
  });
});

describe('a server that fails, and then does not', () => {
  const faults: Readonly<Record<string, (asked: Asked) => Fault>> = {
    'hangs before a list': (asked) => (isWatch(asked) ? undefined : 'hang'),
    'hangs before a watch': (asked) => (isWatch(asked) ? 'hang' : undefined),
    'half a line, and nothing more': (asked) => (isWatch(asked) ? 'half' : undefined),
    'a list that is cut off': (asked) => (isWatch(asked) ? undefined : 'cut'),
    'not for us': () => 401,
    'not allowed': () => 403,
    'too much to do': () => 429,
    'an error of its own': () => 500,
  };
  for (const [title, fault] of Object.entries(faults))
    test(title, async (t) => {
      let times = 0;
      const all = await start(t, (api) => {
        api.put(pods, one);
        api.fault = (asked) => {
          const what = times < 2 ? fault(asked) : undefined;
          if (what !== undefined) times++;
          return what;
        };
      });
      const state = () => all.kubernetes.status().following['pods_of_node'];
      await holds(() => times === 2 && all.api.watches === 1, 'a watch');
      assert.ok(knows(all, one));
      all.api.put(pods, two);
      await holds(() => knows(all, two), 'what is told then');
      assert.deepEqual(state(), { listed: true, silentSinceMs: null, error: null });
    });

  test('says why, and since when', async (t) => {
    const { kubernetes } = await start(t, (api) => {
      api.fault = () => 403;
    });
    const state = () => kubernetes.status().following['pods_of_node'];
    await holds(() => state()?.error !== null, 'an error');
    assert.equal(state()?.error, '403 the test says so');
    assert.equal(state()?.listed, false);
    assert.ok((state()?.silentSinceMs ?? 0) > 0);
  });

  test('a token that was replaced is read again', async (t) => {
    const all = await start(t, (api) => api.put(pods, one));
    await holds(() => all.api.watches === 1, 'a watch');
    all.api.rotate('token-2');
    all.api.disconnect('midst');
    all.api.put(pods, two);
    await holds(() => knows(all, two), 'with the new one');
  });

  test('an authority that is not ours', async (t) => {
    const other = await KubernetesApi.open();
    t.after(() => other[Symbol.asyncDispose]());
    const { kubernetes } = await start(t, (api) => {
      api.rotate('token-1');
    });
    const stranger = openKubernetes(
      kubernetesSchema.parse({ access: other.kubeconfig({ clusters: [cluster(kubernetes, other.ca)] }) }),
      parts,
    );
    t.after(() => stranger[Symbol.asyncDispose]());
    const error = () => stranger.status().following['pods_of_node']?.error ?? '';
    await holds(() => error() !== '', 'an error');
    assert.match(error(), /certificate/);
  });
});

function cluster(kubernetes: Kubernetes, ca: string) {
  return { name: 'test', cluster: { server: kubernetes.status().server, 'certificate-authority': ca } };
}
