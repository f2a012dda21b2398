/**
 * Kubernetes NetworkPolicy of egress, one for each workload that is a pod, from what was seen. It cannot name
 * destinations: names stand in comments beside the addresses that they had.
 */

import { Document, stringify } from 'yaml';
import { isPublic, parseAddress } from '../../../lib/address.ts';
import { printable } from '../../../lib/terminal.ts';
import type { Destination } from '../../../question/destination.ts';
import { portTexts } from './ports.ts';
import { collapsedNetworks, compareTexts, groupBy, isInVain } from './proposal.ts';

/** A name with more addresses will have others tomorrow. */
const addressesOfNameMax = 8;

/** What tells a workload's pods from others, and is the same for all of them. */
const identityLabels = [
  'app.kubernetes.io/name',
  'app.kubernetes.io/instance',
  'app.kubernetes.io/component',
  'app',
  'k8s-app',
];

/** Where there is no pod of a cluster. */
const notPublic = {
  ipv4: ['10.0.0.0/8', '100.64.0.0/10', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16'],
  ipv6: ['fc00::/7', 'fe80::/10'],
};

type Labels = Readonly<Record<string, string>>;

interface Peer {
  readonly namespaceSelector?: { readonly matchLabels: Labels };
  readonly podSelector?: { readonly matchLabels: Labels };
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
}

interface Port {
  readonly protocol: string;
  readonly port: number;
  readonly endPort?: number;
}

export interface NetworkPolicy {
  readonly apiVersion: 'networking.k8s.io/v1';
  readonly kind: 'NetworkPolicy';
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: {
    readonly podSelector: { readonly matchLabels: Labels };
    readonly policyTypes: readonly ['Egress'];
    readonly egress: readonly { readonly to: readonly Peer[]; readonly ports?: readonly Port[] }[];
  };
}

/** A peer at a port, with what a reader should know of it. */
interface Told {
  readonly peer: Peer;
  readonly transport: string;
  readonly port: number;
  readonly comments: readonly string[];
}

/** Of labels as records have them. */
function identityOf(labels: Labels): Labels | undefined {
  const known = identityLabels.flatMap((key) => {
    const value = labels[`k8s.label.${key}`];
    return value === undefined ? [] : [[key, value] as const];
  });
  return known.length > 0 ? Object.fromEntries(known) : undefined;
}

function inNamespace(name: string): Peer {
  return { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } } };
}

function cidrOf(ip: string): string {
  if (ip.includes('/')) return ip;
  return ip.includes(':') ? `${ip}/128` : `${ip}/32`;
}

function isPublicText(ip: string): boolean {
  const view = parseAddress(ip.split('/')[0] ?? '');
  return view !== undefined && isPublic(view);
}

const dnsRule = {
  to: [{ ...inNamespace('kube-system'), podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } } }],
  ports: [
    { protocol: 'UDP', port: 53 },
    { protocol: 'TCP', port: 53 },
  ],
};

/** Allowed in any case. */
function isDns({ port, name, peer_namespace: namespace, peer_labels: labels }: Destination): boolean {
  const isKubeDns = namespace === 'kube-system' && labels['k8s.label.k8s-app'] === 'kube-dns';
  return port === 53 && (isKubeDns || name === 'kube-dns.kube-system');
}

/** By whom it is, where that is known. */
function toldOfCluster(destination: Destination): Told | undefined {
  const { transport, port, pod_port: podPort, name, name_source: source } = destination;
  const { peer_namespace: namespace, peer_workload: workload, peer_labels: labels } = destination;
  const at = { transport, port: podPort || port };
  const identity = namespace === '' ? undefined : identityOf(labels);
  if (identity) {
    const peer = { ...inNamespace(namespace), podSelector: { matchLabels: identity } };
    return { ...at, peer, comments: workload === '' ? [] : [workload] };
  }
  const [, of = ''] = source === 'k8s' ? (/\.([a-z0-9-]+)$/.exec(name) ?? []) : [];
  const where = namespace || of;
  if (where === '') return undefined;
  const doubt = podPort === 0 ? ', at the port of the service: its pods may listen at another' : '';
  return { ...at, peer: inNamespace(where), comments: [`${name || workload}: no labels are known${doubt}`] };
}

function blocks(destinations: readonly Destination[]): Told[] {
  const [{ transport, port }] = destinations as [Destination];
  const at = { transport, port };
  const byName = [...groupBy(destinations, ({ name }) => name)];
  return byName.flatMap(([name, same]) => {
    const ips = [...new Set(same.map(({ ip }) => ip))].sort(compareTexts);
    const publicIps = ips.filter(isPublicText);
    const others = ips.filter((ip) => !publicIps.includes(ip));
    const comments = name === '' ? [] : [name];
    const one = (ip: string): Told => ({ ...at, peer: { ipBlock: { cidr: cidrOf(ip) } }, comments });
    const many = `${name}: it had ${publicIps.length} addresses, so all public ones`;
    const hasMany = name !== '' && publicIps.length > addressesOfNameMax;
    const everywhere = (ip: string): Told => {
      const [cidr, except] = ip.includes(':') ? ['::/0', notPublic.ipv6] : ['0.0.0.0/0', notPublic.ipv4];
      return { ...at, peer: { ipBlock: { cidr, except } }, comments: [many] };
    };
    return [...publicIps.map(hasMany ? everywhere : one), ...collapsedNetworks(others).map(one)];
  });
}

