/**
 * Pods by control groups that are made for real, and an API server that answers, or does not: an agent never
 * waits for it, nor for a container's runtime, and its records say what is missing.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { Stage } from '../lab/stage.ts';
import { explainProcess } from '../src/agent/enrich/explain.ts';
import { kubernetesSchema } from '../src/agent/enrich/kubernetes/config.ts';
import { parseWords } from '../src/cli/command.ts';
import { command } from '../src/cli/commands/status.ts';
import type { ConnectionRecord, FlowRecord } from '../src/model/record.ts';
import { brief, group, unified } from './control-groups.ts';
import { KubernetesApi, type Fault } from './kubernetes-api.ts';
import { deploymentPod } from './kubernetes-objects.ts';
import { eventually, startRig, type Rig } from './rig.ts';

const patienceMs = 60_000;
const id = '9bca8d63d5fa610783847915bcff0ecac1273e5b4bed3f6fa1b07350e0135961';
const shop = deploymentPod('shop', 1, { containerId: id });
const { uid, name } = shop.metadata;
const podGroup = `kubepods/burstable/pod${uid}/${id}`;

/** How many windows close while somebody is waited for. */
const windowsMeanwhile = 5;

interface Case {
  readonly api: KubernetesApi;
  readonly rig: Rig;
  /** A process in that group connects to where nobody listens; its record. */
  connect(path: string): Promise<ConnectionRecord>;
}

async function withAgent(
  t: TestContext,
  { fault, settings = {} }: { readonly fault: Fault; readonly settings?: Record<string, unknown> },
  use: (all: Case) => Promise<void>,
): Promise<void> {
  await using stage = new Stage();
  await using api = await KubernetesApi.open();
  api.put('/api/v1/pods', shop);
  api.fault = () => fault;
  const at = await stage.namespace();
  await using rig = await startRig({
    window: '200ms',
    namespaces: [at.path],
    kubernetes: { access: api.kubeconfig(), node: 'n1', cluster: 'blue' },
    ...settings,
  });
  const starter = await at.actor('starter');
  const of = (records: readonly ConnectionRecord[]) =>
    records.filter((each) => each['process.name'] === 'brief');
  await use({
    api,
    rig,
    async connect(path) {
      const before = of(rig.connections).length;
      await brief(starter, group(t, unified, path));
      assert.ok(await eventually(() => of(rig.connections).length > before, patienceMs));
      return of(rig.connections).at(-1) ?? assert.fail();
    },
  });
  await rig.stop();
}

function isFollowed({ rig }: Case): boolean {
  const following = Object.values(rig.agent.status().kubernetes?.following ?? {});
  return following.length > 0 && following.every(({ silentSinceMs }) => silentSinceMs === null);
}

function flowsOf({ rig }: Case): FlowRecord[] {
  return rig.flows().filter((row) => row['process.name'] === 'brief');
}

async function passWindows({ rig }: Case): Promise<void> {
  const before = rig.windows.length;
  assert.ok(await eventually(() => rig.windows.length >= before + windowsMeanwhile, patienceMs));
}

const named = {
  'workload.name': 'shop',
  'workload.kind': 'deployment',
  'container.name': 'web',
  'container.image': 'registry.example/shop:2',
  'k8s.pod.uid': uid,
  'k8s.pod': name,
  'k8s.namespace': 'shop',
  'k8s.service_account': 'shop',
  'k8s.node': 'n1',
  'k8s.cluster': 'blue',
  'enrichment.missing': undefined,
} as const satisfies Partial<Record<keyof ConnectionRecord, unknown>>;

function labelsOf(record: ConnectionRecord | FlowRecord): Partial<Record<keyof typeof named, unknown>> {
  return Object.fromEntries(Object.keys(named).map((key) => [key, record[key as keyof typeof named]]));
}

