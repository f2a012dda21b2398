import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, test, type TestContext } from 'node:test';
import { containerLimits, openContainers, type ContainerFacts } from './containers.ts';

const { askingMax, waitingMax, againMs } = containerLimits;
const sockets = { docker: '/docker', podman: '/podman' };
const web = { id: 'web', runtime: 'docker' } as const;

function clock() {
  let ns = 1n;
  return { monotonicNs: () => ns, pass: (ms: number) => (ns += BigInt(ms) * 1_000_000n) };
}

/** A runtime that answers when the test says so. */
function runtime() {
  const asked: { socket: string; id: string; answer: (facts: ContainerFacts) => void; fail: () => void }[] =
    [];
  const inspect = ({ socketPath: socket, id }: { socketPath: string; id: string }) =>
    new Promise<ContainerFacts>((answer, reject) => {
      asked.push({ socket, id, answer, fail: () => reject(new Error('no answer')) });
    });
  return { asked, inspect, ids: () => asked.map(({ id }) => id) };
}

const facts = { name: 'shop', image: 'nginx:1' };

describe('in the background', () => {
  test('asked once, and told when it is known', async () => {
    const { asked, inspect } = runtime();
    const containers = openContainers(sockets, clock(), inspect);
    assert.equal(containers.factsOf(web), undefined);
    assert.deepEqual(containers.pump(), []);
    assert.equal(containers.factsOf(web), undefined);
    containers.pump();
    assert.equal(asked.length, 1);
    asked[0]?.answer(facts);
    await nextTurn();
    assert.deepEqual(containers.pump(), ['web']);
    assert.deepEqual(containers.pump(), []);
    assert.deepEqual(containers.factsOf(web), facts);
  });

  test('each runtime at its socket; those without one not at all', () => {
    const { asked, inspect } = runtime();
    const containers = openContainers({ ...sockets, docker: 'off' }, clock(), inspect);
    for (const name of ['docker', 'podman', 'containerd', 'cri-o', 'lxc', undefined] as const)
      containers.factsOf({ id: String(name), runtime: name });
    containers.pump();
    assert.deepEqual(
      asked.map(({ socket, id }) => [socket, id]),
      [['/podman', 'podman']],
    );
  });

  test('a runtime that hangs is asked for a few at a time, and no more than so many wait', async () => {
    const { asked, inspect, ids } = runtime();
    const containers = openContainers(sockets, clock(), inspect);
    for (let i = 0; i < waitingMax + 10; i++) containers.factsOf({ id: `c${String(i)}`, runtime: 'docker' });
    for (let round = 0; round < 3; round++) assert.deepEqual(containers.pump(), []);
    assert.deepEqual(ids(), ['c0', 'c1'].slice(0, askingMax));
    for (let i = 0; i < waitingMax + 10; i++) {
      asked[i]?.answer(facts);
      await nextTurn();
      containers.pump();
    }
    assert.equal(asked.length, waitingMax);
  });

  test('one that fails is left alone for a while, and then asked again', async () => {
    const { asked, inspect } = runtime();
    const time = clock();
    const containers = openContainers(sockets, time, inspect);
    containers.factsOf(web);
    containers.pump();
    asked[0]?.fail();
    await nextTurn();
    time.pass(againMs - 1);
    containers.pump();
    assert.equal(asked.length, 1);
    time.pass(1);
    containers.pump();
    assert.equal(asked.length, 2);
  });
});

/** A runtime on a socket of its own. */
async function served(
  t: TestContext,
  answers: Readonly<Record<string, readonly [status: number, body: string]>>,
) {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-runtime-'));
  const socket = join(folder, 'docker.sock');
  const server = createServer((request, response) => {
    const [status, body] = answers[request.url ?? ''] ?? [404, '{"message":"No such container"}'];
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  }).listen(socket);
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return openContainers({ ...sockets, docker: socket }, clock());
}

describe('at its socket', () => {
  const answer = JSON.stringify({ Id: 'web', Name: '/shop', Config: { Image: 'registry.example/shop:2' } });
  const cases: Readonly<Record<string, readonly [number, string, ContainerFacts | undefined]>> = {
    'name and image': [200, answer, { name: 'shop', image: 'registry.example/shop:2' }],
    'nothing of it': [200, '{}', { name: undefined, image: undefined }],
    'no such container': [404, '{}', { name: undefined, image: undefined }],
    'an error': [500, '{}', undefined],
    'no JSON': [200, 'busy', undefined],
    'an answer without end': [200, `{"Name":"${'x'.repeat(containerLimits.answerBytesMax)}"}`, undefined],
  };
  for (const [title, [status, body, expected]] of Object.entries(cases))
    test(title, async (t) => {
      const containers = await served(t, { '/containers/web/json': [status, body] });
      assert.deepEqual(await containers.ask(web), expected);
    });

  test('nobody there', async () => {
    assert.equal(await openContainers(sockets, clock()).ask(web), undefined);
  });
});
