/** Objects of Kubernetes in the shapes that an API server gives, with what nobody of us reads. */

import { createHash } from 'node:crypto';

export interface ApiObject {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly [other: string]: unknown;
  };
  readonly [other: string]: unknown;
}

interface Owner {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

interface Meta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly owner?: Owner | undefined;
  readonly created?: string;
}

/** A UID that follows from a name. */
export function uidOf(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex');
  return [
    [0, 8],
    [8, 12],
    [12, 16],
    [16, 20],
    [20, 32],
  ]
    .map(([from, to]) => hex.slice(from, to))
    .join('-');
}

export function ownerOf(kind: string, name: string): Owner {
  const groups: Readonly<Record<string, string>> = { Job: 'batch/v1', CronJob: 'batch/v1', Node: 'v1' };
  return { apiVersion: groups[kind] ?? 'apps/v1', kind, name, uid: uidOf(`${kind}${name}`) };
}

function metadata({ name, namespace = 'shop', uid = uidOf(name), owner, ...meta }: Meta) {
  return {
    name,
    generateName: name.replace(/[^-]+$/, ''),
    namespace,
    uid,
    resourceVersion: '1',
    creationTimestamp: meta.created ?? '2026-11-25T08:59:58Z',
    labels: { app: 'shop', ...meta.labels },
    ...(meta.annotations ? { annotations: meta.annotations } : {}),
    ...(owner ? { ownerReferences: [{ ...owner, controller: true, blockOwnerDeletion: true }] } : {}),
    managedFields: [
      {
        manager: 'kube-controller-manager',
        operation: 'Update',
        apiVersion: 'v1',
        time: '2026-11-25T08:59:58Z',
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
          'f:spec': { 'f:containers': {} },
        },
      },
    ],
  };
}

export interface PodShape extends Meta {
  readonly node?: string;
  readonly ips?: readonly string[];
  readonly phase?: string;
  readonly hostNetwork?: boolean;
  readonly containerId?: string;
}

export function pod({
  node = 'n1',
  ips = [],
  phase = 'Running',
  containerId,
  ...shape
}: PodShape): ApiObject {
  const [first] = ips;
  const addresses = first === undefined ? {} : { podIP: first, podIPs: ips.map((ip) => ({ ip })) };
  return {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: metadata(shape),
    spec: {
      volumes: [{ name: 'kube-api-access-x7k2p', projected: { sources: [], defaultMode: 420 } }],
      containers: [
        { name: 'web', image: 'registry.example/shop:2', resources: {}, imagePullPolicy: 'Always' },
      ],
      restartPolicy: 'Always',
      serviceAccountName: 'shop',
      serviceAccount: 'shop',
      nodeName: node,
      ...(shape.hostNetwork ? { hostNetwork: true } : {}),
    },
    status: {
      phase,
      conditions: [{ type: 'Ready', status: 'True', lastProbeTime: null }],
      hostIP: '192.0.2.10',
      ...addresses,
      containerStatuses: [
        {
          name: 'web',
          state: { running: { startedAt: '2026-11-25T09:00:00Z' } },
          ready: true,
          restartCount: 0,
          image: 'registry.example/shop:2',
          imageID: 'registry.example/shop@sha256:0',
          ...(containerId === undefined ? {} : { containerID: `containerd://${containerId}` }),
        },
      ],
      qosClass: 'Burstable',
    },
  };
}

/** One of a Deployment, as its controller names them. */
export function deploymentPod(deployment: string, at: number, shape: Partial<PodShape> = {}): ApiObject {
  const hash = '6d4cf56db6';
  return pod({
    name: `${deployment}-${hash}-${at.toString(36).padStart(5, 'x')}`,
    owner: ownerOf('ReplicaSet', `${deployment}-${hash}`),
    labels: { 'pod-template-hash': hash },
    ...shape,
  });
}

export function service(
  meta: Meta,
  ips: readonly string[],
  more: { externalIPs?: string[] } = {},
): ApiObject {
  return {
    kind: 'Service',
    apiVersion: 'v1',
    metadata: metadata(meta),
    spec: {
      ports: [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 8080 }],
      selector: { app: 'shop' },
      clusterIP: ips[0] ?? 'None',
      clusterIPs: ips.length > 0 ? ips : ['None'],
      type: 'ClusterIP',
      ...more,
    },
    status: { loadBalancer: {} },
  };
}

export function slice(name: string, of: string, ips: readonly string[], targetKind = 'Pod'): ApiObject {
  const targetRef = { kind: targetKind, namespace: 'shop', name: 'a-pod', uid: uidOf('a-pod') };
  return {
    kind: 'EndpointSlice',
    apiVersion: 'discovery.k8s.io/v1',
    metadata: metadata({ name, labels: { 'kubernetes.io/service-name': of } }),
    addressType: 'IPv4',
    endpoints: ips.map((ip) => ({ addresses: [ip], conditions: { ready: true }, targetRef, nodeName: 'n1' })),
    ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
  };
}

/** A ReplicaSet or a Job, whose metadata are all that is asked for. */
export function controller(kind: 'ReplicaSet' | 'Job', name: string, owner?: Owner): ApiObject {
  const { apiVersion, uid } = ownerOf(kind, name);
  return { kind, apiVersion, metadata: metadata({ name, uid, owner }), spec: { replicas: 2 }, status: {} };
}
