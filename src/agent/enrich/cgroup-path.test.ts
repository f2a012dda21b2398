import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { placementOf, tellingPath, type Placement } from './cgroup-path.ts';

const id = '9bca8d63d5fa610783847915bcff0ecac1273e5b4bed3f6fa1b07350e0135961';
const node = 'b2a102854b4969b2ce98dc329c86b4fb2b06e4ad2cc8da9d8a7578c9cd2004a2';
const uid = '72f7f152-440c-66ac-9084-e0fc1d8a910c';
const uid_ = uid.replaceAll('-', '_');
const manifest = '3d6beaa3004913efb68ce073d73494b0';

const docker = { id, runtime: 'docker' } as const;
const containerd = { id, runtime: 'containerd' } as const;
const crio = { id, runtime: 'cri-o' } as const;
const podman = { id, runtime: 'podman' } as const;
const unnamed = { id, runtime: undefined };
const [besteffort, burstable, guaranteed] = (['besteffort', 'burstable', 'guaranteed'] as const).map(
  (qos) => ({
    uid,
    qos,
  }),
);

type Case = readonly [title: string, path: string, placement: Partial<Placement>];

const kubepods = '/kubepods.slice';
const kubelet = '/kubelet.slice/kubelet-kubepods.slice';

const groups: Readonly<Record<string, readonly Case[]>> = {
  docker: [
    ['cgroupfs', `/docker/${id}`, { container: docker }],
    ['systemd', `/system.slice/docker-${id}.scope`, { container: docker }],
    [
      'rootless',
      `/user.slice/user-1000.slice/user@1000.service/user.slice/docker-${id}.scope`,
      { container: docker },
    ],
    ['a parent of its own', `/ecs/b7d1f2a0/${id}`, { container: unnamed }],
    ['its own init inside', `/docker/${id}/init.scope`, { container: docker }],
    [
      'a unit inside',
      `/docker/${id}/system.slice/nginx.service`,
      { container: docker, unit: 'nginx.service' },
    ],
    ['docker in docker', `/docker/${node}/docker/${id}`, { container: docker }],
    ['as seen from another cgroup namespace', `/../${id}`, { container: unnamed }],
    ['the daemon', '/system.slice/docker.service', { unit: 'docker.service' }],
    [
      'a unit that is called like it',
      '/system.slice/docker-volume.service',
      { unit: 'docker-volume.service' },
    ],
  ],
  containerd: [
    ['cgroupfs, nerdctl or ctr', `/default/${id}`, { container: containerd }],
    ['systemd, nerdctl', `/system.slice/nerdctl-${id}.scope`, { container: containerd }],
    [
      'systemd, rootless',
      `/user.slice/user-7.slice/user@7.service/user.slice/nerdctl-${id}.scope`,
      { container: containerd },
    ],
    ['systemd form, cgroupfs driver', `/system.slice:nerdctl:${id}`, { container: containerd }],
    ['the daemon', '/system.slice/containerd.service', { unit: 'containerd.service' }],
  ],
  podman: [
    ['systemd', `/machine.slice/libpod-${id}.scope`, { container: podman }],
    ['systemd, crun on version 2', `/machine.slice/libpod-${id}.scope/container`, { container: podman }],
    [
      'in a pod of its own',
      `/machine.slice/machine-libpod_pod_${node}.slice/libpod-${id}.scope`,
      { container: podman },
    ],
    [
      'rootless',
      `/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${id}.scope/container`,
      { container: podman },
    ],
    ['cgroupfs', `/libpod_parent/libpod-${id}`, { container: podman }],
    ['cgroupfs, version 1', `/libpod_parent/libpod-${id}/ctr`, { container: podman }],
    ['on RHEL 8', `/user.slice/user-1000.slice/user@1000.service/podman-${id}.scope`, { container: podman }],
    [
      'a service that runs it',
      `/system.slice/web.service/libpod-payload-${id}`,
      { container: podman, unit: 'web.service' },
    ],
    [
      'a user\u2019s service that runs it',
      `/user.slice/user-1001.slice/user@1001.service/app.slice/web.service/libpod-payload-${id}`,
      { container: podman, unit: 'web.service' },
    ],
    [
      'a unit inside of a service that runs it',
      `/QM.slice/qm.service/libpod-payload-${id}/system.slice/dbus-broker.service`,
      { container: podman, unit: 'dbus-broker.service' },
    ],
    ['its monitor', `/machine.slice/libpod-conmon-${id}.scope`, { unit: 'libpod-conmon-*.scope' }],
    ['its monitor in a service', '/system.slice/web.service/runtime', { unit: 'web.service' }],
  ],
  kubernetes: [
    [
      'cgroupfs, besteffort',
      `/kubepods/besteffort/pod${uid}/${id}`,
      { container: unnamed, pod: besteffort! },
    ],
    ['cgroupfs, burstable', `/kubepods/burstable/pod${uid}/${id}`, { container: unnamed, pod: burstable! }],
    ['cgroupfs, guaranteed', `/kubepods/pod${uid}/${id}`, { container: unnamed, pod: guaranteed! }],
    [
      'cgroupfs, static pod',
      `/kubepods/besteffort/pod${manifest}/${id}`,
      { container: unnamed, pod: { uid: manifest, qos: 'besteffort' } },
    ],
    ['cgroupfs, CRI-O', `/kubepods/burstable/pod${uid}/crio-${id}`, { container: crio, pod: burstable! }],
    [
      'systemd, docker',
      `${kubepods}/kubepods-burstable.slice/kubepods-burstable-pod${uid_}.slice/docker-${id}.scope`,
      { container: docker, pod: burstable! },
    ],
    [
      'systemd, containerd',
      `${kubepods}/kubepods-besteffort.slice/kubepods-besteffort-pod${uid_}.slice/cri-containerd-${id}.scope`,
      { container: containerd, pod: besteffort! },
    ],
    [
      'systemd, guaranteed',
      `${kubepods}/kubepods-pod${uid_}.slice/cri-containerd-${id}.scope`,
      { container: containerd, pod: guaranteed! },
    ],
    [
      'systemd, static pod',
      `${kubepods}/kubepods-burstable.slice/kubepods-burstable-pod${manifest}.slice/cri-containerd-${id}.scope`,
      { container: containerd, pod: { uid: manifest, qos: 'burstable' } },
    ],
    [
      'systemd, CRI-O with crun on version 2',
      `${kubepods}/kubepods-burstable.slice/kubepods-burstable-pod${uid_}.slice/crio-${id}.scope/container`,
      { container: crio, pod: burstable! },
    ],
    [
      'systemd, CRI-O\u2019s monitor',
      `${kubepods}/kubepods-burstable.slice/kubepods-burstable-pod${uid_}.slice/crio-conmon-${id}.scope`,
      { pod: burstable!, unit: 'crio-conmon-*.scope' },
    ],
    [
      'systemd form, cgroupfs driver',
      `/kubepods-besteffort-pod${uid_}.slice:cri-containerd:${id}`,
      { container: containerd, pod: besteffort! },
    ],
    [
      'the same under the daemon',
      `/system.slice/containerd.service/kubepods-besteffort-pod${uid_}.slice:cri-containerd:${id}`,
      { container: containerd, pod: besteffort! },
    ],
    [
      'the same, CRI-O',
      `/system.slice/crio.service/kubepods-pod${uid_}.slice:crio:${id}`,
      { container: crio, pod: guaranteed! },
    ],
    [
      'a node that is a container',
      `/docker/${node}${kubelet}/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod${uid_}.slice/cri-containerd-${id}.scope`,
      { container: containerd, pod: burstable! },
    ],
    [
      'that node\u2019s kubelet',
      `/system.slice/docker-${id}.scope/kubelet.slice/kubelet.service`,
      { container: docker, unit: 'kubelet.service' },
    ],
    [
      'cgroupfs in such a node',
      `/docker/${node}/kubelet/kubepods/pod${uid}/${id}`,
      { container: unnamed, pod: guaranteed! },
    ],
    ['the pod itself', `/kubepods/burstable/pod${uid}`, { pod: burstable! }],
    [
      'from within another pod',
      `/../../pod${uid}/${id}`,
      { container: unnamed, pod: { uid, qos: undefined } },
    ],
  ],
  systemd: [
    ['service', '/system.slice/nginx.service', { unit: 'nginx.service' }],
    ['service in a slice of its own', '/web.slice/web-front.slice/nginx.service', { unit: 'nginx.service' }],
    [
      'service with groups of its own',
      '/system.slice/systemd-udevd.service/udev',
      { unit: 'systemd-udevd.service' },
    ],
    [
      'service of a template',
      '/system.slice/system-getty.slice/getty@tty1.service',
      { unit: 'getty@tty1.service' },
    ],
    [
      'service of a template by name',
      '/system.slice/system-postgresql.slice/postgresql@15-main.service',
      { unit: 'postgresql@15-main.service' },
    ],
    ['escaped name', '/system.slice/dev-disk-by\\x2dlabel.mount', { unit: 'dev-disk-by\\x2dlabel.mount' }],
    ['name that the kernel could take for its own', '/system.slice/_cpu.service', { unit: 'cpu.service' }],
    ['socket', '/system.slice/cups.socket', { unit: 'cups.socket' }],
    ['the first process', '/init.scope', { unit: 'init.scope' }],
    ['session of a user', '/user.slice/user-1000.slice/session-3.scope', { unit: 'session-*.scope' }],
    ['session without a login', '/user.slice/user-0.slice/session-c12.scope', { unit: 'session-*.scope' }],
    [
      'manager of a user',
      '/user.slice/user-1000.slice/user@1000.service/init.scope',
      { unit: 'user@*.service' },
    ],
    [
      'service of a user',
      '/user.slice/user-1000.slice/user@1000.service/app.slice/pipewire.service',
      { unit: 'pipewire.service' },
    ],
    [
      'application of a desktop',
      '/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-org.mozilla.firefox-3456.scope',
      { unit: 'app-gnome-org.mozilla.firefox-*.scope' },
    ],
    [
      'started at a login',
      '/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.kde.kate@7e2b.service',
      { unit: 'app-org.kde.kate@*.service' },
    ],
    [
      'application of snap, and what else has a UUID',
      `/user.slice/user-1000.slice/user@1000.service/app.slice/snap.firefox.firefox-${uid}.scope`,
      { unit: 'snap.firefox.firefox-*.scope' },
    ],
    ['systemd-run', '/system.slice/run-u42.service', { unit: 'run-*.service' }],
    ['systemd-run --scope', '/system.slice/run-r0c5d2e.scope', { unit: 'run-*.scope' }],
    [
      'virtual machine',
      '/machine.slice/machine-qemu\\x2d1\\x2dweb.scope',
      { unit: 'machine-qemu\\x2d1\\x2dweb.scope' },
    ],
  ],
  'one service for each connection': [
    [
      'IPv4',
      '/system.slice/system-sshd.slice/sshd@12-10.0.0.1:22-192.0.2.7:51234.service',
      { unit: 'sshd@*.service' },
    ],
    [
      'IPv6',
      '/system.slice/system-sshd.slice/sshd@3-2001:db8::1:22-2001:db8::7:51234.service',
      { unit: 'sshd@*.service' },
    ],
    [
      'with the cookie',
      '/system.slice/system-sshd.slice/sshd@3-4711-10.0.0.1:22-192.0.2.7:51234.service',
      { unit: 'sshd@*.service' },
    ],
    ['unix', '/system.slice/system-varlink.slice/varlink@4-1234-1000.service', { unit: 'varlink@*.service' }],
    [
      'unix, of nobody known',
      '/system.slice/system-varlink.slice/varlink@4-unknown.service',
      { unit: 'varlink@*.service' },
    ],
  ],
  others: [
    ['lxc 3', '/lxc/web', { container: { id: 'web', runtime: 'lxc' } }],
    ['lxc 4', '/lxc.payload.web', { container: { id: 'web', runtime: 'lxc' } }],
    [
      'lxc 4, a unit inside',
      '/lxc.payload.web/system.slice/ssh.service',
      { container: { id: 'web', runtime: 'lxc' }, unit: 'ssh.service' },
    ],
    ['the root', '/', {}],
    ['somebody\u2019s own', '/batch/jobs/17', {}],
    ['an id too short', `/docker/${id.slice(1)}`, {}],
    ['a slice alone', '/system.slice', {}],
  ],
};

