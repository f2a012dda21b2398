import assert from 'node:assert/strict';
import { readlinkSync } from 'node:fs';
import { describe, test } from 'node:test';
import { noInbound } from '../../../test/observations.ts';
import { noCounts, type Counters, type NetnsCounts } from '../../model/observation.ts';
import { findNamespaces, openNamespaces, type Namespaces, type NamespacesState } from './namespaces.ts';
import type { Native } from './native.ts';

const ownInode = Number(/\d+/.exec(readlinkSync('/proc/self/ns/net'))?.[0]);
const vanishedInode = 1;

const opens = (activeOpens: number): Counters => ({ ...noCounts, activeOpens });

/** The programs' table and the kernel's counter of active opens, both set by the test. */
interface World {
  readonly table: NetnsCounts[];
  kernel: number;
  /** Called at each visit: what happens meanwhile. */
  meanwhile: () => void;
  visits: number;
  fail: string | undefined;
  /** Places that should be free, and are not. */
  lacking: number;
  /** By path: namespaces beside this process's, and the kernel's counter there. */
  readonly others: Map<string, readonly [cookie: bigint, kernel: number]>;
  /** Times that a namespace found no place. */
  full: number;
  readonly namespaces: Namespaces;
}

const fail = () => assert.fail('no such namespace');
const ownCookie = 77n;

/** `other:7` has inode 7. */
const inodeOf = (path: string) => Number(path.split(':')[1]);

function world({ scope }: { scope?: readonly bigint[] } = {}): World {
  const native = {
    netns: (path: string) => {
      made.visits++;
      made.meanwhile();
      if (made.fail !== undefined) return Promise.reject(new Error(made.fail));
      const [cookie, kernel] = path === 'own' ? [ownCookie, made.kernel] : (made.others.get(path) ?? fail());
      return Promise.resolve({ cookie, inode: 0, texts: [String(kernel), ''] });
    },
  } as Partial<Native> as Native;
  const table: NetnsCounts[] = [];
  const made: World = {
    table,
    kernel: 0,
    meanwhile: () => undefined,
    visits: 0,
    fail: undefined,
    lacking: 0,
    others: new Map(),
    full: 0,
    namespaces: openNamespaces({
      native,
      numbers: {
        known: () => table.map(({ id }) => id),
        lacking: () => made.lacking,
        mend: () => Promise.resolve(),
        retire: (ids) => {
          for (const id of ids)
            table.splice(
              table.findIndex((counts) => counts.id === id),
              1,
            );
          return Promise.resolve();
        },
      },
      read: (id) => table.find((counts) => counts.id === id),
      parse: ([snmp]) => ({ compared: opens(Number(snmp)), inbound: noInbound }),
      find: () =>
        new Map([
          [ownInode, 'own'],
          ...[...made.others.keys()].map((path) => [inodeOf(path), path] as const),
        ]),
      scope,
      full: () => made.full,
    }),
  };
  return made;
}

function meet(w: World, counts: Partial<NetnsCounts> = {}): void {
  const id = 1 + Math.max(0, ...w.table.map((met) => met.id));
  w.table.push({ id, cookie: ownCookie, inode: ownInode, counters: noCounts, untracked: 0, ...counts });
}

function count(w: World, counters: Counters): void {
  w.table[0] = { ...w.table[0]!, counters };
}

describe('findNamespaces', () => {
  test('finds this process\u2019s, by inode', () => {
    const path = findNamespaces().get(ownInode);
    assert.match(path ?? '', /^\/proc\/\d+\/ns\/net$|netns/);
  });
});

