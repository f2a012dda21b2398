import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Collection, KubernetesApi } from '../../../../test/kubernetes-api.ts';
import { holds, knows, parts, patienceMs, pods, start, type Case } from '../../../../test/kubernetes-case.ts';
import {
  controller,
  deploymentPod,
  ownerOf,
  pod,
  service,
  slice,
} from '../../../../test/kubernetes-objects.ts';
import { kubernetesSchema } from './config.ts';
import { openKubernetes } from './kubernetes.ts';

const one = pod({ name: 'one' });
const two = pod({ name: 'two' });
const elsewhere = pod({ name: 'elsewhere', node: 'n2' });

describe('pods of this node', () => {
  const id = '9bca8d63d5fa610783847915bcff0ecac1273e5b4bed3f6fa1b07350e0135961';
  const full = deploymentPod('checkout', 1, {
    containerId: id,
    labels: { 'pod-template-hash': '6d4cf56db6', tier: 'gold', team: 'shop' },
    annotations: { 'example.com/cost': '7', 'example.com/owner': 'other' },
  });

  test('with all that is chosen', async (t) => {
    const settings = {
      labels: ['tier', 'none'],
      annotations: ['example.com/cost'],
      owner: { label: 'team', annotation: 'example.com/owner' },
      cluster: 'blue',
    };
    const all = await start(t, (api) => api.put(pods, full), settings);
    await holds(() => knows(all, full), 'it is known');
    const facts = all.kubernetes.pod(full.metadata.uid);
    assert.ok(facts);
    assert.deepEqual(
      { ...facts, container: undefined },
      {
        container: undefined,
        namespace: 'shop',
        name: full.metadata.name,
        serviceAccount: 'shop',
        workload: { name: 'checkout', kind: 'deployment' },
        owner: 'shop',
        labels: { 'k8s.label.tier': 'gold', 'k8s.annotation.example.com/cost': '7' },
      },
    );
    assert.deepEqual(facts.container(id), { id, name: 'web', image: 'registry.example/shop:2' });
    assert.equal(facts.container('other'), undefined);
    assert.deepEqual(all.kubernetes.place, { 'k8s.node': 'n1', 'k8s.cluster': 'blue' });
    assert.deepEqual(all.kubernetes.pump(), [full.metadata.uid]);
    assert.deepEqual(all.kubernetes.pump(), []);
  });

  test('the owner by an annotation, where the label is not there', async (t) => {
    const settings = { owner: { label: 'nobody', annotation: 'example.com/owner' } };
    const all = await start(t, (api) => api.put(pods, full), settings);
    await holds(() => all.kubernetes.pod(full.metadata.uid)?.owner === 'other', 'the owner');
  });

  test('no others are asked for, and nothing but this node\u2019s with a token', async (t) => {
    const all = await start(t, (api) => {
      for (const each of [one, elsewhere]) api.put(pods, each);
    });
    await holds(() => knows(all, one) && all.api.watches === 1, 'a watch');
    assert.ok(!knows(all, elsewhere));
    const selector = 'spec.nodeName=n1';
    assert.deepEqual(
      all.api.asked.map(({ path, query }) => [path, query['fieldSelector'], query['watch']]),
      [
        [pods, selector, undefined],
        [pods, selector, '1'],
      ],
    );
    assert.equal(all.api.asked[1]?.query['allowWatchBookmarks'], 'true');
  });

  test('one that comes, changes and goes', async (t) => {
    const all = await start(t, (api) => api.put(pods, one));
    await holds(() => all.api.watches === 1, 'a watch');
    all.api.put(pods, two);
    await holds(() => knows(all, two), 'it came');
    all.kubernetes.pump();
    all.api.put(pods, { ...two, status: { ...(two.status as object), phase: 'Pending' } });
    all.api.put(pods, { ...one, spec: { ...(one.spec as object), serviceAccountName: 'other' } });
    await holds(() => all.kubernetes.pod(one.metadata.uid)?.serviceAccount === 'other', 'it changed');
    assert.deepEqual(all.kubernetes.pump(), [one.metadata.uid], 'only what records say is news');
    all.api.remove(pods, one);
    await holds(() => all.kubernetes.status().pods === 1, 'it went');
    assert.ok(knows(all, one), 'its records are still to come');
  });

  test('one from a file of the node, by the hash that its group has', async (t) => {
    const hash = '0123456789abcdef0123456789abcdef';
    const object = pod({
      name: 'etcd-n1',
      owner: ownerOf('Node', 'n1'),
      annotations: { 'kubernetes.io/config.mirror': hash, 'kubernetes.io/config.hash': hash },
    });
    const { kubernetes } = await start(t, (api) => api.put(pods, object));
    await holds(() => kubernetes.pod(hash) !== undefined, 'it is known');
    assert.deepEqual(kubernetes.pod(hash)?.workload, { name: 'etcd', kind: 'pod' });
  });
});

