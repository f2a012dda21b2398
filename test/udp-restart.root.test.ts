/** Agents that are killed while UDP flows go on: nothing is lost, nothing twice, and no flow opens again. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Stage } from '../lab/stage.ts';
import type { Moment } from './killed-agent.ts';
import { assertWhole, flowsOf, Restarted } from './restarted.ts';
import { bound, noUdp, udpSums } from './udp-sums.ts';

/** Before the flows are at rest, before and after they are swept, and when their rows are safe. */
const moments: readonly Moment[] = ['numbered', 'live slot set', 'swept', 'udp swept', 'read', 'committed'];

describe('killed in the midst of closing a window', { concurrency: 1 }, () => {
  for (const moment of moments) {
    test(moment, { timeout: 120_000 }, async () => {
      await using stage = new Stage();
      await using agents = new Restarted();
      const at = await stage.namespace('one');
      const settings = { namespaces: [at.path], signals: { udp: 'on' } };
      const first = agents.start(settings, { dies: { moment, window: 3 } });
      await first.opened();
      const { server, s } = await bound(at, '127.0.0.1', 5300);
      const client = await at.actor('client');
      const c = await client.socket('udp4');
      let rounds = 0;
      const talk = async () => {
        await client.sendDatagrams(c, { count: 2, bytes: 10, to: { ip: '127.0.0.1', port: 5300 } });
        await server.takeDatagrams(s, 2, 20);
        await client.takeDatagrams(c, 2);
        rounds++;
      };
      const load = { on: true };
      const talking = (async () => {
        while (load.on) await talk();
      })();
      assert.equal(await first.ended(), 'SIGKILL');
      const second = agents.start(settings);
      await second.opened();
      await agents.told(5);
      load.on = false;
      await talking;
      await client.close(c);
      await server.close(s);
      await agents.told(agents.windows().length + 2);
      assert.equal(await second.end('SIGTERM'), '0', second.said());
      assertWhole(agents.windows());
      const sum = { ...noUdp, opened: 1, closed: 1 };
      const datagrams = 2 * rounds;
      const both = { ...sum, datagramsSent: datagrams, datagramsReceived: datagrams };
      assert.deepEqual(udpSums(flowsOf(agents.windows())), {
        'client egress 127.0.0.1 5300': { ...both, bytesSent: 10 * datagrams, bytesReceived: 20 * datagrams },
        'server ingress 127.0.0.1 5300': {
          ...both,
          bytesSent: 20 * datagrams,
          bytesReceived: 10 * datagrams,
        },
      });
    });
  }
});