describe('observe', () => {
  test('says nothing before a namespace is met', async () => {
    const w = world();
    await w.namespaces.start();
    assert.deepEqual(await w.namespaces.observe(), []);
  });

  test('counts from the reading at the start', async () => {
    const w = world();
    w.kernel = 100;
    await w.namespaces.start();
    meet(w);
    count(w, opens(3));
    w.kernel = 103;
    const [observation] = await w.namespaces.observe();
    assert.deepEqual(observation?.baseline, {
      before: noCounts,
      kernel: opens(100),
      after: noCounts,
      inbound: noInbound,
    });
    assert.deepEqual(observation.now, {
      before: opens(3),
      kernel: opens(103),
      after: opens(3),
      inbound: noInbound,
    });
    assert.equal(observation.unreachable, undefined);
  });

  test('a namespace that came later starts at zero', async () => {
    const w = world();
    meet(w);
    count(w, opens(2));
    w.kernel = 2;
    const [observation] = await w.namespaces.observe();
    assert.deepEqual(observation?.baseline, {
      before: noCounts,
      kernel: noCounts,
      after: noCounts,
      inbound: noInbound,
    });
  });

  test('reads again while counts move, and gives up after five times', async () => {
    const w = world();
    meet(w);
    let opened = 0;
    w.meanwhile = () => {
      if (opened < 2) count(w, opens(++opened));
    };
    let [observation] = await w.namespaces.observe();
    assert.equal(w.visits, 3);
    assert.deepEqual(observation?.now?.before, observation?.now?.after);

    w.visits = 0;
    w.meanwhile = () => count(w, opens(++opened));
    [observation] = await w.namespaces.observe();
    assert.equal(w.visits, 5);
    assert.equal(observation?.now?.after.activeOpens, observation!.now!.before.activeOpens + 1);
  });

  test('a vanished namespace is named once, and again when it moved', async () => {
    const w = world();
    meet(w, { inode: vanishedInode });
    const named = async (): Promise<(string | undefined)[]> =>
      (await w.namespaces.observe()).map((o) => o.unreachable);
    assert.deepEqual(await named(), ['no process and no mount of it is left']);
    assert.deepEqual(await named(), []);
    count(w, opens(1));
    assert.deepEqual(await named(), ['no process and no mount of it is left']);
    assert.equal(w.visits, 3, 'of the one that is there');
  });

  test('another namespace under the same inode is not taken for it', async () => {
    const w = world();
    meet(w, { cookie: 5555n });
    const [observation] = await w.namespaces.observe();
    assert.equal(observation?.unreachable, 'no process and no mount of it is left');
    assert.equal(observation.now, undefined);
  });

  test('what could not be entered says why, and is compared as soon as it can be', async () => {
    const w = world();
    meet(w);
    w.fail = 'enter the network namespace: Operation not permitted';
    assert.equal((await w.namespaces.observe())[0]?.unreachable, w.fail);
    w.fail = undefined;
    const [observation] = await w.namespaces.observe();
    assert.deepEqual(observation?.now?.kernel, noCounts);
  });
});

/** As it is written down and read again. */
const handedOver = (w: World) => JSON.parse(JSON.stringify(w.namespaces.state())) as NamespacesState;

describe('after another agent', () => {
  test('counts go on from its reading', async () => {
    const [before, w] = [world(), world()];
    before.kernel = 100;
    const baselines = await before.namespaces.start();
    w.namespaces.resume(baselines, before.namespaces.state());
    meet(w);
    count(w, opens(3));
    w.kernel = 103;
    const [observation] = await w.namespaces.observe();
    assert.deepEqual(observation?.baseline, {
      before: noCounts,
      kernel: opens(100),
      after: noCounts,
      inbound: noInbound,
    });
  });

  test('a vanished namespace that it has named is not named again', async () => {
    const [before, w] = [world(), world()];
    for (const each of [before, w]) meet(each, { inode: vanishedInode });
    assert.equal((await before.namespaces.observe()).length, 1);
    const told = handedOver(before);
    w.namespaces.resume(new Map(), told);
    assert.deepEqual(await w.namespaces.observe(), []);
  });
});

test('inode tells 0 of a number that nobody has', () => {
  const w = world();
  meet(w);
  assert.equal(w.namespaces.inode(1), ownInode);
  assert.equal(w.namespaces.inode(2), 0);
});

describe('recycle', () => {
  /** Two: this process's, and one that is gone, which was told with 3 connections. */
  async function told(): Promise<World> {
    const w = world();
    await w.namespaces.start();
    meet(w);
    meet(w, { cookie: 5n, inode: vanishedInode, counters: opens(3) });
    const [, gone] = await w.namespaces.observe();
    assert.equal(gone?.counts.cookie, 5n);
    w.lacking = 9;
    return w;
  }

  test('lets go of what is gone, told, and still since; its inode is still known', async () => {
    const w = await told();
    assert.deepEqual(await w.namespaces.recycle(), [], 'told just now');
    await w.namespaces.observe();
    assert.deepEqual(await w.namespaces.recycle(), [5n]);
    assert.deepEqual(
      w.table.map(({ cookie }) => cookie),
      [ownCookie],
    );
    assert.equal(w.namespaces.inode(2), vanishedInode);
    assert.deepEqual(w.namespaces.state().vanished, [], 'nothing is kept of it');
    assert.deepEqual(await w.namespaces.recycle(), []);
  });

  test('not of one that still counts', async () => {
    const w = await told();
    w.table[1] = { ...w.table[1]!, counters: opens(4) };
    await w.namespaces.observe();
    assert.deepEqual(await w.namespaces.recycle(), []);
  });

  test('not while there is room', async () => {
    const w = await told();
    w.lacking = 0;
    await w.namespaces.observe();
    assert.deepEqual(await w.namespaces.recycle(), []);
  });

  test('one that was let go and is met again is not compared: what it counted before is gone', async () => {
    const w = await told();
    await w.namespaces.observe();
    await w.namespaces.recycle();
    meet(w, { id: 65_538, cookie: 5n, inode: ownInode, counters: opens(1) });
    const again = (await w.namespaces.observe()).find(({ counts }) => counts.cookie === 5n);
    assert.match(again?.unreachable ?? '', /taken for gone/);
  });
  test('so it is for the agent that comes next', async () => {
    const w = await told();
    await w.namespaces.observe();
    await w.namespaces.recycle();
    const next = world();
    next.namespaces.resume(new Map(), handedOver(w));
    assert.equal(next.namespaces.inode(2), vanishedInode);
    meet(next, { cookie: 5n, inode: ownInode, counters: opens(1) });
    const [again] = await next.namespaces.observe();
    assert.match(again?.unreachable ?? '', /taken for gone/);
  });

  test('also if the agent before was killed right behind it', async () => {
    const w = await told();
    await w.namespaces.observe();
    const written = handedOver(w);
    const next = world();
    next.namespaces.resume(new Map(), written); // the number is taken back: nobody has it
    meet(next, { cookie: 5n, inode: ownInode, counters: opens(1) });
    const [again] = await next.namespaces.observe();
    assert.match(again?.unreachable ?? '', /taken for gone/);
  });
});