describe('an API server', () => {
  test('that answers names the pod on all of its records', async (t) => {
    await withAgent(t, { fault: undefined }, async (all) => {
      assert.ok(await eventually(() => isFollowed(all), patienceMs));
      assert.deepEqual(labelsOf(await all.connect(podGroup)), named);
      await all.rig.nextWindow();
      for (const flow of flowsOf(all)) assert.deepEqual(labelsOf(flow), named);
      assert.ok(flowsOf(all).length > 0);
    });
  });

  const faults: Readonly<Record<string, Fault>> = {
    hangs: 'hang',
    'stalls in half a line': 'half',
    'disconnects in the midst of a list': 'cut',
    'does not know the token': 401,
    'has forgotten every place': 410,
  };
  for (const [title, fault] of Object.entries(faults))
    test(`that ${title} holds nobody up, and is asked again`, async (t) => {
      await withAgent(t, { fault }, async (all) => {
        const told = await all.connect(podGroup);
        assert.deepEqual(told['enrichment.missing'], ['kubernetes']);
        assert.deepEqual(
          [told['workload.kind'], told['k8s.pod.uid'], told['k8s.pod']],
          ['pod', uid, undefined],
        );
        await passWindows(all);
        assert.ok(!isFollowed(all) && all.api.asked.length > 0, 'it is asked, and does not answer');
        assert.deepEqual(
          flowsOf(all).map((flow) => flow['enrichment.missing']),
          [['kubernetes']],
        );
        const counted = all.rig.windows.map(({ unenriched }) => unenriched['kubernetes'] ?? 0);
        assert.equal(
          counted.reduce((sum, count) => sum + count, 0),
          1,
        );
        all.api.fault = () => undefined;
        all.api.hangUp();
        assert.ok(await eventually(() => isFollowed(all), patienceMs));
        assert.deepEqual(labelsOf(await all.connect(podGroup)), named);
      });
    });
});

test('sonde labels explain asks it too', async (t) => {
  await using api = await KubernetesApi.open();
  api.put('/api/v1/pods', shop);
  await using stage = new Stage();
  const { pid } = await (await stage.namespace()).actor('server');
  writeFileSync(`${group(t, unified, podGroup)}/cgroup.procs`, String(pid));
  const kubernetes = kubernetesSchema.parse({ access: api.kubeconfig(), node: 'n1' });
  const sockets = { docker: 'off', podman: 'off' };
  const explained = await explainProcess(pid, { rules: [], environment: 'lab', sockets, kubernetes });
  const of = (label: string) => explained.labels.find((each) => each.name === label);
  const from = 'the API server of its cluster';
  assert.deepEqual(of('workload.name'), { name: 'workload.name', value: 'shop', from });
  assert.deepEqual(of('k8s.pod'), { name: 'k8s.pod', value: name, from });
  assert.equal(of('k8s.pod.uid')?.from, 'control group');
});

/** As `sonde status` says it. */
async function statusLines({ rig }: Case): Promise<string> {
  const written: string[] = [];
  const stdout = { write: (text: string) => void written.push(text), isTerminal: false, columns: 80 };
  const instance = rig.agent.status().node['agent.instance'];
  const words = await parseWords(command, ['--instance', instance]);
  const { signal } = new AbortController();
  const nothing = () => undefined;
  assert.equal(await command.run({ ...words, stdout, say: nothing, signal, onHangup: nothing }), 0);
  return written.join('');
}

/** A socket that takes requests and never answers. */
async function hanging(t: TestContext, folder: string) {
  const path = join(folder, 'docker.sock');
  const asked = { bytes: 0 };
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('data', ({ length }) => (asked.bytes += length));
  });
  server.listen(path);
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { path, asked };
}

test('with a runtime that hangs too, each is named where it is missing', async (t) => {
  await using other = await KubernetesApi.open();
  const { path: docker, asked } = await hanging(t, other.folder);
  await withAgent(t, { fault: 'hang', settings: { container_sockets: { docker } } }, async (all) => {
    const inPod = await all.connect(podGroup);
    const inContainer = await all.connect(`docker/${id}`);
    assert.deepEqual(inPod['enrichment.missing'], ['kubernetes']);
    assert.deepEqual(inContainer['enrichment.missing'], ['container_runtime']);
    assert.ok(await eventually(() => asked.bytes > 0, patienceMs), 'the runtime is asked');
    await passWindows(all);
    const lines = await statusLines(all);
    assert.match(
      lines,
      /^kubernetes https:.+: 0 pods here; 0 Services, 0 pods and 0 endpoints in the cluster$/m,
    );
    assert.match(lines, /^ {2}pods_of_node silent since .+, never listed/m);
    const numbers = all.rig.windows.map((window) => window['window.number']);
    assert.deepEqual(
      numbers,
      numbers.map((_, at) => (numbers[0] ?? 0) + at),
    );
    const sum = (source: 'kubernetes' | 'container_runtime') =>
      all.rig.windows.reduce((total, { unenriched }) => total + (unenriched[source] ?? 0), 0);
    assert.deepEqual([sum('kubernetes'), sum('container_runtime')], [1, 1]);
  });
});
