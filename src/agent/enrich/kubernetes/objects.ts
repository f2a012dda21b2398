/**
 * What is read of the API server's objects. They are text from outside: whatever has another shape than it
 * should is as if it were not there.
 */

export type Json = Readonly<Record<string, unknown>>;

export const objectLimits = {
  textMax: 1024,
  /** Of one pod. */
  containersMax: 64,
  /** Of one pod or Service. */
  addressesMax: 64,
  /** Of one EndpointSlice: the API server's own bound. */
  endpointsMax: 1000,
} as const;

function at(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Json)[key] : undefined;
}

function of(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce(at, value);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value.slice(0, objectLimits.textMax) : undefined;
}

function list(value: unknown, max: number): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]).slice(0, max) : [];
}

function texts(values: readonly unknown[]): string[] {
  return values.map(text).filter((value) => value !== undefined);
}

/** A controller: who made it, and makes another when it is gone. */
export interface Controller {
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

export function controllerOf(object: unknown): Controller | undefined {
  const owner = list(of(object, 'metadata', 'ownerReferences'), 16).find(
    (each) => at(each, 'controller') === true,
  );
  const [kind, name, uid] = [text(at(owner, 'kind')), text(at(owner, 'name')), text(at(owner, 'uid'))];
  return kind !== undefined && name !== undefined && uid !== undefined ? { kind, name, uid } : undefined;
}

/** Of a namespaced object. */
export interface Identity {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
}

export function identityOf(object: unknown): Identity | undefined {
  const meta = at(object, 'metadata');
  const [uid, namespace, name] = [text(at(meta, 'uid')), text(at(meta, 'namespace')), text(at(meta, 'name'))];
  return uid === undefined || namespace === undefined || name === undefined
    ? undefined
    : { uid, namespace, name };
}

/** Who made a pod, as far as the pod itself tells. */
export interface PodOrigin extends Identity {
  readonly controller: Controller | undefined;
  /** Which the Deployment's controller puts on a ReplicaSet's pods, and at the end of its name. */
  readonly templateHash: string | undefined;
  readonly createdMs: number | undefined;
}

function createdMs(object: unknown): number | undefined {
  const ms = Date.parse(text(of(object, 'metadata', 'creationTimestamp')) ?? '');
  return Number.isNaN(ms) ? undefined : ms;
}

export function originOf(object: unknown): PodOrigin | undefined {
  const identity = identityOf(object);
  return (
    identity && {
      ...identity,
      controller: controllerOf(object),
      templateHash: labelOf(object, 'pod-template-hash'),
      createdMs: createdMs(object),
    }
  );
}

export function labelOf(object: unknown, key: string): string | undefined {
  return text(of(object, 'metadata', 'labels', key));
}

export function annotationOf(object: unknown, key: string): string | undefined {
  return text(of(object, 'metadata', 'annotations', key));
}

/** The kubelet's own name for a pod from a file, which its control group has in place of a UID. */
export function manifestHash(pod: unknown): string | undefined {
  return annotationOf(pod, 'kubernetes.io/config.mirror') ?? annotationOf(pod, 'kubernetes.io/config.hash');
}

export function serviceAccountOf(pod: unknown): string | undefined {
  return text(of(pod, 'spec', 'serviceAccountName'));
}

export interface PodContainer {
  readonly id: string;
  readonly name: string;
  readonly image: string | undefined;
}

/** Those that have been started, whatever their runtime. */
export function containersOf(pod: unknown): PodContainer[] {
  const statuses = ['initContainerStatuses', 'containerStatuses', 'ephemeralContainerStatuses'].flatMap(
    (key) => list(of(pod, 'status', key), objectLimits.containersMax),
  );
  return statuses.slice(0, objectLimits.containersMax).flatMap((status) => {
    const id = text(at(status, 'containerID'))?.replace(/^[^:]+:\/\//, '');
    const name = text(at(status, 'name'));
    return id === undefined || name === undefined ? [] : [{ id, name, image: text(at(status, 'image')) }];
  });
}

/** That are the pod's alone: not those of its node, and not of one that has ended. */
export function podAddresses(pod: unknown): string[] {
  const phase = of(pod, 'status', 'phase');
  if (of(pod, 'spec', 'hostNetwork') === true || phase === 'Succeeded' || phase === 'Failed') return [];
  const all = list(of(pod, 'status', 'podIPs'), objectLimits.addressesMax).map((each) => at(each, 'ip'));
  const addresses = texts(all);
  return addresses.length > 0 ? addresses : texts([of(pod, 'status', 'podIP')]);
}

/** By which it is reached: within the cluster, and from outside. A headless one has none. */
export function serviceAddresses(service: unknown): string[] {
  const spec = at(service, 'spec');
  const balancers = list(of(service, 'status', 'loadBalancer', 'ingress'), objectLimits.addressesMax);
  const all = [
    at(spec, 'clusterIP'),
    ...list(at(spec, 'clusterIPs'), objectLimits.addressesMax),
    ...list(at(spec, 'externalIPs'), objectLimits.addressesMax),
    ...balancers.map((each) => at(each, 'ip')),
  ];
  return [...new Set(texts(all))].filter((address) => address !== 'None');
}

/** The addresses of pods behind a Service. */
export interface Slice extends Identity {
  readonly service: string;
  readonly addresses: readonly string[];
}

export function sliceOf(object: unknown): Slice | undefined {
  const identity = identityOf(object);
  const service = labelOf(object, 'kubernetes.io/service-name');
  if (!identity || service === undefined) return undefined;
  const addresses = list(at(object, 'endpoints'), objectLimits.endpointsMax)
    .filter((endpoint) => of(endpoint, 'targetRef', 'kind') === 'Pod')
    .flatMap((endpoint) => texts(list(at(endpoint, 'addresses'), objectLimits.addressesMax)));
  return { ...identity, service, addresses };
}
