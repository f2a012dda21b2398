/** What windows tell of a connection, summed up, against the socket's own counters. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Stage } from '../lab/stage.ts';
import { eventually, startRig } from './rig.ts';

test('segments of all windows add up to the socket’s own', async () => {
  await using stage = new Stage();
  const at = await stage.namespace();
  await using rig = await startRig({ namespaces: [at.path] });
  const { client, server, listener, c, s } = await stage.pair({ clientAt: at });
  const told = (process: string) => {
    const rows = rig.flows().filter((row) => row['process.name'] === process);
    const sum = (name: 'segments.sent' | 'segments.received') =>
      rows.reduce((total, row) => total + row[name], 0);
    return [sum('segments.sent'), sum('segments.received')];
  };
  const windowsWith = (process: string) =>
    new Set(
      rig.flows().flatMap((row) => {
        const some = row['process.name'] === process && row['segments.sent'] > 0;
        return some ? [row['window.number']] : [];
      }),
    ).size;

  for (const bytes of [1000, 200_000, 3]) {
    await client.send(c, bytes);
    await server.receive(s, bytes);
    await server.send(s, 2 * bytes);
    await client.receive(c, 2 * bytes);
    await rig.nextWindow();
  }
  // The last acknowledgement may be late: it is in the window after.
  await rig.nextWindow();
  await rig.nextWindow();
  const [ofClient, ofServer] = [await client.query(c), await server.query(s)];
  assert.ok(windowsWith('client') >= 3, 'they were told as they came');
  assert.deepEqual(told('client'), [ofClient.segmentsOut, ofClient.segmentsIn]);
  assert.deepEqual(told('server'), [ofServer.segmentsOut, ofServer.segmentsIn]);

  await client.close(c);
  await server.receiveEnd(s);
  await server.close(s);
  await server.close(listener);
  const ended = () => rig.connections.filter((record) => record['close.reason'] !== undefined);
  assert.ok(await eventually(() => ended().length === 2, 10_000));
  await rig.nextWindow();
  for (const record of ended()) {
    const all = [record['segments.sent'], record['segments.received']];
    assert.deepEqual(told(record['process.name']), all, 'its end tells of all of them');
  }
});
