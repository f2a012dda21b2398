/** What the demonstration plays of names, and of somebody who moves about inside. */
import { look, resolver } from './lookups.ts';
import type { Routed } from './namespaces.ts';
import { routedAddress } from './namespaces.ts';
import type { Stage } from './stage.ts';

type Set = { readonly stage: Stage; readonly hosts: Routed };

const here = routedAddress.left.v4;
const there = routedAddress.right.v4;
/** Another address of the same host, which nothing else uses. */
const stock = '10.31.2.3';
const beyond = routedAddress.rightGateway.v4;

export const insideSteps = [
  {
    title: 'webshop looks up stock.example and asks it; for payments.example nobody answers, 60 times',
    see: 'lookups unanswered: payments.example leads the dependencies',
    async play({ stage, hosts }: Set): Promise<void> {
      await hosts.right.ip(`addr add ${stock}/24 dev eth0`);
      const names = await resolver(await hosts.right.actor('resolver'), { ip: there, port: 53 });
      const webshop = await hosts.left.actor('webshop');
      const asker = { actor: webshop, ip: here };
      await look(asker, names, {
        name: 'stock.example',
        times: 1,
        answer: { rcode: 'NOERROR', address: stock },
      });
      const { server, listener } = await stage.listening({
        at: hosts.right,
        ip: stock,
        port: 8600,
        name: 'stock',
      });
      for (let i = 0; i < 3; i++) {
        const c = await webshop.socket('tcp4');
        await webshop.connect(c, { ip: stock, port: 8600 });
        await webshop.close(c);
        await server.close(await server.accept(listener));
      }
      await look(asker, names, { name: 'tax.example', times: 3, answer: { rcode: 'SERVFAIL' } });
      await look(asker, names, { name: 'payments.example', times: 60 });
    },
  },
  {
    title: 'intruder tries 24 ports of a host, one after another',
    see: 'refused, 24 first contacts: a scan',
    async play({ hosts }: Set): Promise<void> {
      const intruder = await hosts.left.actor('intruder');
      for (let port = 7001; port <= 7024; port++) {
        const socket = await intruder.socket('tcp4');
        await intruder.connect(socket, { ip: there, port }, { block: true }).catch(() => 'refused');
        await intruder.close(socket);
      }
    },
  },
  {
    title: 'jump connects to sshd on a host, and ssh on that host to sshd on the next',
    see: 'closed, port 22: a chain of new admin edges',
    async play({ stage, hosts }: Set): Promise<void> {
      const first = await stage.pair({
        clientAt: hosts.left,
        serverAt: hosts.right,
        ip: there,
        port: 22,
        clientName: 'jump',
        serverName: 'sshd',
      });
      const second = await stage.pair({
        clientAt: hosts.right,
        serverAt: hosts.router,
        ip: beyond,
        port: 22,
        clientName: 'ssh',
        serverName: 'sshd',
      });
      for (const { client, server, c, s } of [second, first]) {
        await client.close(c);
        await server.receiveEnd(s);
        await server.close(s);
      }
    },
  },
] as const;
