/** One exporter behind a real delivery, for tests of what it does to its receiver. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { openDelivery, type Delivery } from '../src/agent/deliver/delivery.ts';
import { loadExporter } from '../src/agent/deliver/exporter.ts';
import { systemClock } from '../src/lib/clock.ts';
import { eventually } from './rig.ts';

const doneWithinMs = 60_000;

/** Goes with the test. */
export function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-exporter-'));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

export interface Sending {
  readonly delivery: Delivery;
  /** Warnings. */
  readonly lines: string[];
  /** Waits until nothing is left to deliver. */
  readonly done: () => Promise<void>;
}

/** `options` as in a configuration. */
export async function sending(
  t: TestContext,
  name: string,
  options: Record<string, unknown>,
): Promise<Sending> {
  const lines: string[] = [];
  const log = { info: () => undefined, warn: (line: string) => void lines.push(line) };
  const parts = { folder: folderOf(t), bootId: 'b-1', clock: systemClock, log };
  const exporters = { [name]: (await loadExporter(name)).schema.parse(options) };
  const delivery = await openDelivery({ exporters, spool: { max_size: 1e7, drain: 0 } }, parts);
  t.after(() => delivery[Symbol.asyncDispose]());
  return {
    delivery,
    lines,
    async done() {
      const isDone = () => delivery.status()[name]?.behindRecords === 0;
      assert.ok(await eventually(isDone, doneWithinMs), delivery.status()[name]?.lastError ?? 'not done');
    },
  };
}
