import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { owner, ownerTable, parts } from '../../../test/owner-table.ts';
import type { Owner } from '../../model/observation.ts';
import { ownershipSchema } from './config.ts';
import type { PodFacts } from './kubernetes/kubernetes.ts';
import { openOwners } from './owners.ts';

describe('where it runs', () => {
  const container = 'b2a102854b4969b2ce98dc329c86b4fb2b06e4ad2cc8da9d8a7578c9cd2004a2';
  const at = (cgroup: string | undefined, change: Partial<Owner> = {}) => {
    const users = { name: (uid: number) => `user${String(uid)}`, refresh: () => false };
    const cgroups = { pathOf: () => cgroup, look: () => false };
    const table = ownerTable(owner({ exeInode: 0, name: 'web', ...change }));
    return openOwners(table, parts({ users, cgroups })).labels(1);
  };
  const web = { 'process.name': 'web', 'user.id': 7, 'user.name': 'user7' };

  test('a unit names the workload', () =>
    assert.deepEqual(at('/system.slice/nginx.service'), {
      ...web,
      'workload.name': 'nginx.service',
      'workload.kind': 'systemd_unit',
      'systemd.unit': 'nginx.service',
    }));

  test('a login does not', () =>
    assert.deepEqual(at('/user.slice/user-7.slice/session-3.scope'), {
      ...web,
      'workload.kind': 'user_session',
      'systemd.unit': 'session-*.scope',
    }));

  test('a container has users of its own, but for root', () => {
    const labels = { 'workload.kind': 'container', 'container.id': container, 'container.runtime': 'docker' };
    assert.deepEqual(at(`/docker/${container}`), { 'process.name': 'web', 'user.id': 7, ...labels });
    assert.equal(at(`/docker/${container}`, { uid: 0 })['user.name'], 'user0');
  });

  test('a pod', () => {
    const uid = '72f7f152-440c-66ac-9084-e0fc1d8a910c';
    assert.deepEqual(at(`/kubepods/burstable/pod${uid}/${container}`), {
      'process.name': 'web',
      'user.id': 7,
      'workload.kind': 'pod',
      'container.id': container,
      'k8s.pod.uid': uid,
      'k8s.pod.qos': 'burstable',
    });
  });

  test('somebody\u2019s own group, the root, and one that is not known', () => {
    assert.deepEqual(at('/jobs/17'), { ...web, 'workload.kind': 'host_process', 'cgroup.path': '/jobs/17' });
    assert.deepEqual(at('/'), { ...web, 'workload.kind': 'host_process' });
    assert.deepEqual(at(undefined), web);
  });

  test('what the runtime knows comes when it answers, on all of the container', () => {
    const told: string[] = [];
    const containers = {
      factsOf: () => (told.length > 0 ? { name: 'shop', image: 'nginx:1' } : undefined),
      asks: () => true,
      pump: () => told,
      ask: () => Promise.resolve(undefined),
    };
    const cgroups = { pathOf: () => `/docker/${container}`, look: () => false };
    const rules = ownershipSchema.parse([{ id: 'shop', match: { image: 'nginx:*' }, owner: 'them' }]);
    const owners = openOwners(
      ownerTable(owner({ id: 1 }), owner({ id: 2 })),
      parts({ cgroups, containers, rules }),
    );
    const labels = () =>
      [1, 2].map((id) => [owners.labels(id)['workload.name'], owners.labels(id)['workload.owner']]);
    const missing = () => [1, 2].map((id) => owners.labels(id)['enrichment.missing']);
    owners.refresh();
    assert.deepEqual(labels(), [
      [undefined, undefined],
      [undefined, undefined],
    ]);
    assert.deepEqual(missing(), [['container_runtime'], ['container_runtime']]);
    told.push(container);
    owners.refresh();
    assert.deepEqual(labels(), [
      ['shop', 'them'],
      ['shop', 'them'],
    ]);
    assert.equal(owners.labels(1)['container.image'], 'nginx:1');
    assert.deepEqual(missing(), [undefined, undefined]);
  });

  test('one met without its group is looked for, once there is a look', () => {
    const table = ownerTable(owner({ id: 1, exeInode: 0 }), owner({ id: 2, exeInode: 0, cgroupId: 2n }));
    const seen = { looks: 0, due: false };
    const cgroups = {
      pathOf: ({ cgroupId }: Owner) => (seen.looks > 0 && cgroupId === 2n ? '/a.service' : undefined),
      look: () => seen.due && ++seen.looks > 0,
    };
    const owners = openOwners(table, parts({ cgroups }));
    const kinds = () => [1, 2].map((id) => owners.labels(id)['workload.kind']);
    owners.refresh();
    assert.deepEqual(kinds(), [undefined, undefined]);
    seen.due = true;
    owners.refresh();
    assert.deepEqual(kinds(), [undefined, 'systemd_unit']);
    owners.refresh();
    assert.equal(seen.looks, 1, 'what a look did not find is gone');
  });

  test('a user that gets another name has it from the next window on', async () => {
    const users = { names: 'old', changed: false, name: () => users.names, refresh: () => users.changed };
    const table = ownerTable(owner({}));
    const owners = openOwners(table, parts({ users }));
    assert.equal(owners.labels(1)['user.name'], 'old');
    Object.assign(users, { names: 'new', changed: true });
    await owners.recycle(9);
    assert.equal(owners.labels(1)['user.name'], 'new');
    assert.deepEqual(table.reads, [1]);
  });
});