describe('what the programs have not met', () => {
  const seen = async (w: World): Promise<unknown[]> =>
    (await w.namespaces.observe()).map(({ counts, baseline, now, unreachable, placeless }) => [
      counts.cookie,
      counts.counters.activeOpens,
      now && baseline ? now.kernel.activeOpens - baseline.kernel.activeOpens : unreachable,
      ...(placeless === true ? ['placeless'] : []),
    ]);
  const gone = 'no process and no mount of it is left';

  test('is told where the kernel counted, from the reading at the start or from zero', async () => {
    const w = world();
    w.others.set('other:7', [7n, 100]);
    await w.namespaces.start();
    w.others.set('other:8', [8n, 0]);
    assert.deepEqual(await seen(w), [], 'nothing happened there');
    w.others.set('other:7', [7n, 103]).set('other:8', [8n, 2]);
    assert.deepEqual(await seen(w), [
      [7n, 0, 3],
      [8n, 0, 2],
    ]);
  });

  test('says so where all places were taken, also when it has one in the end', async () => {
    const w = world();
    w.others.set('other:7', [7n, 3]);
    w.full = 1;
    assert.deepEqual(await seen(w), [[7n, 0, 3, 'placeless']]);
    meet(w, { cookie: 7n, inode: 7, counters: opens(1) });
    w.others.set('other:7', [7n, 4]);
    assert.deepEqual(await seen(w), [[7n, 1, 4, 'placeless']]);
  });

  test('is named once when it is gone, also by the next agent, and then forgotten', async () => {
    for (const isNext of [false, true]) {
      const before = world();
      before.others.set('other:7', [7n, 3]);
      assert.deepEqual(await seen(before), [[7n, 0, 3]]);
      const w = isNext ? world() : before;
      if (isNext) w.namespaces.resume(new Map(), handedOver(before));
      w.others.delete('other:7');
      assert.deepEqual(await seen(w), [[7n, 0, gone]]);
      assert.deepEqual(await w.namespaces.recycle(), [7n]);
      assert.deepEqual(await seen(w), []);
      assert.deepEqual(await w.namespaces.recycle(), []);
      assert.deepEqual(w.namespaces.state().unmet, []);
    }
  });

  test('also when another has its inode', async () => {
    const w = world();
    w.others.set('other:7', [7n, 3]);
    await w.namespaces.observe();
    w.others.set('other:7', [8n, 0]);
    assert.deepEqual(await seen(w), [[7n, 0, gone]]);
  });

  test('outside the scope it is not told, and looked at once', async () => {
    const w = world({ scope: [7n] });
    w.others.set('other:7', [7n, 3]).set('other:8', [8n, 3]);
    assert.deepEqual(await seen(w), [[7n, 0, 3]]);
    w.visits = 0;
    assert.deepEqual(await seen(w), [[7n, 0, 3]]);
    assert.equal(w.visits, 1);
  });

  test('of many, each has its turn', async () => {
    const w = world();
    for (let inode = 100; inode < 250; inode++) w.others.set(`other:${String(inode)}`, [BigInt(inode), 1]);
    const told: unknown[] = [];
    for (const visits of [64, 64, 64]) {
      w.visits = 0;
      told.push(...(await w.namespaces.observe()).map(({ counts }) => counts.inode));
      assert.equal(w.visits, visits);
    }
    assert.equal(new Set(told).size, 150);
  });

  test('what cannot be entered is not told', async () => {
    const w = world();
    w.others.set('other:7', [7n, 3]);
    w.fail = 'enter the network namespace: Operation not permitted';
    assert.deepEqual(await w.namespaces.observe(), []);
  });
});
