/**
 * Three nodes of one hub: each an agent in a host name and network namespaces of its own, and one of them
 * with its clock two minutes ahead. Every connection is named at both ends and counted once, and what is
 * translated on its way is told to be apart.
 */

import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { test } from 'node:test';
import type { Actor } from '../lab/actor.ts';
import { routedAddress, type Namespace } from '../lab/namespaces.ts';
import { Stage } from '../lab/stage.ts';
import type { Edge, EdgeMap, NodeList } from '../src/question/map.ts';
import { Daemon, workplace, type Workplace } from './daemons.ts';
import { makeHub } from './real-hub.ts';

const patienceMs = 90_000;
const aheadMs = 120_000;
const [library = ''] = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1');
const ahead = {
  LD_PRELOAD: library,
  FAKETIME: `+${String(aheadMs / 1000)}`,
  FAKETIME_NO_CACHE: '1',
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
};

interface NodeOptions {
  readonly name: string;
  readonly at: Namespace;
  readonly hub: string;
  readonly environment?: NodeJS.ProcessEnv;
}

function agentOf(folder: Workplace, { name, at, hub, environment = {} }: NodeOptions): Daemon {
  const config = folder.write(
    `${name}.yaml`,
    JSON.stringify({
      instance: `ends-${name}-${String(process.pid)}`,
      environment: 'ends',
      window: '1s',
      profile: 'connections',
      namespaces: [at.path],
      exporters: { otlp: { endpoint: hub } },
    }),
  );
  const agent = new Daemon(['agent', '--config', config], { ...folder.environment, ...environment }, name);
  agent.start();
  return agent;
}

interface Calls {
  readonly client: string;
  readonly server: string;
  readonly from: Namespace;
  readonly to: Namespace;
  readonly ip: string;
  readonly port: number;
  readonly times: number;
}

/** So many connections, each accepted, and closed by the client. */
async function call(stage: Stage, { client, server, from, to, ip, port, times }: Calls): Promise<Actor> {
  const { server: serving, listener } = await stage.listening({ at: to, ip, port, name: server });
  const calling = await from.actor(client);
  for (let i = 0; i < times; i++) {
    const socket = await calling.socket();
    await calling.connect(socket, { ip, port });
    const accepted = await serving.accept(listener);
    await calling.close(socket);
    await serving.close(accepted);
  }
  return calling;
}

function line({ source, destination, port, connections, failures, seen_by, apart }: Edge): string {
  const end = ({ host, process, ip }: Edge['source']) => `${host || ip}/${process}`;
  const told = `${end(source)} → ${end(destination)}:${String(port)} ×${String(connections)}`;
  return [told, `${String(failures)} failed`, seen_by, apart].join(' ').trim();
}

async function get<T>(url: string): Promise<T> {
  const response = await fetch(url);
  assert.equal(response.status, 200, await response.clone().text());
  return (await response.json()) as T;
}

/** What is told once it is as expected, or at last. */
async function told<T>(ask: () => Promise<T>, isWhole: (told: T) => boolean): Promise<T> {
  const end = Date.now() + patienceMs;
  for (;;) {
    const now = await ask();
    if (isWhole(now) || Date.now() > end) return now;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

test('each connection is named at both ends, each edge counted once, by whatever clock', async () => {
  using folder = workplace();
  await using stage = new Stage();
  const { left, router, right } = await stage.routed();
  await router.nft(
    'table ip lab_nat { chain out { type nat hook postrouting priority 100; tcp dport 7004 masquerade; }; }',
  );
  await using hub = await makeHub();
  await hub.start();
  await using a = agentOf(folder, { name: 'node-a', at: left, hub: hub.url });
  await using b = agentOf(folder, { name: 'node-b', at: router, hub: hub.url });
  await using c = agentOf(folder, { name: 'node-c', at: right, hub: hub.url, environment: ahead });
  const said = () => [a, b, c].map((agent) => agent.said).join('\n');
  const nodes = () => get<NodeList>(`${hub.url}/api/v1/nodes?environment=ends`);
  const all = await told(nodes, (list) => list.nodes.length === 3);
  assert.deepEqual(
    all.nodes.map((node) => node['host.name']),
    ['node-a', 'node-b', 'node-c'],
    said(),
  );

  const { left: ofA, leftGateway: ofB, right: ofC } = routedAddress;
  const [fromA, fromB, fromC] = [{ from: left }, { from: router }, { from: right }];
  await call(stage, {
    ...fromA,
    client: 'cli-a',
    to: right,
    server: 'srv-c',
    ip: ofC.v4,
    port: 7001,
    times: 5,
  });
  await call(stage, {
    ...fromB,
    client: 'cli-b',
    to: left,
    server: 'srv-a',
    ip: ofA.v4,
    port: 7002,
    times: 4,
  });
  await call(stage, {
    ...fromC,
    client: 'cli-c',
    to: router,
    server: 'srv-b',
    ip: ofB.v4,
    port: 7003,
    times: 3,
  });
  await call(stage, {
    ...fromA,
    client: 'nat-a',
    to: right,
    server: 'srv-n',
    ip: ofC.v4,
    port: 7004,
    times: 2,
  });
  await call(stage, {
    ...fromA,
    client: 'loc-a',
    to: left,
    server: 'loc-s',
    ip: '127.0.0.1',
    port: 7005,
    times: 1,
  });

  const expected = [
    'node-a/cli-a → node-c/srv-c:7001 ×5 0 failed both',
    'node-b/cli-b → node-a/srv-a:7002 ×4 0 failed both',
    'node-c/cli-c → node-b/srv-b:7003 ×3 0 failed both',
    'node-a/nat-a → node-c/srv-n:7004 ×2 0 failed source unjoined',
    'node-b/ → node-c/srv-n:7004 ×2 0 failed destination unjoined',
    'node-a/loc-a → node-a/loc-s:7005 ×1 0 failed both',
  ].sort();
  const lines = async () => {
    const map = await get<EdgeMap>(`${hub.url}/api/v1/edges?environment=ends&since=10m`);
    return { ...map, lines: map.edges.map(line).sort() };
  };
  const map = await told(lines, (now) => JSON.stringify(now.lines) === JSON.stringify(expected));
  assert.deepEqual(map.lines, expected, said());
  assert.deepEqual(map.totals, {
    all: { edges: 6, connections: 17 },
    joined: { edges: 4, connections: 13 },
    unjoined: { edges: 2, connections: 4 },
    ambiguous: { edges: 0, connections: 0 },
  });

  const clocks = (await nodes()).nodes.map(({ clock }) => clock);
  assert.deepEqual(
    clocks.map(({ correction_ms: ms }) => Math.round(ms / aheadMs)),
    [0, 0, -1],
    JSON.stringify(clocks),
  );
});
