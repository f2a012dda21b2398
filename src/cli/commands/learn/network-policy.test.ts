import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { seenDestination } from '../../../../test/destination.ts';
import { misfitsOf, validateManifest } from '../../../../test/manifests.ts';
import type { Destination } from '../../../question/destination.ts';
import { networkRange } from '../../../question/network.ts';
import { networkPolicies, type NetworkPolicy } from './network-policy.ts';

const seen: Destination = {
  ...seenDestination,
  namespace: 'store',
  owner: '',
  labels: { 'k8s.label.app': 'shop', 'k8s.label.pod-template-hash': '5d4f', tier: 'gold' },
  days: [20_787],
};

const byDns = (name: string, ip: string): Destination => ({ ...seen, name, name_source: 'dns', ip });

const history: readonly Destination[] = [
  byDns('api.partner.example', '203.0.113.7'),
  byDns('api.partner.example', '203.0.113.8'),
  ...Array.from({ length: 9 }, (_, n) => byDns('edge.cdn.example', `198.51.100.${n}`)),
  byDns('six.cdn.example', '2001:db8::1'),
  {
    ...{
      ...seen,
      process: 'worker',
      ip: '10.96.0.9',
      port: 5432,
      pod_port: 6432,
      name: 'db.data',
      name_source: 'k8s',
    },
    ...{ peer_namespace: 'data', peer_workload: 'db', peer_labels: { 'k8s.label.app': 'db' } },
  },
  { ...seen, ip: '10.96.0.10', port: 80, name: 'pay.billing', name_source: 'k8s' },
  ...[1, 2, 3].map((n) => ({ ...seen, namespace: '', ip: `10.0.0.${n}`, port: 9000 })),
  ...[8000, 8001, 8002].map((port) => ({ ...seen, ip: '10.0.9.1', port })),
  { ...seen, ip: '10.96.0.2', port: 53, transport: 'udp', name: 'kube-dns.kube-system', name_source: 'k8s' },
  { ...seen, ip: '203.0.113.200', connections_established: 0 },
  { ...seen, workload: 'UPPER_case/job', ip: '2001:db8::2', transport: 'udp', port: 443 },
  { ...seen, workload: 'unlabelled', labels: { 'k8s.label.version': '2' } },
  { ...seen, workload: 'outside', namespace: '' },
];

function policies(destinations: readonly Destination[]): NetworkPolicy[] {
  const text = networkPolicies(destinations).join('\n---\n');
  const documents = parseAllDocuments(text).map((document) => document.toJS() as NetworkPolicy | null);
  return documents.filter((document) => document !== null);
}

const dns = {
  to: [
    {
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
      podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
    },
  ],
  ports: [
    { protocol: 'UDP', port: 53 },
    { protocol: 'TCP', port: 53 },
  ],
};
const namespace = (name: string) => ({
  namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } },
});
const tcp = (port: number) => [{ protocol: 'TCP', port }];

test('a policy for each workload: pods by their labels, addresses where nobody is known, DNS always', () => {
  const [upper, shop, ...others] = policies(history);
  assert.deepEqual(others, []);
  assert.deepEqual(shop?.metadata, { name: 'sonde-egress-shop', namespace: 'store' });
  assert.deepEqual(shop.spec.podSelector, { matchLabels: { app: 'shop' } });
  assert.deepEqual(shop.spec.policyTypes, ['Egress']);
  const except4 = ['10.0.0.0/8', '100.64.0.0/10', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16'];
  assert.deepEqual(shop.spec.egress, [
    dns,
    {
      to: [
        { ipBlock: { cidr: '0.0.0.0/0', except: except4 } },
        { ipBlock: { cidr: '2001:db8::1/128' } },
        { ipBlock: { cidr: '203.0.113.7/32' } },
        { ipBlock: { cidr: '203.0.113.8/32' } },
      ],
      ports: tcp(443),
    },
    {
      to: [{ ...namespace('data'), podSelector: { matchLabels: { app: 'db' } } }],
      ports: tcp(6432),
    },
    {
      to: [{ ipBlock: { cidr: '10.0.9.1/32' } }],
      ports: [{ protocol: 'TCP', port: 8000, endPort: 8002 }],
    },
    { to: [namespace('billing')], ports: tcp(80) },
    { to: [{ ipBlock: { cidr: '10.0.0.0/24' } }], ports: tcp(9000) },
  ]);
  assert.equal(upper?.metadata.name, 'sonde-egress-upper-case-job');
});

test('names, which no policy can say, and what is not known stand in comments', () => {
  const text = networkPolicies(history).join('\n---\n');
  assert.match(text, /# api\.partner\.example\n +- ipBlock:\n +cidr: 203\.0\.113\.7\/32\n/);
  assert.match(text, /# edge\.cdn\.example: it had 9 addresses, so all public ones\n/);
  assert.match(
    text,
    /# pay\.billing: no labels are known, at the port of the service: its pods may listen at another\n/,
  );
  assert.match(
    text,
    /^# store\/unlabelled: no policy, as none of its labels is known that selects its pods/m,
  );
  assert.doesNotMatch(text, /outside/);
  assert.equal(
    networkPolicies([...history].reverse()).join('\n---\n'),
    text,
    'in whatever order it was told',
  );
  const evil = networkPolicies([byDns('a\n- ipBlock: {}', '203.0.113.7')]).join('');
  assert.match(evil, /# a\\x0a- ipBlock: \{\}\n/);
});

test('Kubernetes takes them', async () => {
  const all = policies(history);
  assert.equal(all.length, 2);
  for (const policy of all) await validateManifest(policy as never);
  assert.deepEqual(misfitsOf(all as never), []);
  await assert.rejects(validateManifest({ ...all[0], spec: { egress: 1 } } as never));
  for (const { cidr, except = [] } of all.flatMap(({ spec }) =>
    spec.egress.flatMap(({ to }) => to.flatMap(({ ipBlock }) => ipBlock ?? [])),
  )) {
    assert.match(cidr, /\/\d+$/);
    for (const each of [cidr, ...except]) assert.ok(networkRange(each), each);
    assert.ok(except.every((each) => each.includes(':') === cidr.includes(':')));
  }
});
