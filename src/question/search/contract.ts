/** What a search answers: the same for API, command line and page. */

import * as z from 'zod';
import type { Answer, Cell, Column } from '../contract.ts';

export interface SearchColumn extends Column {
  /** A term `name=value` finds the rows that have that value. */
  readonly isField: boolean;
}

/** An answer whose columns are labels, the weightiest first. */
export interface SearchAnswer extends Answer {
  readonly columns: readonly SearchColumn[];
  readonly table: string;
  readonly filter: string;
  /** So many of the columns are for a glance; behind them is all else that the rows have. */
  readonly glance: number;
  /** As `page` it asks for the rows behind these; null where there are none. */
  readonly next: string | null;
}

export interface FacetValue {
  /** As text; empty where rows have none. */
  readonly value: string;
  readonly rows: number;
}

export interface Facet {
  readonly field: string;
  /** How many different values there are, and how often there is any. */
  readonly different: number;
  readonly rows: number;
  /** The most frequent ones. */
  readonly values: readonly FacetValue[];
}

export interface Facets {
  readonly table: string;
  readonly filter: string;
  readonly from: string;
  readonly to: string;
  readonly facets: readonly Facet[];
}

/** The events of a tail, by their names. */
export interface TailEvents {
  /** First: what is told, and of which table. */
  begin: {
    readonly table: string;
    readonly filter: string;
    readonly columns: readonly SearchColumn[];
    readonly glance: number;
  };
  /** A record: only what it has. */
  row: Readonly<Record<string, Cell>>;
  /** Records that were not told: `rate` came faster than is told, `slow` than they were read. */
  lost: { readonly rate: number; readonly slow: number };
}

const value = z.strictObject({ value: z.string().describe('empty: none'), rows: z.number() });

const facet = z.strictObject({
  field: z.string(),
  different: z.number().describe('how many different values there are'),
  rows: z.number().describe('how often there is any'),
  values: z.array(value).describe('the most frequent ones'),
});

export const facetsSchema = z.strictObject({
  table: z.string(),
  filter: z.string(),
  from: z.string(),
  to: z.string(),
  facets: z.array(facet),
});

export const searchAnswerSchema = z.looseObject({
  table: z.string(),
  filter: z.string(),
  from: z.string(),
  to: z.string(),
  columns: z.array(z.looseObject({ name: z.string(), type: z.string() })).describe('the weightiest first'),
  glance: z.number().describe('so many of the columns are for a glance'),
  rows: z.array(z.record(z.string(), z.unknown())).describe('newest first'),
  truncated: z.boolean(),
  next: z.string().nullable().describe('as `page` it asks for the rows behind these'),
  coverage: z.looseObject({}).describe('what the answer rests on, as of a question'),
});
