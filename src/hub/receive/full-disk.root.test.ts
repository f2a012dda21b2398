/** A disk that is full, as a file system of 256 KiB. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { encodeLogs, endMs, flow, plainWire, type FlatRecord } from '../../../test/otlp.ts';
import { systemClock, type Clock } from '../../lib/clock.ts';
import { isOperatorError } from '../../lib/errors.ts';
import { silentLog } from '../../lib/log.ts';
import { prng } from '../../lib/prng.ts';
import { tables } from '../store/store.ts';
import { openIntake, type Intake } from './intake.ts';
import type { Receipt } from './receiver.ts';

const clock: Clock = { ...systemClock, wallMs: () => endMs };

function open(folder: string): Promise<Intake> {
  return openIntake({
    folder,
    tables,
    insert: () => Promise.reject(new Error('away')),
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

test('a full disk: nothing is acknowledged that is not there; with room again it is taken', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-full-'));
  const ballast = join(folder, 'ballast');
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder]);
  try {
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
  } finally {
    execFileSync('umount', [folder]);
    rmdirSync(folder);
  }
});
