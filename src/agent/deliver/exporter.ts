/** What an exporter is: one file in exporters/, found by its folder. */

import { readdirSync } from 'node:fs';
import type * as z from 'zod';
import { OperatorError } from '../../lib/errors.ts';
import type { SondeRecord } from '../../model/record.ts';

export type OpenExporter = AsyncDisposable & {
  /** Resolves when the records are as safe as this exporter can make them; rejects if they are not. */
  deliver(records: readonly SondeRecord[]): Promise<void>;
};

export interface Exporter<Schema extends z.ZodType = z.ZodType> {
  readonly name: string;
  readonly summary: string;
  /** Its part of the configuration, under `exporters.NAME`. */
  readonly schema: Schema;
  open(options: z.output<Schema>): Promise<OpenExporter>;
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
): Promise<Map<string, OpenExporter>> {
  const exporters = new Map<string, OpenExporter>();
  for (const [name, of] of Object.entries(options)) {
    if (of === undefined) continue;
    try {
      exporters.set(name, await (await loadExporter(name)).open(of));
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
