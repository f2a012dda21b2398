/**
 * CPU of making labels: for an owner once, when it is met, and for each row of a window. No kernel is asked:
 * owners and rows are made up, files and groups answer at once.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { openOwners } from '../src/agent/enrich/owners.ts';
import { ownershipSchema } from '../src/agent/enrich/config.ts';
import { farSchema } from '../src/agent/enrich/far/config.ts';
import { openFar, type Far } from '../src/agent/enrich/far/far.ts';
import { labelling } from '../src/agent/enrich/labelling.ts';
import { mergeRows } from '../src/agent/window/merge.ts';
import { policySchema } from '../src/agent/window/policy/config.ts';
import { openPolicy, type FieldPolicy } from '../src/agent/window/policy/policy.ts';
import { flowRecord, type Labelled } from '../src/agent/window/records.ts';
import { systemClock } from '../src/lib/clock.ts';
import type { FlowRow } from '../src/model/observation.ts';
import { mmdbFile } from '../test/mmdb-file.ts';
import { judge, node, row } from '../test/observations.ts';
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

/** Each with an address of its own that is somebody else's. */
function rowsOf(ids: readonly number[]): FlowRow[] {
  return ids.flatMap((of) => {
    const ports = Array.from({ length: rowsPerOwner }, (_, at) => 8090 + at);
    return ports.map((destinationPort, at) => {
      const source = `93.${String(of >> 8)}.${String(of & 255)}.${String(at)}`;
      return row({ owner: of, direction: 'ingress', source, destinationPort }).of;
    });
  });
}

interface Policies {
  readonly full: FieldPolicy;
  readonly standard: FieldPolicy;
  /** Has not hashed anything yet. */
  readonly hashing: FieldPolicy;
}

async function openPolicies(): Promise<Policies> {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-bench-'));
  const key_file = join(folder, 'key');
  const fields = {
    'source.ip': 'hash',
    'destination.ip': 'hash',
    'dns.answers': 'drop',
    'destination.translated.ip': 'drop',
  };
  try {
    writeFileSync(key_file, 'k'.repeat(44), { mode: 0o600 });
    return {
      full: await openPolicy(policySchema.parse({})),
      standard: await openPolicy(policySchema.parse({ preset: 'standard' })),
      hashing: await openPolicy(policySchema.parse({ preset: 'standard', fields, key_file })),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Run {
  readonly met: number;
  readonly labelled: number;
  /** In the window after that. */
  readonly again: number;
  readonly full: number;
  readonly standard: number;
  readonly hashed: number;
  readonly hashedAgain: number;
}

/** A hundred networks are configured, and systems of all addresses are known; each address is new at first. */
async function openOthers(): Promise<Far> {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-bench-'));
  const as = join(folder, 'as.mmdb');
  const networks = Array.from({ length: 100 }, (_, at) => ({
    cidr: `10.${String(at)}.0.0/16`,
    zone: 'on-prem',
  }));
  const config = z.object(farSchema).parse({ networks, databases: { as } });
  try {
    writeFileSync(as, mmdbFile('ASN', { '93.0.0.0/8': { autonomous_system_number: 64_500 } }));
    const far = await openFar({
      config: { ...config, window: 10_000, limits: { address_names: 16_384 } },
      clock: systemClock,
      log: { info: () => undefined, warn: () => undefined },
      inode: () => 1,
      ask: () => Promise.resolve({ found: [], cut: false }),
    });
    if (far.status().databases.as?.built === null) throw new Error('the database was not read');
    return far;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function round({ full, standard, hashing }: Policies): Promise<Run> {
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
  const rows = rowsOf(ids);
  const far = await openOthers();
  const label = labelling({ owners, far, namespaces: { inode: () => 1 } });
  let labels: Labelled<FlowRow>[] = [];
  const labelled = microseconds(rowCount, () => {
    labels = rows.map(label.row<FlowRow>);
  });
  const again = microseconds(rowCount, () => {
    labels = rows.map(label.row<FlowRow>);
  });
  const recorded = (policy: FieldPolicy): number =>
    microseconds(rowCount, () => {
      for (const of of mergeRows(labels, { policy, judge })) flowRecord(of, node, bounds);
    });
  return {
    met,
    labelled,
    again,
    full: recorded(full),
    standard: recorded(standard),
    hashed: recorded(hashing),
    hashedAgain: recorded(hashing),
  };
}

export async function labelsCost(rounds: number, say: (line: string) => void): Promise<Block> {
  const runs: Run[] = [];
  await round(await openPolicies()); // the first compiles
  for (let at = 0; at < rounds; at++) {
    const run = await round(await openPolicies());
    say(`  an owner ${run.met.toFixed(1)} µs, a row ${run.labelled.toFixed(2)} µs`);
    runs.push(run);
  }
  const of = (name: keyof Run) => series(runs.map((run) => run[name]));
  const applied = series(runs.map((run) => run.again + run.standard - run.full));
  const note = `wanted under ${String(rowUsMax)} µs: ${applied.median < rowUsMax ? 'met' : 'missed'}`;
  const shape = `${String(ownerCount)} owners, ${String(ruleCount)} rules`;
  return {
    title: `Labels: ${shape}, ${String(rowsPerOwner)} rows of each`,
    unit: 'µs of CPU',
    rows: [
      { name: 'an owner, when it is met', ...of('met') },
      { name: 'a row of a window: its labels, its address new', ...of('labelled') },
      { name: 'the same in the next window', ...of('again') },
      { name: 'that, and what the policy standard adds', ...applied, note },
      { name: 'the same row merged and recorded: full', ...of('full') },
      { name: 'the same: standard', ...of('standard') },
      { name: 'the same: addresses hashed', ...of('hashed') },
      { name: 'the same: hashed again', ...of('hashedAgain') },
    ],
  };
}
