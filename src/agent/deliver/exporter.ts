/**
 * What an exporter is: one file in exporters/, found by its folder. It turns records into what its receiver
 * takes, once; order, retries, the spool and the counting of losses are written once around all (courier.ts).
 */

import { readdirSync } from 'node:fs';
import type * as z from 'zod';
import type { Clock } from '../../lib/clock.ts';
import { OperatorError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { NumberedRecord } from '../../model/record.ts';
import type { Vitals } from '../../model/vitals.ts';

/** What became of the records that an exporter was given. */
export interface Receipt {
  /** How many of the first ones are done with, one way or the other. The rest will be given again. */
  readonly settled: number;
  /** What was sent or written for them. */
  readonly bytes?: number;
  /** How many of these its configuration leaves out: neither delivered nor lost. */
  readonly skipped?: number;
  /** How many of these the receiver will never take, why in one word, and in its own words. */
  readonly refused?: { readonly reason: string; readonly count: number; readonly message: string };
}

/** Thrown where the receiver said when to come back. Any other error is tried again too, after a while. */
export class RetryLater extends Error {
  readonly retryAfterMs: number;

  constructor(message: string, retryAfterMs: number) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

export type OpenExporter = AsyncDisposable & {
  /** After this long the signal is aborted; without it a delivery may take as long as it takes. */
  readonly timeoutMs?: number;
  /**
   * Resolves when the settled records are as safe as this exporter can make them. Rejects when none of them
   * was taken, or nobody knows. Is not called again before it has ended. At least one record.
   */
  deliver(records: readonly NumberedRecord[], signal: AbortSignal): Promise<Receipt>;
  /** Of one that is done with records before they have left: why nothing leaves; null when all is well. */
  readonly problem?: () => string | null;
};

export interface ExporterContext {
  readonly clock: Clock;
  readonly log: Log;
  /** How the agent stands; undefined as long as it only starts. */
  readonly vitals?: (() => Vitals | undefined) | undefined;
}

export interface Exporter<Schema extends z.ZodType = z.ZodType> {
  readonly name: string;
  readonly summary: string;
  /** Its part of the configuration, under `exporters.NAME`. */
  readonly schema: Schema;
  open(options: z.output<Schema>, context: ExporterContext): Promise<OpenExporter>;
}

/** Names of the exporters that there are. */
export function exporterNames(): string[] {
  return readdirSync(new URL('exporters/', import.meta.url))
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => file.slice(0, -'.ts'.length))
    .sort();
}

/** Loads one; only what the configuration names is loaded. */
export async function loadExporter(name: string): Promise<Exporter> {
  const module = (await import(new URL(`exporters/${name}.ts`, import.meta.url).href)) as {
    exporter: Exporter;
  };
  return module.exporter;
}

/**
 * Opens those that have options. Throws config.exporter for the first that does not open; then none stays
 * open.
 */
export async function openExporters(
  options: Readonly<Record<string, unknown>>,
  context: ExporterContext,
): Promise<Map<string, OpenExporter>> {
  const exporters = new Map<string, OpenExporter>();
  for (const [name, of] of Object.entries(options)) {
    if (of === undefined) continue;
    try {
      exporters.set(name, await (await loadExporter(name)).open(of, context));
    } catch (error) {
      for (const exporter of exporters.values()) await exporter[Symbol.asyncDispose]();
      throw new OperatorError(
        'config.exporter',
        { exporter: name, reason: (error as Error).message },
        { cause: error },
      );
    }
  }
  return exporters;
}
