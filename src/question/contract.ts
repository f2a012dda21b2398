/** What a question is, and what its answer is: the same typed answer for API, command line and page. */

import type { DetectorStatus } from './finding.ts';

/** How a column is shown, and what its values are. `series` is one number per bucket of the range asked. */
export const columnTypes = [
  'text',
  'ip',
  'port',
  'state',
  'count',
  'ratio',
  'duration_ms',
  'bytes',
  'time',
  'series',
] as const;
export type ColumnType = (typeof columnTypes)[number];

export interface Column {
  /** A canonical label (docs/reference/labels.md) or a name of the question's own. */
  readonly name: string;
  readonly type: ColumnType;
  readonly title: string;
  readonly description: string;
}

export const paramTypes = ['text', 'integer', 'number', 'boolean', 'choice', 'duration'] as const;
export type ParamType = (typeof paramTypes)[number];

/**
 * Of a text. `pattern`: `*` stands for any characters. `network`: an address or a CIDR. Empty means all.
 * `zone`: a time zone by its IANA name.
 */
export const paramFormats = ['pattern', 'network', 'zone'] as const;
export type ParamFormat = (typeof paramFormats)[number];

export type ParamValue = string | number | boolean;

export interface Param {
  readonly name: string;
  readonly type: ParamType;
  readonly format?: ParamFormat;
  readonly description: string;
  /** A duration is text with a unit, such as 24h. */
  readonly default: ParamValue;
  /** Of a duration in milliseconds, as `max` is. */
  readonly min?: number;
  readonly max?: number;
  /** Of a choice. */
  readonly values?: readonly string[];
}

/** What API and page know of a question before it is asked. */
export interface QuestionSummary {
  readonly id: string;
  readonly title: string;
  readonly asks: string;
  readonly params: readonly Param[];
  readonly columns: readonly Column[];
}

/** A part of a whole; `of` 0 means that there was nothing to see: then the ratio is null. */
export interface Share {
  readonly part: number;
  readonly of: number;
  readonly ratio: number | null;
}

/** What the answer rests on, for exactly the range and the scope asked. */
export interface Coverage {
  /** Nodes that told anything in the range, of those that were expected to. */
  readonly nodes: Share;
  /**
   * Seconds of closed windows received, of seconds asked, over all expected nodes. A window that cannot have
   * come yet, because it is not over or has only just closed, is not asked for.
   */
  readonly seconds: Share;
  /** Connection opens that Sonde saw, of those that the kernels counted. */
  readonly connections: Share;
  /** Connections whose owner is known, of those seen. */
  readonly attribution: Share;
  /** The same connections by how their owner is known; not over ranges that rollups answer. */
  readonly attributions?: Readonly<Record<string, number>>;
  /** Of the four; null when there was nothing to see at all. */
  readonly smallest: number | null;
  /** In words, what is missing and what to do about it. */
  readonly notes: readonly string[];
}

export const answerFormats = ['json', 'ndjson', 'csv'] as const;
export type AnswerFormat = (typeof answerFormats)[number];

export type Cell = string | number | boolean | null | readonly (number | null)[];

export interface Answer {
  readonly question: string;
  readonly title: string;
  /** RFC 3339; the range that the answer is about: [from, to). */
  readonly from: string;
  readonly to: string;
  /** Length of one bucket of a `series`. */
  readonly bucketMs: number;
  /** With defaults filled in. */
  readonly params: Readonly<Record<string, ParamValue>>;
  readonly columns: readonly Column[];
  /** One object per row, by column name. */
  readonly rows: readonly Readonly<Record<string, Cell>>[];
  /** There were more rows than `limit`. */
  readonly truncated: boolean;
  readonly coverage: Coverage;
  /** Where the question has detectors, or calls something new: how these stand now. */
  readonly detectors?: readonly DetectorStatus[];
  readonly answeredAt: string;
  readonly tookMs: number;
}