for (const [group, cases] of Object.entries(groups))
  describe(group, () => {
    for (const [title, path, expected] of cases)
      test(title, () => {
        const nothing = { container: undefined, pod: undefined, unit: undefined };
        assert.deepEqual(placementOf(path), { ...nothing, ...expected });
      });
  });

describe('the path that tells most', () => {
  const cases: readonly (readonly [title: string, file: string, path: string | undefined])[] = [
    ['version 2', '0::/system.slice/nginx.service\n', '/system.slice/nginx.service'],
    [
      'version 1: a container',
      `5:cpu,cpuacct:/docker/${id}\n1:name=systemd:/docker/${id}\n`,
      `/docker/${id}`,
    ],
    [
      'version 1: a unit, systemd\u2019s hierarchy before others',
      '4:memory:/somewhere\n2:pids:/system.slice/a.service\n1:name=systemd:/system.slice/ssh.service\n',
      '/system.slice/ssh.service',
    ],
    [
      'hybrid: the container, though the unified hierarchy names the runtime',
      `11:cpuset:/kubepods/pod${uid}/${id}\n1:name=systemd:/system.slice/x.service\n0::/system.slice/containerd.service\n`,
      `/kubepods/pod${uid}/${id}`,
    ],
    [
      'hybrid: the unit',
      '2:cpu:/\n1:name=systemd:/system.slice/a.service\n0::/system.slice/a.service\n',
      '/system.slice/a.service',
    ],
    ['hybrid: only a group', '9:name=systemd:/\n4:memory:/jobs/1\n0::/\n', '/jobs/1'],
    ['only roots', '9:name=systemd:/\n0::/\n', '/'],
    ['a path with a colon', `0::/system.slice:nerdctl:${id}\n`, `/system.slice:nerdctl:${id}`],
    ['nothing', '', undefined],
  ];
  for (const [title, file, path] of cases) test(title, () => assert.equal(tellingPath(file), path));
});
