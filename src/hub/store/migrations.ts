/**
 * The tables, as numbered statements that only go forward. Beside ClickHouse's own typed parameters they have
 * two kinds of ours, so that the same files serve one engine and a cluster:
 *
 *   {flows:Table}       flows; on a cluster flows_local, with a Distributed table flows over it
 *   {MergeTree:Engine}  MergeTree; ReplicatedMergeTree where replication was asked for
 *
 * A hub may be killed between a statement and the note of it: every statement may be repeated.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { blockTables } from '../../model/block.ts';
import type { TableColumns } from '../../model/block.ts';

export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
}

const folder = join(import.meta.dirname, 'migrations');

export function readMigrations(): readonly Migration[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => {
      const match = /^(\d{4})-(.+)\.sql$/.exec(file);
      if (match === null) throw new Error(`${file} is not named NNNN-title.sql`);
      return {
        number: Number(match[1]),
        name: match[2] ?? '',
        sql: readFileSync(join(folder, file), 'utf8'),
      };
    });
}

export interface Rendering {
  readonly table: (name: string) => string;
  readonly engine: (name: string) => string;
}

export function render(sql: string, { table, engine }: Rendering): string {
  return sql
    .replace(/\{(\w+):Table\}/g, (_, name: string) => table(name))
    .replace(/\{(\w+):Engine\}/g, (_, name: string) => engine(name));
}

/** The table that a migration makes; undefined for anything else, views included. */
export function createdTable({ sql }: Migration): string | undefined {
  return /^CREATE TABLE IF NOT EXISTS \{(\w+):Table\}/m.exec(sql)?.[1];
}

/** The table that a migration gives another column; undefined for anything else. */
export function alteredTable({ sql }: Migration): string | undefined {
  return /^ALTER TABLE \{(\w+):Table\} ADD COLUMN IF NOT EXISTS /m.exec(sql)?.[1];
}

function columnsOf(table: string, migrations: readonly Migration[]): readonly string[] {
  return migrations.flatMap((migration) => {
    if (createdTable(migration) === table) {
      const list = migration.sql.slice(migration.sql.indexOf('\n(\n'), migration.sql.indexOf('\n)\n'));
      return [...list.matchAll(/^ {2}(\w+) /gm)].map((match) => match[1] ?? '');
    }
    if (alteredTable(migration) !== table) return [];
    return [...migration.sql.matchAll(/ADD COLUMN IF NOT EXISTS (\w+)/g)].map((match) => match[1] ?? '');
  });
}

/** Read off the migrations, so that they are written once and known before any ClickHouse answers. */
export function readTables(migrations: readonly Migration[]): TableColumns {
  return Object.fromEntries(
    blockTables.map((table) => [table, columnsOf(table, migrations)]),
  ) as unknown as TableColumns;
}
