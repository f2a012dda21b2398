/** Where an answer's last row was, as text that asks for the rows behind it: of the very same range. */

import * as z from 'zod';
import type { StoreRow } from '../query.ts';
import type { TimeRange } from '../range.ts';

export interface Page {
  readonly timeMs: number;
  /** Empty: the first page. */
  readonly boot: string;
  readonly instance: string;
  readonly sequence: number;
}

export const firstPage: Page = { timeMs: 0, boot: '', instance: '', sequence: 0 };

const ms = z.int().min(0).max(8.64e15);
const schema = z.tuple([ms, ms, ms, z.string().min(1), z.string(), z.int().min(0)]);

export function pageAfter(row: StoreRow, time: string, { fromMs, toMs }: TimeRange): string {
  const { boot_id: boot, agent_instance: instance, record_sequence: sequence } = row;
  const last = [fromMs, toMs, Date.parse(String(row[time])), boot, instance, Number(sequence)];
  return Buffer.from(JSON.stringify(last)).toString('base64url');
}

/** Undefined for text that `pageAfter` did not make. */
export function readPage(text: string): { readonly range: TimeRange; readonly page: Page } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
  const read = schema.safeParse(value);
  if (!read.success) return undefined;
  const [fromMs, toMs, timeMs, boot, instance, sequence] = read.data;
  return { range: { fromMs, toMs }, page: { timeMs, boot, instance, sequence } };
}