describe('who made it is asked', () => {
  const made: Readonly<Record<string, readonly [Collection, 'ReplicaSet' | 'Job', string, string]>> = {
    'a ReplicaSet that somebody else\u2019s controller has': [
      '/apis/apps/v1/replicasets',
      'ReplicaSet',
      'Deployment',
      'deployment',
    ],
    'a Job by hand from a CronJob': ['/apis/batch/v1/jobs', 'Job', 'CronJob', 'cronjob'],
  };
  for (const [title, [collection, kind, ownerKind, told]] of Object.entries(made))
    test(title, async (t) => {
      const object = pod({ name: 'x', owner: ownerOf(kind, 'made') });
      const { api, kubernetes } = await start(t, (api) => {
        api.put(collection, controller(kind, 'made', ownerOf(ownerKind, 'the-owner')));
        api.put(pods, object);
      });
      const { uid } = object.metadata;
      await holds(() => kubernetes.pod(uid) !== undefined, 'it is known');
      assert.equal(kubernetes.pod(uid)?.workload, undefined, 'not before the answer');
      const news: string[] = [];
      await holds(() => {
        news.push(...kubernetes.pump());
        return kubernetes.pod(uid)?.workload !== undefined;
      }, 'the answer');
      assert.deepEqual(kubernetes.pod(uid)?.workload, { name: 'the-owner', kind: told });
      news.push(...kubernetes.pump());
      assert.deepEqual(news, [uid, uid], 'when it is known, and when its workload is');
      const asked = api.asked.filter(({ path }) => path.endsWith('/made'));
      assert.deepEqual(
        asked.map(({ accept }) => accept),
        ['application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1'],
      );
    });

  test('one that is gone, or has no owner, is the workload itself', async (t) => {
    const [gone, own] = ['gone', 'own'].map((name) => pod({ name, owner: ownerOf('Job', `job-${name}`) }));
    assert.ok(gone && own);
    const { kubernetes } = await start(t, (api) => {
      api.put('/apis/batch/v1/jobs', controller('Job', 'job-own'));
      for (const each of [gone, own]) api.put(pods, each);
    });
    for (const [object, name] of [
      [gone, 'job-gone'],
      [own, 'job-own'],
    ] as const) {
      await holds(() => {
        kubernetes.pump();
        return kubernetes.pod(object.metadata.uid)?.workload?.name === name;
      }, name);
      assert.equal(kubernetes.pod(object.metadata.uid)?.workload?.kind, 'job');
    }
  });

  test('one that may not be read: why is said, and it is not known', async (t) => {
    const object = pod({ name: 'x', owner: ownerOf('Job', 'made') });
    const { kubernetes } = await start(t, (api) => {
      api.put(pods, object);
      api.fault = ({ path }) => (path.endsWith('/made') ? 403 : undefined);
    });
    await holds(() => {
      kubernetes.pod(object.metadata.uid);
      kubernetes.pump();
      return kubernetes.status().originError !== null;
    }, 'the error');
    assert.equal(kubernetes.status().originError, '403 the test says so');
    assert.equal(kubernetes.pod(object.metadata.uid)?.workload, undefined);
  });
});

test('by a kubeconfig', async (t) => {
  const { api } = await start(t, (api) => api.put(pods, one));
  const config = kubernetesSchema.parse({ access: api.kubeconfig(), node: 'n1' });
  const kubernetes = openKubernetes(config, parts);
  t.after(() => kubernetes[Symbol.asyncDispose]());
  await holds(() => kubernetes.pod(one.metadata.uid) !== undefined, 'it is known');
});

describe('the other end', () => {
  const far = deploymentPod('checkout', 1, { node: 'n2', ips: ['10.0.0.1'] });
  const prepare = (api: KubernetesApi) => {
    api.put(pods, far);
    api.put('/api/v1/services', service({ name: 'shop' }, ['10.96.0.7']));
    api.put('/apis/discovery.k8s.io/v1/endpointslices', slice('shop-1', 'shop', ['10.0.0.1']));
  };
  const at = ({ kubernetes }: Case, ip: string) => kubernetes.addresses.at(ip);

  test('Services, and pods with theirs', async (t) => {
    const all = await start(t, prepare, { destinations: 'pods' });
    await holds(() => at(all, '10.0.0.1')?.service === 'shop' && at(all, '10.96.0.7') !== undefined, 'both');
    assert.deepEqual(at(all, '10.96.0.7'), {
      name: 'shop',
      namespace: 'shop',
      kind: 'service',
      service: 'shop',
    });
    assert.deepEqual(at(all, '10.0.0.1'), {
      name: 'checkout',
      namespace: 'shop',
      kind: 'deployment',
      service: 'shop',
    });
    assert.ok(!knows(all, far), 'it is another node\u2019s');
    all.api.remove(pods, far);
    await holds(() => at(all, '10.0.0.1') === undefined, 'gone');
  });

  test('Services alone', async (t) => {
    const all = await start(t, prepare, { destinations: 'services' });
    await holds(() => at(all, '10.96.0.7') !== undefined, 'the Service');
    assert.equal(at(all, '10.0.0.1'), undefined);
    assert.deepEqual([...new Set(all.api.asked.map(({ path }) => path))].sort(), [pods, '/api/v1/services']);
  });
});

describe('one pod, waited for', () => {
  test('until all of it is known, or it is not there', async (t) => {
    const object = pod({ name: 'x', owner: ownerOf('Job', 'gone') });
    const { kubernetes } = await start(t, (api) => api.put(pods, object));
    const signal = AbortSignal.timeout(patienceMs);
    const facts = await kubernetes.ask(object.metadata.uid, signal);
    assert.deepEqual(facts?.workload, { name: 'gone', kind: 'job' });
    assert.equal(await kubernetes.ask('nobody', signal), undefined);
    assert.ok(!signal.aborted);
  });

  test('not longer than it should be', async (t) => {
    const { kubernetes } = await start(t, (api) => {
      api.fault = () => 'hang';
    });
    assert.equal(await kubernetes.ask('x', AbortSignal.timeout(50)), undefined);
  });
});
