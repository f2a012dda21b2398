/** A disk that is full, as a file system of 256 KiB. */

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeLogs, endMs, flow, plainWire, type FlatRecord } from '../../../test/otlp.ts';
import { systemClock, type Clock } from '../../lib/clock.ts';
import { isOperatorError } from '../../lib/errors.ts';
import { silentLog } from '../../lib/log.ts';
import { prng } from '../../lib/prng.ts';
import type { StoreBlock } from '../../model/block.ts';
import { packing } from '../store/store.ts';
import { openIntake, type Intake } from './intake.ts';
import type { Receipt } from './receiver.ts';

const clock: Clock = { ...systemClock, wallMs: () => endMs };

const away = (): Promise<void> => Promise.reject(new Error('away'));

function open(folder: string, insert: (block: StoreBlock) => Promise<void> = away): Promise<Intake> {
  return openIntake({
    folder,
    packing,
    insert,
    limits: { inflatedBytesMax: 1 << 20, heldBytesMax: 1 << 20, journalBytesMax: 1 << 30, stopMsMax: 0 },
    clock,
    log: silentLog,
  });
}

function take(intake: Intake, records: readonly FlatRecord[]): Promise<Receipt> {
  const body = encodeLogs(records, plainWire);
  return intake.take({ body, encoding: 'protobuf', compression: undefined });
}

/** Text that no compression makes shorter by much. */
function noise(sequence: number): string {
  const random = prng(sequence);
  return Array.from({ length: 900 }, () => random.below(36).toString(36)).join('');
}

/** What was being read for the store when the intake stopped is left behind, and is closed a little later. */
async function unmounted(folder: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    const { status, stderr } = spawnSync('umount', [folder], { encoding: 'utf8' });
    if (status === 0) return;
    if (tries === 100) throw new Error(stderr);
    await sleep(20);
  }
}

async function onSmallDisk(trial: (folder: string, ballast: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-full-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder]);
  try {
    await trial(folder, join(folder, 'ballast'));
  } finally {
    await unmounted(folder);
    rmdirSync(folder);
  }
}

test('a full disk: nothing is acknowledged that is not there; with room again it is taken', async () => {
  await onSmallDisk(async (folder, ballast) => {
    writeFileSync(ballast, Buffer.alloc(128 << 10));
    const acknowledged: number[] = [];
    const refused: FlatRecord[] = [];
    {
      await using intake = await open(folder);
      for (let n = 0; n < 30 && refused.length === 0; n++) {
        const records = Array.from({ length: 10 }, (_, index) => {
          const sequence = 10 * n + index + 1;
          return flow(sequence, { 'process.name': noise(sequence) });
        });
        try {
          await take(intake, records);
          acknowledged.push(...records.map((record) => Number(record['record.sequence'])));
        } catch (error) {
          assert.ok(isOperatorError(error) && error.code === 'hub.journal_unwritable', String(error));
          assert.match(error.message, /ENOSPC/);
          refused.push(...records);
        }
      }
      assert.ok(acknowledged.length > 0 && refused.length > 0);
      assert.equal(intake.status().records.stored, acknowledged.length);
      // Who waits behind a block that failed is not acknowledged either: neither of both has record 1000.
      const [first, second] = await Promise.allSettled([
        take(intake, refused),
        take(intake, [...refused, flow(1000, { 'process.name': noise(1000) })]),
      ]);
      assert.deepEqual([first.status, second.status], ['rejected', 'rejected']);

      rmSync(ballast);
      assert.equal((await take(intake, refused)).stored, refused.length, 'nothing of it was remembered');
    }
    await using again = await open(folder);
    const receipt = await take(again, [...refused, flow(acknowledged[0] ?? 0)]);
    assert.deepEqual([receipt.stored, receipt.duplicates], [0, refused.length + 1]);
  });
});

test('a full disk does not hold up what is in the journal: the store gets each block once', async () => {
  await onSmallDisk(async (folder, ballast) => {
    let isAway = true;
    const ids: string[] = [];
    const insert = async ({ id }: StoreBlock): Promise<void> => {
      if (isAway) return away();
      ids.push(id);
    };
    await using intake = await open(folder, insert);
    for (let n = 1; n <= 3; n++) await take(intake, [flow(n)]);
    const { bsize, bavail } = statfsSync(folder);
    writeFileSync(ballast, Buffer.alloc(bsize * bavail));
    // What the last page of the journal still has room for.
    for (let n = 4; n < 100; n++)
      if (
        !(await take(intake, [flow(n)]).then(
          () => true,
          () => false,
        ))
      )
        break;
    const { pendingBlocks } = intake.status().journal;
    isAway = false;
    for (let tries = 0; tries < 500 && intake.status().journal.pendingBlocks > 0; tries++) await sleep(10);
    assert.equal(intake.status().journal.pendingBlocks, 0);
    assert.deepEqual([ids.length, new Set(ids).size], [pendingBlocks, pendingBlocks]);
  });
});
