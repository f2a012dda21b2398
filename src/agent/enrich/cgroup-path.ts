/**
 * What a control group's path tells of who runs in it: container, pod, systemd unit. Only of names that a
 * runtime or systemd gives; the shapes of each, with the driver that makes them, are in the test.
 */

import type { ContainerRuntime, PodQos } from '../../model/record.ts';

export interface Container {
  readonly id: string;
  /** Undefined where the name says only that it is a container: cgroupfs drivers under Kubernetes. */
  readonly runtime: ContainerRuntime | undefined;
}

export interface Pod {
  readonly uid: string;
  /** Undefined where the path begins inside of the pods' group. */
  readonly qos: PodQos | undefined;
}

/** All undefined: nobody that names its groups has made this one. */
export interface Placement {
  /** The innermost, as in a node of Kubernetes that is a container itself. */
  readonly container: Container | undefined;
  readonly pod: Pod | undefined;
  /** A `*` stands for what differs from one connection, login, user or start to the next. */
  readonly unit: string | undefined;
}

const containerId = '[0-9a-f]{64}';
const bareContainer = new RegExp(`^${containerId}$`);
/** `docker-ID.scope`, `libpod-ID`; a driver that does not know the systemd form leaves its colons. */
const namedContainer = new RegExp(
  `(?:^|:)(docker|cri-containerd|containerd|nerdctl|crio|libpod-payload|libpod|podman)[-:](${containerId})(?:\\.scope)?$`,
);
const runtimeOfPrefix: Readonly<Record<string, ContainerRuntime>> = {
  docker: 'docker',
  'cri-containerd': 'containerd',
  containerd: 'containerd',
  nerdctl: 'containerd',
  crio: 'cri-o',
  'libpod-payload': 'podman',
  libpod: 'podman',
  podman: 'podman',
};
/** Where a bare id lies; containerd's are its namespaces. */
const runtimeOfParent: Readonly<Record<string, ContainerRuntime>> = {
  docker: 'docker',
  default: 'containerd',
  'k8s.io': 'containerd',
  libpod_parent: 'podman',
};

function containerAt(names: readonly string[], at: number): Container | undefined {
  const [name, parent] = [names[at] ?? '', names[at - 1] ?? ''];
  const [, prefix, id] = namedContainer.exec(name) ?? [];
  if (prefix !== undefined && id !== undefined) return { id, runtime: runtimeOfPrefix[prefix] };
  if (bareContainer.test(name)) return { id: name, runtime: runtimeOfParent[parent] };
  if (name.startsWith('lxc.payload.')) return { id: name.slice('lxc.payload.'.length), runtime: 'lxc' };
  return parent === 'lxc' || parent === 'lxc.payload' ? { id: name, runtime: 'lxc' } : undefined;
}

/** A UID, with underscores in systemd's names; of a static pod a hash of its manifest, without any. */
const podName =
  /(?:^|-)pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice(?::.*)?)?$/;

function podIn(names: readonly string[]): Pod | undefined {
  const at = names.findLastIndex((name) => podName.test(name));
  const uid = podName.exec(names[at] ?? '')?.[1]?.replaceAll('_', '-');
  if (uid === undefined) return undefined;
  const [parent, name] = [names[at - 1] ?? '', names[at] ?? ''];
  for (const qos of ['burstable', 'besteffort'] as const)
    if (parent === qos || name.includes(`kubepods-${qos}-pod`)) return { uid, qos };
  return {
    uid,
    qos: parent.startsWith('kubepods') || name.includes('kubepods-pod') ? 'guaranteed' : undefined,
  };
}

const unitName = /^.+\.(?:service|scope|socket|mount|swap)$/;

/**
 * Of a socket unit with Accept=yes the instance is the one connection: its number (and, of late, the
 * socket's cookie) and both addresses, or who connected to a unix socket.
 */
const connectionInstance =
  /@\d+-(?:\d+-)?(?:\[?[\d.a-f:]+\]?:\d+-\[?[\d.a-f:]+\]?:\d+|\d+-\d+|unknown)\.service$/;

/**
 * Names that hold a number or random text are as many as there are logins or starts. systemd.special(7) and
 * the desktop's specification have `app-…-RANDOM.scope`; systemd-run makes `run-…`.
 */
const manyNamed: readonly (readonly [RegExp, string])[] = [
  [connectionInstance, '@*.service'],
  [/^session-[^.]+\.scope$/, 'session-*.scope'],
  [/^(user|user-runtime-dir)@\d+\.service$/, '$1@*.service'],
  [/^run-.+\.(scope|service)$/, 'run-*.$1'],
  [/^(app-.+)-[0-9a-f]+\.scope$/, '$1-*.scope'],
  [/^(app-.+)@[0-9a-f]+\.service$/, '$1@*.service'],
  [/^(.+)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.scope$/, '$1-*.scope'],
  [/^((?:libpod|crio)-conmon)-[0-9a-f]{64}\.scope$/, '$1-*.scope'],
];

/** systemd puts an underscore before a name that the kernel could take for its own file, or that has one. */
function unescaped(name: string): string {
  return name.replace(/^_/, '');
}

function unitIn(names: readonly string[], container: number): string | undefined {
  // Only of the first process init.scope is the unit; of a user's manager, or a container's, it lies in one.
  const at = names.findLastIndex(
    (name, i) =>
      unitName.test(name) && containerAt(names, i) === undefined && (name !== 'init.scope' || i === 0),
  );
  const name = names[at];
  if (name === undefined) return undefined;
  // What encloses a container is its runtime's, but for a unit that was made to run it.
  const runs = names[container]?.startsWith('libpod-payload-') === true && at === container - 1;
  if (at < container && !runs) return undefined;
  return manyNamed.reduce((of, [pattern, by]) => of.replace(pattern, by), unescaped(name));
}

/** `path` as in /proc/PID/cgroup; `/..` at its beginning is a group outside of the reader's namespace. */
export function placementOf(path: string): Placement {
  const names = path.split('/').filter((name) => name !== '' && name !== '..');
  const at = names.findLastIndex((_, i) => containerAt(names, i) !== undefined);
  return { container: containerAt(names, at), pod: podIn(names), unit: unitIn(names, at) };
}

/**
 * The path that tells most, of /proc/PID/cgroup: of the unified hierarchy, systemd's own or any other, that
 * of a container first (where version 1 rules, the others may name its runtime), then of a unit, then any.
 */
export function tellingPath(cgroupFile: string): string | undefined {
  const lines = cgroupFile.split('\n').flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    return controllers === undefined || path === undefined ? [] : [{ controllers, path }];
  });
  const rank = ({ controllers }: { controllers: string }) => ['', 'name=systemd'].indexOf(controllers) >>> 0;
  const paths = lines.sort((a, b) => rank(a) - rank(b)).map(({ path }) => path);
  const tells = (of: 'container' | 'unit') => paths.find((path) => placementOf(path)[of] !== undefined);
  return tells('container') ?? tells('unit') ?? paths.find((path) => path !== '/') ?? paths[0];
}
