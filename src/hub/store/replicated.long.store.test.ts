/**
 * The tables as Replicated… ones, of two shards with a replica each, with a ZooKeeper. The embedded engine
 * makes them and reads them; it can be no replica, as it has no address for others: no row gets into them.
 * When one can, this fails, and the tests of a cluster can have them.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openEngines } from '../../../test/engines.ts';
import { openZooKeeper } from '../../../test/zookeeper.ts';
import { connect } from './connect.ts';
import { createdTable, readMigrations, render } from './migrations.ts';

test('every table has a replicated variant that ClickHouse and ZooKeeper take', async () => {
  await using zookeeper = await openZooKeeper();
  await using engines = await openEngines({ shards: 2, zookeeperPort: zookeeper.port });
  const making = readMigrations()
    .flatMap(({ statements }) => statements)
    .filter((sql) => createdTable(sql) !== undefined);
  const tables = making.map((sql) => engines.local(createdTable(sql) ?? '')).sort();
  assert.ok(tables.length > 10);
  for (const shard of [1, 2]) {
    const place = engines.placeOf(shard - 1);
    {
      await using first = connect({ url: place.url }, place.hub);
      await first.command({ query: 'CREATE DATABASE sonde' });
    }
    await using client = connect(place, place.hub);
    for (const sql of making) {
      const query = render(sql, {
        table: (name) => engines.local(name),
        engine: (name) => `Replicated${name}`,
      });
      await client.command({ query });
    }
    const answer = await client.query({
      query: `
        SELECT table, zookeeper_path AS path, total_replicas AS replicas, is_readonly AS readOnly
        FROM system.replicas
      `,
      format: 'JSONEachRow',
    });
    const found = await answer.json<{ table: string; path: string; replicas: number; readOnly: number }>();
    const expected = tables.map((table) => ({
      table,
      path: `/clickhouse/tables/${shard}/sonde/${table}`,
      // It asks ZooKeeper for that.
      replicas: 1,
      readOnly: 1,
    }));
    assert.deepEqual(
      found.toSorted((a, b) => (a.table < b.table ? -1 : 1)),
      expected,
    );
    for (const table of tables) await client.command({ query: `SELECT * FROM ${table} FORMAT Null` });
    const insert = client.command({
      query: `INSERT INTO ${engines.local('flows')} (record_sequence) VALUES (1)`,
      clickhouse_settings: { insert_keeper_max_retries: '0' },
    });
    await assert.rejects(insert, { type: 'TABLE_IS_READ_ONLY' });
  }
});
