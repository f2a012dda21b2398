/** From a record to the row of its table, in the order of the table's columns. */

import type { Row, TableColumns, TableName } from '../block.ts';
import { requiredInteger, requiredText, type Cell, type Moment } from './cells.ts';
import {
  addressColumns,
  connectionColumns,
  dnsColumns,
  flowColumns,
  listenerColumns,
  windowColumns,
} from './columns.ts';
import type { LogRecord } from './record.ts';
import { Rejection } from './rejection.ts';

/** Which record it is, for good: made once from as often as it arrives. */
export interface Identity {
  readonly bootId: string;
  readonly instance: string;
  readonly sequence: number;
}

export interface TableRow {
  readonly table: TableName;
  readonly row: Row;
  readonly identity: Identity;
}

const tableOf: ReadonlyMap<string, TableName> = new Map([
  ['sonde.flow', 'flows'],
  ['sonde.connection', 'connection_events'],
  ['sonde.dns', 'dns'],
  ['sonde.window', 'windows'],
  ['sonde.listener', 'listeners'],
  ['sonde.address', 'addresses'],
]);

const columnsOf: Readonly<Record<TableName, Readonly<Record<string, Cell>>>> = {
  flows: flowColumns,
  connection_events: connectionColumns,
  dns: dnsColumns,
  windows: windowColumns,
  listeners: listenerColumns,
  addresses: addressColumns,
};

/** All columns that records fill. */
export const filledColumns: TableColumns = {
  flows: Object.keys(flowColumns),
  connection_events: Object.keys(connectionColumns),
  dns: Object.keys(dnsColumns),
  windows: Object.keys(windowColumns),
  listeners: Object.keys(listenerColumns),
  addresses: Object.keys(addressColumns),
};

const bootId = requiredText('boot.id');
const instance = requiredText('agent.instance');
const sequence = requiredInteger('record.sequence');

function cellsFor(table: TableName, columns: readonly string[]): readonly Cell[] {
  return columns.map((column) => {
    const cell = columnsOf[table][column];
    if (!cell) throw new Error(`nothing fills the column ${table}.${column}`);
    return cell;
  });
}

/** Throws Rejection for a record that no table takes. */
export function rowMaker(tables: TableColumns): (record: LogRecord, moment: Moment) => TableRow {
  const cells = {
    flows: cellsFor('flows', tables.flows),
    connection_events: cellsFor('connection_events', tables.connection_events),
    dns: cellsFor('dns', tables.dns),
    windows: cellsFor('windows', tables.windows),
    listeners: cellsFor('listeners', tables.listeners),
    addresses: cellsFor('addresses', tables.addresses),
  };
  return (record, moment) => {
    const table = tableOf.get(record.eventName);
    if (table === undefined) {
      const name = JSON.stringify(record.eventName.slice(0, 100));
      throw new Rejection('unknown_event', `the event name is ${name}`);
    }
    const row: unknown[] = [];
    for (const cell of cells[table]) row.push(cell(record, moment));
    return {
      table,
      row,
      identity: {
        bootId: bootId(record, moment) as string,
        instance: instance(record, moment) as string,
        sequence: sequence(record),
      },
    };
  };
}