const protocols: Readonly<Record<string, string>> = { tcp: 'TCP', udp: 'UDP', sctp: 'SCTP' };

function portsOf(transport: string, ports: readonly number[]): Port[] {
  return portTexts(ports).map((text) => {
    const [port = 0, endPort] = text.split('-').map(Number);
    return { protocol: protocols[transport] ?? 'TCP', port, ...(endPort === undefined ? {} : { endPort }) };
  });
}

interface Rule {
  readonly to: readonly { readonly peer: Peer; readonly comments: readonly string[] }[];
  readonly ports: readonly Port[];
}

/** Peers of the same ports are told together. */
function rulesOf(destinations: readonly Destination[]): Rule[] {
  const cluster = destinations.flatMap((each) => toldOfCluster(each) ?? []);
  const others = destinations.filter((each) => toldOfCluster(each) === undefined);
  const byPort = groupBy(others, ({ transport, port }) => `${transport} ${port}`);
  const all = [...cluster, ...[...byPort.values()].flatMap(blocks)];
  const byPeer = groupBy(all, ({ peer }) => JSON.stringify(peer));
  const peers = [...byPeer].map(([key, same]) => {
    const transports = groupBy(same, ({ transport }) => transport);
    const of = [...transports].flatMap(([transport, told]) =>
      portsOf(
        transport,
        told.map(({ port }) => port),
      ),
    );
    const ports = of.sort((a, b) => compareTexts(a.protocol, b.protocol) || a.port - b.port);
    const comments = [...new Set(same.flatMap((told) => told.comments))].sort(compareTexts);
    return { key, peer: JSON.parse(key) as Peer, comments, ports };
  });
  const byPorts = groupBy(peers, ({ ports }) => JSON.stringify(ports));
  return [...byPorts]
    .toSorted(([a], [b]) => compareTexts(a, b))
    .map(([, same]) => ({
      to: same.toSorted((a, b) => compareTexts(a.key, b.key)),
      ports: same[0]?.ports ?? [],
    }));
}

/** As Kubernetes takes it. */
function nameOf(workload: string): string {
  const name = workload.toLowerCase().replace(/[^a-z0-9-]+/g, '-');
  return `sonde-egress-${name}`.slice(0, 63).replace(/-+$/, '');
}

function policyText(whose: Whose, rules: readonly Rule[], podLabels: Labels): string {
  const policy: NetworkPolicy = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: nameOf(whose.workload), namespace: whose.namespace },
    spec: {
      podSelector: { matchLabels: podLabels },
      policyTypes: ['Egress'],
      egress: [
        dnsRule,
        ...rules.map(({ to, ports }) => ({
          to: to.map(({ peer }) => peer),
          ...(ports.length > 0 ? { ports } : {}),
        })),
      ],
    },
  };
  const document = new Document(policy, { aliasDuplicateObjects: false });
  rules.forEach(({ to }, n) => {
    to.forEach(({ comments }, m) => {
      const node = document.getIn(['spec', 'egress', n + 1, 'to', m], true) as { commentBefore?: string };
      if (comments.length > 0) node.commentBefore = comments.map((text) => ` ${printable(text)}`).join('\n');
    });
  });
  return stringify(document, { lineWidth: 0 }).trimEnd();
}

interface Whose {
  readonly namespace: string;
  readonly workload: string;
}

/** Rows of before pods were known belong to the only namespace that a workload of the name is in. */
function withNamespaces(destinations: readonly Destination[]): Destination[] {
  const key = ({ environment, workload, process }: Destination) =>
    JSON.stringify([environment, workload, process]);
  const namespaces = new Map(
    [...groupBy(destinations, key)].map(([of, same]) => [
      of,
      new Set(same.map(({ namespace }) => namespace).filter((namespace) => namespace !== '')),
    ]),
  );
  return destinations.map((each) => {
    const [only = '', ...others] = namespaces.get(key(each)) ?? [];
    return each.namespace === '' && others.length === 0 ? { ...each, namespace: only } : each;
  });
}

/** Documents of YAML; comments alone where there is nothing to select pods by. */
export function networkPolicies(destinations: readonly Destination[]): string[] {
  const known = withNamespaces(destinations).filter(({ namespace }) => namespace !== '');
  const groups = groupBy(known, ({ namespace, workload }) => JSON.stringify({ namespace, workload }));
  return [...groups]
    .toSorted(([a], [b]) => compareTexts(a, b))
    .map(([key, same]) => {
      const whose = JSON.parse(key) as Whose;
      const labels = same.map((each) => identityOf(each.labels)).find((each) => each !== undefined);
      const taken = same.filter((each) => !isInVain(each) && !isDns(each));
      if (labels) return policyText(whose, rulesOf(taken), labels);
      const who = printable(`${whose.namespace}/${whose.workload}`);
      const wanted = identityLabels.join(', ');
      return `# ${who}: no policy, as none of its labels is known that selects its pods (${wanted}).`;
    });
}
