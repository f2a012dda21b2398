/**
 * Agents that are killed with the signal that nothing can catch, at random moments and at every step of
 * closing a window, under load: over all their windows the sums are the truth, and a clean stop leaves
 * nothing behind.
 */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { ChurnTruth } from '../lab/churn.ts';
import { Stage } from '../lab/stage.ts';
import { entropySeed, prng } from '../src/lib/prng.ts';
import { moments } from './killed-agent.ts';
import { assertTruth, assertWhole, flowsOf, Restarted } from './restarted.ts';
import { eventually } from './rig.ts';
import { churn } from './truth.ts';
import { programsOf } from '../src/agent/kernel/signals.ts';
import { wantedSignals } from '../src/model/signals.ts';
import { questionsFolder, signalsNeeded } from '../src/question/discovery.ts';

const killsWanted = Number(process.env['SONDE_RESTART_KILLS'] ?? 12);
const connectionsPerSecond = Number(process.env['SONDE_RESTART_RATE'] ?? 1000);

/** Ids of the kernel's objects that are pinned there. */
function pinnedIds(folder: string): { maps: number[]; links: number[] } {
  const [generation = ''] = readdirSync(folder);
  const id = (kind: 'map' | 'link', name: string): number =>
    (
      JSON.parse(
        execFileSync('bpftool', ['-j', kind, 'show', 'pinned', `${folder}/${generation}/${name}`], {
          encoding: 'utf8',
        }),
      ) as { id: number }
    ).id;
  const names = readdirSync(`${folder}/${generation}`);
  return {
    maps: names.filter((name) => !name.startsWith('link_')).map((name) => id('map', name)),
    links: names.filter((name) => name.startsWith('link_')).map((name) => id('link', name)),
  };
}

/** The kernel lets go of them some time after their last name and descriptor are gone. */
function stillThere({ maps, links }: { maps: readonly number[]; links: readonly number[] }): string[] {
  const list = (kind: 'map' | 'link') => {
    const shown = execFileSync('bpftool', ['-j', kind, 'show'], { encoding: 'utf8' });
    return (JSON.parse(shown) as { id: number }[]).map(({ id }) => id);
  };
  const [allMaps, allLinks] = [list('map'), list('link')];
  return [
    ...maps.filter((id) => allMaps.includes(id)).map((id) => `map ${String(id)}`),
    ...links.filter((id) => allLinks.includes(id)).map((id) => `link ${String(id)}`),
  ];
}

test(
  'killed at random moments under load: nothing is lost, nothing twice',
  { timeout: 600_000 },
  async (t) => {
    const seed = Number(process.env['SONDE_RESTART_SEED'] ?? entropySeed());
    t.diagnostic(`SONDE_RESTART_SEED=${String(seed)}`);
    const chance = prng(seed);
    await using stage = new Stage();
    await using agents = new Restarted();
    const at = await stage.namespace('one');
    const settings = { namespaces: [at.path] };
    let life = agents.start(settings);
    await life.opened();
    const { client, server, c, s } = await stage.pair({ clientAt: at });
    const load = { on: true, rounds: 0 };
    const truths: ChurnTruth[] = [];
    const churning = (async () => {
      while (load.on)
        truths.push(
          ...(await churn({ netns: at.path, tag: 'one', perTarget: 40, rate: connectionsPerSecond })),
        );
    })();
    const talking = (async () => {
      for (; load.on; load.rounds++) {
        await client.send(c, 1000);
        await server.receive(s, 1000);
        await server.send(s, 3000);
        await client.receive(c, 3000);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    for (let kill = 0; kill < killsWanted; kill++) {
      await new Promise((resolve) => setTimeout(resolve, chance.below(700)));
      assert.equal(await life.end('SIGKILL'), 'SIGKILL');
      life = agents.start(settings);
      if (chance.below(4) > 0) await life.opened(); // else it is killed while it starts, or soon after
    }
    await life.opened();
    load.on = false;
    await Promise.all([churning, talking]);
    await agents.told(agents.windows().length + 2);
    const left = pinnedIds(agents.pins);
    const on = wantedSignals({ profile: 'failures', signals: {} }, signalsNeeded(questionsFolder()));
    assert.equal(left.links.length, on.flatMap((name) => programsOf(name)).length);
    assert.equal(await life.end('SIGTERM'), '0', life.said());
    assert.ok(await eventually(() => stillThere(left).length === 0, 60_000), stillThere(left).join(' '));

    const windows = agents.windows();
    const lost = windows.flatMap(({ closing }) => Object.entries(closing.lost));
    const told = windows.at(-1)?.closing['coverage.namespaces'].map(({ difference }) => difference);
    t.diagnostic(`lost: ${JSON.stringify(lost)}, coverage at the end: ${JSON.stringify(told)}`);
    assertWhole(windows);
    assertTruth(windows, truths);
    const talked = flowsOf(windows);
    const sent = talked
      .filter((flow) => flow['destination.port'] === 7000 && flow.direction === 'egress')
      .reduce((sum, flow) => sum + flow['bytes.sent'], 0);
    assert.equal(sent, 1000 * load.rounds);
    t.diagnostic(
      `${String(killsWanted)} kills, ${String(windows.length)} windows, ${String(load.rounds)} rounds`,
    );
    assert.deepEqual(agents.generations(), []);
  },
);

describe('killed in the midst of closing a window', { concurrency: 1 }, () => {
  for (const moment of moments) {
    test(moment, { timeout: 300_000 }, async () => {
      await using stage = new Stage();
      await using agents = new Restarted();
      const at = await stage.namespace('one');
      const settings = { namespaces: [at.path] };
      const first = agents.start(settings, { dies: { moment, window: 3 } });
      await first.opened();
      const { client, server, c, s } = await stage.pair({ clientAt: at });
      const early = churn({ netns: at.path, tag: 'early', perTarget: 60, rate: 600 });
      await client.send(c, 1000);
      await server.receive(s, 1000);
      assert.equal(await first.ended(), 'SIGKILL');
      const done = moments.indexOf(moment) >= moments.indexOf('committed');
      assert.equal(agents.windows().at(-1)?.number, done ? 3 : 2);
      await server.send(s, 500); // counted for nobody yet
      await client.receive(c, 500);
      const truths = [...(await early), ...(await churn({ netns: at.path, tag: 'gap', perTarget: 10 }))];
      const second = agents.start(settings);
      await second.opened();
      await agents.told(5);
      assert.equal(await second.end('SIGTERM'), '0', second.said());
      assert.match(second.said(), /going on with the counts of the agent before, behind window [23]/);
      assertWhole(agents.windows());
      assertTruth(agents.windows(), truths);
      assert.deepEqual(agents.generations(), []);
    });
  }
});
