/**
 * Keeps the store's tables to the room that they are given: looks what they take, and drops the oldest of
 * the finest level when that is too much. What goes is noted in the store first, so that neither a block
 * that comes once more nor a reconciliation brings it back (docs/internals/decisions/0032-disk.md).
 */
import type { ClickHouseClient } from '@clickhouse/client';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import { amountOf, type Amount } from '../../lib/schema.ts';
import { formatBytes } from '../../lib/units.ts';
import { connect, type StoreUser } from './connect.ts';
import { planDrops, type DiskPlan, type DiskUnit, type StoredPartition } from './disk-plan.ts';
import type { DiskLevel, Dropped } from './dropped.ts';
import { localTable, type MigrationPlace } from './migrate.ts';
import { keptTables } from './retention.ts';
import { statement } from './statement.ts';
import type { Store } from './store.ts';
import { openTurns } from './turns.ts';

const partitionsQuery = statement('partitions');
const disksQuery = statement('disks');
const dropPartition = statement('drop-partition');

export const diskLimits = { lookMs: 60_000 } as const;

/** What is dropped is never too large for that. */
const dropSettings = { max_partition_size_to_drop: '0' } as const;

export interface DiskOptions {
  readonly place: MigrationPlace & { readonly hub: StoreUser };
  readonly store: Pick<Store, 'note' | 'turns' | 'dropped'>;
  /** What the tables may take on each node. */
  readonly max: Amount;
  /** What is left free there. */
  readonly free?: Amount | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

export interface DiskStatus {
  /** Of the node that has the least room; null before the first look. */
  readonly usedBytes: number | null;
  readonly maxBytes: number | null;
  readonly freeBytes: number | null;
  readonly freeBytesMin: number | null;
  /** RFC 3339: of each level, what is of before that was dropped before its time. */
  readonly droppedUntil: Readonly<Record<DiskLevel, string | null>>;
  /** Of before that, came once more, and not stored. */
  readonly leftOutRows: number;
  readonly problem: string | null;
}

export interface Disk extends AsyncDisposable {
  status(): DiskStatus;
  /** Now; it happens by itself, too. */
  look(): Promise<void>;
}

interface Room {
  readonly usedBytes: number;
  readonly maxBytes: number;
  readonly freeBytes: number;
  readonly freeBytesMin: number;
}

/** Where nothing has to be free, what is free says nothing. */
function lackingOf({ usedBytes, maxBytes, freeBytes, freeBytesMin }: Room): number {
  return Math.max(usedBytes - maxBytes, freeBytesMin > 0 ? freeBytesMin - freeBytes : -Infinity);
}

async function rowsOf<Row>(client: ClickHouseClient, query: string): Promise<Row[]> {
  const answer = await client.query({ query, format: 'JSONEachRow' });
  return answer.json<Row>();
}

function sumOf(bytes: readonly number[]): number {
  return bytes.reduce((sum, each) => sum + each, 0);
}

function roomText({ usedBytes, maxBytes, freeBytes, freeBytesMin }: Room): string {
  return usedBytes > maxBytes
    ? `its tables take ${formatBytes(usedBytes)} and may take ${formatBytes(maxBytes)}`
    : `${formatBytes(freeBytes)} are free, and ${formatBytes(freeBytesMin)} are to be`;
}

/** RFC 3339, by level. */
function droppedUntil(dropped: Dropped): DiskStatus['droppedUntil'] {
  const until = (level: DiskLevel): string | null => {
    const ms = dropped.untilMs(level);
    return ms === 0 ? null : new Date(ms).toISOString();
  };
  return { flows: until('flows'), minutes: until('minutes'), hours: until('hours') };
}

const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

function told({ level, untilMs, bytes }: DiskUnit): string {
  return `${level} of before ${day(untilMs)} (${formatBytes(sumOf(bytes))})`;
}

interface Survey {
  /** Of the node that has the least. */
  readonly room: Room;
  readonly plan: DiskPlan;
}

type Options = DiskOptions & { readonly clients: readonly ClickHouseClient[] };

async function lookAt(client: ClickHouseClient, node: number, { place, max, free }: Options) {
  const [parts, disks] = await Promise.all([
    rowsOf<Readonly<Record<string, string>>>(client, partitionsQuery),
    rowsOf<Readonly<Record<string, string>>>(client, disksQuery),
  ]);
  const [total, unreserved] = [Number(disks[0]?.['total']), Number(disks[0]?.['free'])];
  const sum = (name: string) => sumOf(parts.map((part) => Number(part[name])));
  const tables = new Map(keptTables.map(({ table }) => [localTable(table, place.cluster), table]));
  const partitions = parts.flatMap(({ table = '', partition = '', bytes }): StoredPartition[] => {
    const name = tables.get(table);
    return name === undefined ? [] : [{ node, table: name, partition, bytes: Number(bytes) }];
  });
  const room: Room = {
    usedBytes: sum('bytes'),
    maxBytes: Math.floor(amountOf(max, total)),
    freeBytes: unreserved + sum('leaving'),
    freeBytesMin: free === undefined ? 0 : Math.ceil(amountOf(free, total)),
  };
  return { partitions, room };
}

async function survey(options: Options): Promise<Survey> {
  const nodes = await Promise.all(options.clients.map((client, node) => lookAt(client, node, options)));
  const rooms = nodes.map((node) => node.room);
  const room = rooms.reduce((least, each) => (lackingOf(each) > lackingOf(least) ? each : least));
  const partitions = nodes.flatMap((node) => node.partitions);
  const lacking = rooms.map(lackingOf);
  return { room, plan: planDrops(partitions, { lacking, nowMs: options.clock.wallMs() }) };
}

interface Dropping {
  drop(unit: DiskUnit): Promise<void>;
  /** What could not be noted when it was dropped. */
  noteRest(): Promise<void>;
}

function openDropping({ place: { cluster }, store, clients, clock, log }: Options): Dropping {
  let unnoted: Readonly<Record<string, unknown>>[] = [];

  async function noteRest(): Promise<void> {
    await store.note('dropped', unnoted);
    unnoted = [];
  }

  async function drop({ level, untilMs, tables, partition, bytes }: DiskUnit): Promise<void> {
    store.dropped.extend(level, untilMs);
    const [until, at] = [untilMs, clock.wallMs()].map((ms) => new Date(ms).toISOString());
    unnoted.push({ level, until, at, bytes: sumOf(bytes) });
    // A full disk may have no room for a note: it is written once there is some.
    await noteRest().catch((error: unknown) => {
      log.warn(`store: what is dropped cannot be noted yet: ${(error as Error).message}`);
    });
    for (const client of clients) {
      for (const table of tables) {
        const query_params = { table: localTable(table, cluster), partition };
        await client.command({ query: dropPartition, query_params, clickhouse_settings: dropSettings });
      }
    }
    await noteRest();
  }

  return { drop: (unit) => store.turns(() => drop(unit)), noteRest };
}

interface Problem {
  readonly kind: 'full' | 'unknown';
  readonly text: string;
}

function problemOf({ room, plan }: Survey): Problem | undefined {
  if (plan.isEnough) return undefined;
  const hint = 'give it more room (disk in hub.yaml)';
  return { kind: 'full', text: `${roomText(room)}, and only the newest of each level is left: ${hint}` };
}

export function openDisk(of: DiskOptions): Disk {
  const { place, store, clock, log } = of;
  const urls = place.cluster?.urls ?? [place.url];
  const clients = urls.map((url) => connect({ url, database: place.database }, place.hub));
  const options = { ...of, clients };
  const dropping = openDropping(options);
  const stop = new AbortController();
  const turns = openTurns();
  let room: Room | undefined;
  let problem: Problem | undefined;

  /** Once for each kind: numbers in it change all the time. */
  function say(now: Problem | undefined): void {
    if (now !== undefined && now.kind !== problem?.kind) log.warn(`store: ${now.text}`);
    problem = now;
  }

  async function lookOnce(): Promise<void> {
    let seen = await survey(options);
    for (const unit of seen.plan.drops) {
      await dropping.drop(unit);
      log.warn(`store: ${roomText(seen.room)}: dropped ${told(unit)}`);
    }
    if (seen.plan.drops.length > 0) seen = await survey(options);
    room = seen.room;
    await dropping.noteRest();
    say(problemOf(seen));
  }

  async function look(): Promise<void> {
    try {
      await lookOnce();
    } catch (error) {
      const text = `what room it takes cannot be looked after: ${(error as Error).message}`;
      if (!stop.signal.aborted) say({ kind: 'unknown', text });
    }
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      await turns(look);
      await clock.sleep(diskLimits.lookMs, stop.signal).catch(() => undefined); // stopped: the loop ends
    }
  }

  const running = run();
  return {
    look: () => turns(look),
    status: () => ({
      usedBytes: room?.usedBytes ?? null,
      maxBytes: room?.maxBytes ?? null,
      freeBytes: room?.freeBytes ?? null,
      freeBytesMin: room?.freeBytesMin ?? null,
      droppedUntil: droppedUntil(store.dropped),
      leftOutRows: store.dropped.leftOutRows(),
      problem: problem?.text ?? null,
    }),
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running;
      await Promise.all(clients.map((client) => client.close()));
    },
  };
}
