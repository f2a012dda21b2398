/**
 * CPU of making labels: for an owner once, when it is met, and for each row of a window. No kernel is asked:
 * owners and rows are made up, files and groups answer at once.
 */

import { openOwners } from '../src/agent/enrich/owners.ts';
import { ownershipSchema } from '../src/agent/enrich/config.ts';
import { mergeRows } from '../src/agent/window/merge.ts';
import { flowRecord } from '../src/agent/window/records.ts';
import { node, row } from '../test/observations.ts';
import { owner, ownerTable, parts } from '../test/owner-table.ts';
import { series } from './series.ts';
import type { Block } from './table.ts';

/** The target of the issue that asked for labels: enrichment of a row of a window, at the median. */
export const rowUsMax = 5;

const ownerCount = 1000;
const rowsPerOwner = 20;
const ruleCount = 100;

const id = 'b2a102854b4969b2ce98dc329c86b4fb2b06e4ad2cc8da9d8a7578c9cd2004a2';
const bounds = { number: 1, start: '2026-01-01T00:00:00.000Z', end: '2026-01-01T00:00:10.000Z', last: false };

/** None of them matches but the last two, so that all are asked. */
const rules = ownershipSchema.parse([
  ...Array.from({ length: ruleCount - 2 }, (_, at) => ({
    id: `other-${String(at)}`,
    match: { unit: `other-${String(at)}-*.service` },
    name: 'other',
  })),
  { id: 'served', match: { process: 'web*', port: '8000-8099' }, name: 'served' },
  { id: 'all', match: { process: 'web*' }, name: 'web', labels: { tier: 'gold' } },
]);

function microseconds(count: number, work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

function round(): { readonly met: number; readonly labelled: number; readonly recorded: number } {
  const ids = Array.from({ length: ownerCount }, (_, at) => at + 1);
  const table = ownerTable(
    ...ids.map((of) => owner({ id: of, name: `web${String(of)}`, exeInode: 0, pid: 0 })),
  );
  const cgroups = { pathOf: () => `/system.slice/docker-${id}.scope`, look: () => false };
  const owners = openOwners(table, parts({ cgroups, rules }));
  const met = microseconds(ownerCount, () => {
    owners.refresh();
  });
  const rowCount = ownerCount * rowsPerOwner;
  const rows = ids.flatMap((of) => {
    const ports = Array.from({ length: rowsPerOwner }, (_, at) => 8090 + at);
    return ports.map((destinationPort) => row({ owner: of, direction: 'ingress', destinationPort }).of);
  });
  let labels: ReturnType<typeof row>[] = [];
  const labelled = microseconds(rowCount, () => {
    labels = rows.map((of) => ({ of, process: owners.labels(of.owner, of.destinationPort), netnsInode: 1 }));
  });
  const recorded = microseconds(rowCount, () => {
    for (const of of mergeRows(labels)) flowRecord(of, node, bounds);
  });
  return { met, labelled, recorded };
}

export function labelsCost(rounds: number, say: (line: string) => void): Block {
  const runs = Array.from({ length: rounds }, () => {
    const run = round();
    say(`  an owner ${run.met.toFixed(1)} µs, a row ${run.labelled.toFixed(2)} µs`);
    return run;
  });
  const of = (name: keyof (typeof runs)[number]) => series(runs.map((run) => run[name]));
  const note = `wanted under ${String(rowUsMax)} µs: ${of('labelled').median < rowUsMax ? 'met' : 'missed'}`;
  const shape = `${String(ownerCount)} owners, ${String(ruleCount)} rules`;
  return {
    title: `Labels: ${shape}, ${String(rowsPerOwner)} rows of each`,
    unit: 'µs of CPU',
    rows: [
      { name: 'an owner, when it is met', ...of('met') },
      { name: 'a row of a window: its labels', ...of('labelled'), note },
      { name: 'the same row merged and recorded', ...of('recorded') },
    ],
  };
}
