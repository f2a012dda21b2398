/** The tables as text, for those who make them by hand: one ClickHouse, not a cluster. */
import { readMigrations, render } from './migrations.ts';
import { statement } from './statement.ts';

/** Statements for clickhouse-client, which may be run again. A hub that comes later goes on from there. */
export function schemaText(database: string): string {
  const plain = { table: (name: string) => name, engine: (name: string) => name };
  const noted = statement('record-migration');
  const statements = [
    statement('create-database').replace('{database:Identifier}', database),
    `USE ${database}`,
    statement('create-migrations'),
    ...readMigrations().flatMap(({ number, name, statements: of }) => [
      ...of.map((sql) => render(sql, plain)),
      noted.replace('{number:UInt32}', String(number)).replace('{name:String}', `'${name}'`),
    ]),
  ];
  return statements.map((sql) => `${sql.trimEnd()}\n;\n`).join('\n');
}
