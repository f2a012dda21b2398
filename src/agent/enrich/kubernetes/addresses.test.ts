import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deploymentPod, pod, service, slice, uidOf } from '../../../../test/kubernetes-objects.ts';
import { openAddresses } from './addresses.ts';

const shop = { name: 'shop', namespace: 'shop', kind: 'service', service: 'shop' };
const checkout = { name: 'checkout', namespace: 'shop', kind: 'deployment' };

describe('Services', () => {
  test('by each of their addresses', () => {
    const book = openAddresses(100);
    const object = service({ name: 'shop' }, ['10.96.0.7', 'fd00::7'], { externalIPs: ['198.51.100.7'] });
    book.services.put({
      ...object,
      status: { loadBalancer: { ingress: [{ ip: '203.0.113.7' }, { hostname: 'shop.example' }] } },
    });
    for (const ip of ['10.96.0.7', 'fd00::7', '198.51.100.7', '203.0.113.7'])
      assert.deepEqual(book.at(ip), shop);
    assert.equal(book.at('10.96.0.8'), undefined);
    book.services.drop(object);
    assert.equal(book.at('10.96.0.7'), undefined);
    assert.deepEqual(book.counts(), { services: 0, pods: 0, endpoints: 0, beyond: 0, characters: 0 });
  });

  test('a headless one has none', () => {
    const book = openAddresses(100);
    book.services.put(service({ name: 'shop' }, []));
    assert.equal(book.counts().services, 0);
    assert.equal(book.at('None'), undefined);
  });
});

describe('pods', () => {
  test('by their workload, and the first Service that they are behind', () => {
    const book = openAddresses(100);
    book.pods.put(deploymentPod('checkout', 1, { ips: ['10.0.0.1', 'fd00::1'] }));
    assert.deepEqual(book.at('10.0.0.1'), checkout);
    const slices = [slice('z-1', 'z', ['10.0.0.1']), slice('shop-1', 'shop', ['10.0.0.1'])];
    for (const each of slices) book.slices.put(each);
    assert.deepEqual(book.at('10.0.0.1'), { ...checkout, service: 'shop' });
    assert.deepEqual(book.at('fd00::1'), checkout);
    book.slices.drop(slices[1]);
    assert.deepEqual(book.at('10.0.0.1'), { ...checkout, service: 'z' });
    book.slices.put(slice('z-1', 'z', []));
    assert.deepEqual(book.at('10.0.0.1'), checkout);
  });

  test('an address that its node has too is not theirs', () => {
    const book = openAddresses(100);
    book.pods.put(pod({ name: 'proxy', ips: ['192.0.2.10'], hostNetwork: true }));
    book.slices.put(slice('kubernetes', 'kubernetes', ['192.0.2.10'], 'Node'));
    assert.equal(book.at('192.0.2.10'), undefined);
    assert.equal(book.counts().endpoints, 0);
  });

  test('one that has ended gives its address back', () => {
    const book = openAddresses(100);
    for (const phase of ['Succeeded', 'Failed']) {
      book.pods.put(pod({ name: 'job', ips: ['10.0.0.1'] }));
      assert.equal(book.at('10.0.0.1')?.name, 'job');
      book.pods.put(pod({ name: 'job', ips: ['10.0.0.1'], phase }));
      assert.equal(book.at('10.0.0.1'), undefined);
    }
  });

  test('an address that is given again, before the one that had it is told gone', () => {
    const book = openAddresses(100);
    const [before, after] = ['before', 'after'].map((name) => pod({ name, ips: ['10.0.0.1'] }));
    book.pods.put(before);
    book.pods.put(after);
    book.pods.drop(before);
    assert.equal(book.at('10.0.0.1')?.name, 'after');
  });

  test('one that gets another address', () => {
    const book = openAddresses(100);
    book.pods.put(pod({ name: 'web', ips: ['10.0.0.1'] }));
    book.pods.put(pod({ name: 'web', ips: ['10.0.0.2'] }));
    assert.equal(book.at('10.0.0.1'), undefined);
    assert.equal(book.at('10.0.0.2')?.name, 'web');
  });
});

test('behind a list, what is not in it is gone', () => {
  const book = openAddresses(100);
  const [old, both] = ['old', 'both'].map((name, at) => pod({ name, ips: [`10.0.0.${String(at)}`] }));
  book.pods.begin();
  for (const object of [old, both]) book.pods.put(object);
  book.pods.listed();
  book.pods.begin();
  book.pods.put(both);
  assert.equal(book.at('10.0.0.0')?.name, 'old', 'until the list is whole');
  book.pods.listed();
  assert.equal(book.at('10.0.0.0'), undefined);
  assert.equal(book.at('10.0.0.1')?.name, 'both');
});

test('what there is no room for is counted; a place that becomes free is taken', () => {
  const book = openAddresses(2);
  const pods = [1, 2, 3].map((at) => deploymentPod('checkout', at, { ips: [`10.0.0.${String(at)}`] }));
  for (const object of pods) book.pods.put(object);
  ['a', 'b', 'c'].forEach((name, at) => {
    book.services.put(service({ name }, [`10.96.0.${String(at)}`]));
  });
  book.slices.put(slice('a-1', 'a', ['10.0.0.1', '10.0.0.2']));
  book.slices.put(slice('a-2', 'a', ['10.0.0.1', '10.0.0.2']));
  const { characters: _, ...counts } = book.counts();
  assert.deepEqual(counts, { services: 2, pods: 2, endpoints: 2, beyond: 3 });
  assert.equal(book.at('10.0.0.3'), undefined);
  book.pods.drop(pods[0]);
  book.pods.put(pods[2]);
  assert.deepEqual(book.at('10.0.0.3'), checkout);
});

test('what has not the shape that it should is passed over', () => {
  const book = openAddresses(100);
  const uid = uidOf('x');
  const odd = [
    null,
    7,
    'pod',
    [],
    {},
    { metadata: null },
    { metadata: { uid: 1, name: [], namespace: {} } },
    { metadata: { uid, name: 'x', namespace: 'y', labels: 7, ownerReferences: {} }, status: [], spec: null },
    { metadata: { uid, name: 'x', namespace: 'y' }, status: { podIPs: [null, { ip: 7 }], podIP: {} } },
    { metadata: { uid, name: 'x', namespace: 'y' }, spec: { clusterIPs: 'all', clusterIP: 4 } },
  ];
  for (const object of odd)
    for (const taker of [book.pods, book.services, book.slices]) {
      taker.put(object);
      taker.drop(object);
    }
  assert.deepEqual(book.counts(), { services: 0, pods: 0, endpoints: 0, beyond: 0, characters: 0 });
});