describe('a pod, where its cluster is asked', () => {
  const uid = '72f7f152-440c-66ac-9084-e0fc1d8a910c';
  const container = 'b2a102854b4969b2ce98dc329c86b4fb2b06e4ad2cc8da9d8a7578c9cd2004a2';
  const facts: PodFacts = {
    namespace: 'shop',
    name: 'web-5d8-x',
    serviceAccount: 'web',
    workload: { name: 'web', kind: 'deployment' },
    owner: 'them',
    labels: { 'k8s.label.tier': 'gold', 'k8s.label.zone': 'a' },
    container: (id) => (id === container ? { name: 'nginx', image: 'nginx:1' } : undefined),
  };

  function opened(rules: readonly object[] = []) {
    const told = { facts: undefined as PodFacts | undefined, news: [] as string[], asked: 0 };
    const cgroups = { pathOf: () => `/kubepods/burstable/pod${uid}/${container}`, look: () => false };
    const pods = { pod: (of: string) => (of === uid ? told.facts : undefined), pump: () => told.news };
    const containers = {
      factsOf: () => {
        told.asked++;
        return undefined;
      },
      asks: () => true,
      pump: () => [],
      ask: () => Promise.resolve(undefined),
    };
    const owners = openOwners(
      ownerTable(owner({ exeInode: 0, name: 'web' })),
      parts({ cgroups, pods, containers, rules: ownershipSchema.parse(rules) }),
    );
    const tell = (of: PodFacts | undefined) => {
      Object.assign(told, { facts: of, news: [uid] });
      owners.refresh();
      told.news = [];
    };
    return { owners, told, tell };
  }

  const bare = {
    'process.name': 'web',
    'user.id': 7,
    'container.id': container,
    'k8s.pod.uid': uid,
    'k8s.pod.qos': 'burstable',
  };
  const missing = { 'enrichment.missing': ['kubernetes'] };
  const named = {
    'k8s.namespace': 'shop',
    'k8s.pod': 'web-5d8-x',
    'k8s.service_account': 'web',
    'container.name': 'nginx',
    'container.image': 'nginx:1',
    'workload.owner': 'them',
    labels: facts.labels,
  };

  test('says what is missing, until it is told', () => {
    const { owners, told, tell } = opened();
    owners.refresh();
    assert.deepEqual(owners.labels(1), { ...bare, 'workload.kind': 'pod', ...missing });
    tell({ ...facts, workload: undefined });
    assert.deepEqual(owners.labels(1), { ...bare, ...named, 'workload.kind': 'pod', ...missing });
    tell(facts);
    const workload = { 'workload.kind': 'deployment', 'workload.name': 'web' };
    assert.deepEqual(owners.labels(1), { ...bare, ...named, ...workload });
    assert.equal(told.asked, 0, 'no other runtime is asked');
  });

  test('rules see its name and namespace, and win', () => {
    const match = { pod: 'web-*', namespace: 'shop' };
    const { owners, tell } = opened([{ id: 'shop', match, owner: 'us', labels: { tier: 'x' } }]);
    assert.equal(owners.labels(1)['workload.rule'], undefined);
    tell(facts);
    const told = owners.labels(1);
    assert.deepEqual([told['workload.rule'], told['workload.owner']], ['shop', 'us']);
    assert.deepEqual(told.labels, { ...facts.labels, tier: 'x' });
  });
});

describe('rules', () => {
  const rules = ownershipSchema.parse([
    { id: 'admin', match: { port: 9000 }, name: 'admin', environment: 'internal' },
    { id: 'web', match: { process: 'web' }, name: 'shop' },
  ]);

  test('by the port that it serves, else for all of it; the same labels each time', () => {
    const owners = openOwners(ownerTable(owner({ name: 'web' })), parts({ rules }));
    const named = (port?: number) => {
      const { 'workload.name': name, 'workload.rule': rule, environment } = owners.labels(1, port);
      return [name, rule, environment];
    };
    assert.deepEqual(named(9000), ['admin', 'admin', 'internal']);
    assert.deepEqual(named(80), ['shop', 'web', undefined]);
    assert.deepEqual(named(), ['shop', 'web', undefined]);
    for (const port of [9000, 80]) assert.equal(owners.labels(1, port), owners.labels(1, port));
  });

  test('nobody known has none', () => {
    const owners = openOwners(ownerTable(), parts({ rules }));
    assert.deepEqual(owners.labels(5, 9000), { 'process.name': 'unknown' });
  });
});
