/**
 * Real traffic for `sonde demo`: what a small system does on a good and on a bad day, in throwaway
 * namespaces. Nothing in Sonde knows that it is a demonstration.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Actor, Address } from './actor.ts';
import type { ActorError } from './channel.ts';
import { insideSteps } from './demo-inside.ts';
import type { Routed } from './namespaces.ts';
import { routedAddress } from './namespaces.ts';
import { Stage } from './stage.ts';
import type { Pair } from './stage.ts';

/** One thing that happens; `see` is what Sonde should say of it. */
export type DemoStep = { readonly title: string; readonly see: string; play(set: DemoSet): Promise<void> };

export type DemoSet = { readonly stage: Stage; readonly hosts: Routed };

const ip = routedAddress.right.v4;

/** More than the kernel's. */
const tickMs = 20;

async function exchange({ client, server, c, s }: Pair, bytes: number): Promise<void> {
  await client.send(c, bytes);
  await server.receive(s, bytes);
  await server.send(s, bytes * 10);
  await client.receive(c, bytes * 10);
}

/** The server ends the connection by a reset. */
async function thrownOut({ client, server, c, s }: Pair): Promise<void> {
  await server.set(s, 'lingerS', 0);
  await server.close(s);
  await client.until(c, { state: 'CLOSE' });
  await client.close(c);
}

async function pair(
  { stage, hosts }: DemoSet,
  clientName: string,
  serverName: string,
  port: number,
): Promise<Pair> {
  return stage.pair({ clientAt: hosts.left, serverAt: hosts.right, ip, port, clientName, serverName });
}

/** A failure is what the application expects here. */
const told = (error: unknown): string => (error as ActorError).errno;

/** An attempt that is expected to fail; what the application is told does not matter here. */
async function attempt(from: Actor, to: Address): Promise<void> {
  const socket = await from.socket('tcp4');
  await from.connect(socket, to, { block: true }).catch(told);
  await from.close(socket);
}

/** Attempts side by side that nothing answers, until the kernel gives each of them up: one second and two. */
async function unanswered(from: Actor, to: Address, attempts: number): Promise<void> {
  const sockets = [];
  for (let i = 0; i < attempts; i++) {
    const socket = await from.socket('tcp4');
    await from.set(socket, 'synCount', 1);
    await from.connectStart(socket, to);
    sockets.push(socket);
  }
  for (const socket of sockets) {
    await from.until(socket, { state: 'CLOSE' });
    await from.close(socket);
  }
}

export const demoSteps: readonly DemoStep[] = [
  {
    title: 'storefront asks catalog 5 times',
    see: 'closed, with latency and bytes, at both ends',
    async play(set) {
      const first = await pair(set, 'storefront', 'catalog', 8080);
      await exchange(first, 400);
      for (let i = 0; i < 4; i++) {
        const c = await first.client.socket('tcp4');
        await first.client.connect(c, first.to);
        const s = await first.server.accept(first.listener);
        await exchange({ ...first, c, s }, 400);
        await first.client.close(c);
        await first.server.receiveEnd(s);
        await first.server.close(s);
      }
      await first.client.close(first.c);
      await first.server.receiveEnd(first.s);
      await first.server.close(first.s);
    },
  },
  {
    title: 'dashboard asks render on 5 connections, and render has stopped answering',
    see: 'open, an answer owed; render leads the slow applications',
    async play(set) {
      const first = await pair(set, 'dashboard', 'render', 8090);
      const open = [first];
      for (let i = 0; i < 4; i++) {
        const c = await first.client.socket('tcp4');
        await first.client.connect(c, first.to);
        open.push({ ...first, c, s: await first.server.accept(first.listener) });
      }
      for (const each of open) await exchange(each, 400);
      await sleep(tickMs); // within one nobody can tell what came first
      for (const { client, server, c, s } of open) {
        await client.send(c, 400);
        await server.receive(s, 400);
      }
    },
  },
  {
    title: 'checkout calls a payment service that is down, 40 times without a pause',
    see: 'refused, ECONNREFUSED; checkout leads the retry storms',
    async play({ hosts }) {
      const checkout = await hosts.left.actor('checkout');
      for (let i = 0; i < 40; i++) await attempt(checkout, { ip, port: 8443 });
    },
  },
  {
    title: 'a broken proxy resets every connection of four clients as soon as it is accepted',
    see: 'reset, local at the proxy, remote at its clients; the proxy leads the reset bursts',
    async play(set) {
      const first = await pair(set, 'mobile-api', 'proxy', 3128);
      await thrownOut(first);
      for (const name of ['mobile-api', 'web-shop', 'partner-api', 'admin-ui']) {
        const client = await set.hosts.left.actor(name);
        for (let i = 0; i < 6; i++) {
          const c = await client.socket('tcp4');
          await client.connect(c, first.to);
          const s = await first.server.accept(first.listener);
          await thrownOut({ ...first, client, c, s });
        }
      }
    },
  },
  {
    title: 'a firewall cuts an upload in the middle',
    see: 'reset, remote, ECONNRESET, with the bytes that got through',
    async play(set) {
      const upload = await pair(set, 'backup', 'vault', 9000);
      await exchange(upload, 2000);
      await set.hosts.router.filter([`ip daddr ${ip} tcp dport 9000 reject with tcp reset`], 'forward');
      await upload.client.send(upload.c, 1000);
      await upload.client.until(upload.c, { state: 'CLOSE' });
      await upload.client.close(upload.c);
    },
  },
  {
    title: 'reports looks 5 times for a database behind a network that swallows packets, ledger once',
    see: 'timed_out, by kernel, ETIMEDOUT, the SYN retransmitted; the database leads the timeouts',
    async play({ hosts }) {
      await hosts.router.filter([`ip daddr ${ip} tcp dport { 5432, 6379 } drop`], 'forward');
      const [reports, ledger] = [await hosts.left.actor('reports'), await hosts.left.actor('ledger')];
      await Promise.all([
        unanswered(reports, { ip, port: 5432 }, 5),
        unanswered(ledger, { ip, port: 6379 }, 1),
      ]);
    },
  },
  {
    title: 'search gives up on a slow peer at once',
    see: 'canceled',
    async play({ hosts }) {
      await hosts.router.filter([`ip daddr ${ip} tcp dport 9200 drop`], 'forward');
      const search = await hosts.left.actor('search');
      const socket = await search.socket('tcp4');
      await search.connectStart(socket, { ip, port: 9200 });
      await search.close(socket);
    },
  },
  {
    title: 'mailer calls a host that the router cannot reach',
    see: 'unreachable, EHOSTUNREACH',
    async play({ hosts }) {
      await hosts.router.ip('route add unreachable 10.31.9.9');
      await attempt(await hosts.left.actor('mailer'), { ip: '10.31.9.9', port: 25 });
    },
  },
  ...insideSteps,
];

/** A connection that stays: every window tells of it. Ends with the set. */
export async function longLived(set: DemoSet): Promise<() => Promise<void>> {
  const held = await pair(set, 'worker', 'queue', 5672);
  return () => exchange(held, 50);
}

/** Makes the hosts, plays, and takes everything away again, whatever happens. */
export async function onDemoSet(play: (set: DemoSet) => Promise<void>): Promise<void> {
  await using stage = new Stage();
  await play({ stage, hosts: await stage.routed() });
}
