/**
 * The tables, as numbered statements that only go forward. Beside ClickHouse's own typed parameters they have
 * two kinds of ours, so that the same files serve one engine and a cluster:
 *
 *   {flows:Table}       flows; on a cluster flows_local, with a Distributed table flows over it
 *   {MergeTree:Engine}  MergeTree; a test has ReplicatedMergeTree there, no hub yet
 *
 * A migration is a file NNNN-title.sql, or a folder NNNN-title of files, one statement each, that are run in
 * their order and noted together. A hub may be killed between a statement and the note of it: every
 * statement may be repeated.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { blockTables } from '../../model/block.ts';
import type { TypedColumn, TypedTables } from '../../model/row/packing.ts';

export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly statements: readonly string[];
}

const folder = join(import.meta.dirname, 'migrations');

/** The paths of a migration's statements. */
function filesOf(entry: string): readonly string[] {
  const path = join(folder, entry);
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .map((file) => join(path, file));
}

export function readMigrations(): readonly Migration[] {
  return readdirSync(folder)
    .sort()
    .map((entry) => {
      const match = /^(\d{4})-([a-z0-9-]+)(\.sql)?$/.exec(entry);
      if (match === null) throw new Error(`${entry} is not named NNNN-title.sql, or NNNN-title if a folder`);
      return {
        number: Number(match[1]),
        name: match[2] ?? '',
        statements: filesOf(entry).map((file) => readFileSync(file, 'utf8')),
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

/** The table that a statement makes; undefined for anything else, views included. */
export function createdTable(sql: string): string | undefined {
  return /^CREATE TABLE IF NOT EXISTS \{(\w+):Table\}/m.exec(sql)?.[1];
}

/** The table that a statement gives other columns; undefined for anything else. */
export function alteredTable(sql: string): string | undefined {
  return /^ALTER TABLE \{(\w+):Table\} ADD COLUMN IF NOT EXISTS /m.exec(sql)?.[1];
}

/** Its name, and its type as ClickHouse says it. */
function columnIn(line: string): TypedColumn {
  const [, name = '', type = ''] = /^(\w+) (.*?)( CODEC\(.*\))?,?$/.exec(line) ?? [];
  return { name, type };
}

function columnsOf(table: string, migrations: readonly Migration[]): readonly TypedColumn[] {
  const all = migrations.flatMap(({ statements }) => statements);
  return all.flatMap((sql) => {
    if (createdTable(sql) === table) {
      const list = sql.slice(sql.indexOf('\n(\n'), sql.indexOf('\n)\n'));
      return [...list.matchAll(/^ {2}(\w+ .*)/gm)].map((match) => columnIn(match[1] ?? ''));
    }
    if (alteredTable(sql) !== table) return [];
    return [...sql.matchAll(/ADD COLUMN IF NOT EXISTS (.*)/g)].map((match) => columnIn(match[1] ?? ''));
  });
}

/** Read off the migrations, so that they are written once and known before any ClickHouse answers. */
export function readTables(migrations: readonly Migration[]): TypedTables {
  return Object.fromEntries(blockTables.map((table) => [table, columnsOf(table, migrations)]));
}
