/** Whose an address is, and was. Each test has an environment and addresses of its own. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { line, openMapStore, type MapStore } from '../../../test/map-store.ts';

let map: MapStore;
before(async () => {
  map = await openMapStore();
});
after(() => map[Symbol.asyncDispose]());

describe('whose an address is', () => {
  test('several nodes’ is nobody’s, and named so', async () => {
    const [a, b, c] = [map.node('bridge', 'a'), map.node('bridge', 'b'), map.node('bridge', 'c')];
    await map.store({
      addresses: [a.address(300, '10.10.0.1'), ...[b, c].map((of) => of.address(300, '10.10.17.1'))],
      flows: [a.flow(90, { process_name: 'curl', destination_ip: '10.10.17.1' })],
    });
    const { edges, totals } = await map.mapOf('bridge');
    assert.deepEqual(edges.map(line), ['a/curl → 10.10.17.1/:80 ×1 source ambiguous']);
    assert.deepEqual(totals.ambiguous, { edges: 1, connections: 1 });
  });

  test('two agents that look at one network namespace are one', async () => {
    const [a, b] = [map.node('twice', 'a'), map.node('twice', 'b')];
    await map.store({
      addresses: [
        a.address(300, '10.11.0.1'),
        b.address(300, '10.11.0.2'),
        b.address(200, '10.11.0.2', 'present', { agent_instance: 'second' }),
      ],
      flows: [a.flow(90, { process_name: 'curl', destination_ip: '10.11.0.2' })],
    });
    assert.deepEqual(await map.lines('twice'), ['a/curl → b/:80 ×1 source unjoined']);
  });

  test('is what it was then, not now', async () => {
    const [a, b, c] = [map.node('moves', 'a'), map.node('moves', 'b'), map.node('moves', 'c')];
    const served = { direction: 'ingress', source_ip: '10.12.0.1', destination_ip: '10.12.0.9' };
    const from = { process_name: 'curl', destination_ip: '10.12.0.9' };
    await map.store({
      addresses: [
        a.address(500, '10.12.0.1'),
        b.address(500, '10.12.0.9'),
        b.address(300, '10.12.0.9', 'gone'),
        c.address(280, '10.12.0.9', 'appeared'),
      ],
      flows: [
        a.flow(400, { ...from, connections_opened: 2 }),
        b.flow(400, { ...served, process_name: 'old', connections_opened: 2 }),
        // Between the two it is nobody's.
        a.flow(290, {
          ...from,
          connections_opened: 1,
          connection_state: 'unreachable',
          connections_established: 0,
        }),
        a.flow(100, { ...from, connections_opened: 3 }),
        c.flow(100, { ...served, process_name: 'new', connections_opened: 3 }),
      ],
    });
    assert.deepEqual(await map.lines('moves'), [
      'a/curl → c/new:80 ×3 both',
      'a/curl → b/old:80 ×2 both',
      'a/curl → 10.12.0.9/:80 ×1 (1 failed) source unowned',
    ]);
  });

  test('in the window in which it moves it is both’s', async () => {
    const [a, b, c] = [map.node('moving', 'a'), map.node('moving', 'b'), map.node('moving', 'c')];
    await map.store({
      addresses: [
        b.address(500, '10.13.0.9'),
        b.address(300, '10.13.0.9', 'gone'),
        c.address(300, '10.13.0.9', 'appeared'),
      ],
      flows: [300, 290].map((ago) => a.flow(ago, { process_name: 'curl', destination_ip: '10.13.0.9' })),
    });
    assert.deepEqual(await map.lines('moving'), [
      'a/curl → 10.13.0.9/:80 ×1 source ambiguous',
      'a/curl → c/:80 ×1 source unjoined',
    ]);
  });

  test('lapses where nobody told it for more than an hour', async () => {
    const [a, b] = [map.node('lapsed', 'a'), map.node('lapsed', 'b')];
    await map.store({
      addresses: [b.address(2 * 3600, '10.14.0.2')],
      flows: [3600, 100].map((ago) =>
        a.flow(ago, { process_name: 'curl', destination_ip: '10.14.0.2', connections_opened: ago }),
      ),
    });
    assert.deepEqual(await map.lines('lapsed', { since: '2h' }), [
      'a/curl → b/:80 ×3600 source unjoined',
      'a/curl → 10.14.0.2/:80 ×100 source unowned',
    ]);
  });

  test('a part of it is nobody’s', async () => {
    const [a, b] = [map.node('cut', 'a'), map.node('cut', 'b')];
    await map.store({
      addresses: [b.address(300, '10.15.0.0/24', 'present', { destination_ip_form: 'prefix' })],
      flows: [a.flow(90, { process_name: 'curl', destination_ip: '10.15.0.0/24' })],
    });
    assert.deepEqual(await map.lines('cut'), ['a/curl → 10.15.0.0/24/:80 ×1 source unowned']);
  });
});
