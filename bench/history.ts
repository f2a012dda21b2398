/** A day of a fleet, made up by the engine itself: what questions cost once there is something to look through. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../src/lib/clock.ts';
import { silentLog } from '../src/lib/log.ts';
import { openEngine } from '../src/hub/engine/engine.ts';
import { openStore } from '../src/hub/store/store.ts';

const fleet = { hosts: 100, slots: 58, windows: 8640 } as const;
const windowMs = 10_000;
/** A quarter of an hour in each statement. */
const windowsPerInsert = 90;

export const historyRows = fleet.hosts * fleet.slots * fleet.windows;

const statements = [
  { name: 'flows', rowsPerWindow: fleet.hosts * fleet.slots },
  { name: 'windows', rowsPerWindow: fleet.hosts },
  { name: 'dns', rowsPerWindow: fleet.hosts * 4 },
].map((of) => ({ ...of, sql: readFileSync(join(import.meta.dirname, `history/${of.name}.sql`), 'utf8') }));

/** Fills an engine's folder while nobody else uses it; the newest window ends now. */
export async function fillHistory(folder: string, say: (line: string) => void): Promise<void> {
  await using engine = await openEngine({
    folder,
    memoryMaxBytes: 2e9,
    log: silentLog,
    clock: systemClock,
  });
  const { url, hub, ask } = engine;
  await using store = await openStore({ url, database: 'sonde', hub, ask, clock: systemClock });
  const from = new Date((Math.floor(Date.now() / windowMs) - fleet.windows) * windowMs);
  for (let first = 0; first < fleet.windows; first += windowsPerInsert) {
    for (const { sql, rowsPerWindow } of statements) {
      await store.admin.command({
        query: sql,
        query_params: {
          from,
          first,
          hosts: fleet.hosts,
          slots: fleet.slots,
          new_from: fleet.windows - 180,
          rows: rowsPerWindow * windowsPerInsert,
        },
        clickhouse_settings: { max_insert_threads: '2' },
      });
    }
    const part = (first + windowsPerInsert) / fleet.windows;
    if (first % (windowsPerInsert * 8) === 0) say(`  ${(100 * part).toFixed(0)} % of ${historyRows} rows`);
  }
}
