/** What the hub's parts look like to a route: main.ts hands them in, no route imports another stage. */

import type { Readable } from 'node:stream';
import type { Answer, QuestionSummary } from '../../question/contract.ts';
import type { DestinationList } from '../../question/destination.ts';
import type { ExpectationList } from '../../question/expectation.ts';
import type { DetectSummary, Finding, FindingsAsked } from '../../question/finding.ts';
import type { EdgeMap, NodeList } from '../../question/map.ts';
import type { Overview } from '../../question/overview.ts';
import type { Facets, SearchAnswer } from '../../question/search/contract.ts';

/** What became of one request of log records. Every record of it is in exactly one of the three counts. */
export interface Receipt {
  readonly stored: number;
  /** Taken before; acknowledged and not stored again. */
  readonly duplicates: number;
  readonly rejected: number;
  /** Names the reasons and the first example; empty when nothing was rejected. */
  readonly message: string;
}

export interface LogsRequest {
  readonly body: Buffer;
  readonly encoding: 'protobuf' | 'json';
  /** The Content-Encoding header. */
  readonly compression: string | undefined;
}

export interface Asking {
  readonly query: Readonly<Record<string, string>>;
  /** The query is cancelled in the store when it aborts. */
  readonly signal: AbortSignal;
}

export interface HubParts {
  readonly intake: {
    /** Resolves when all of it is safe on disk. */
    take(request: LogsRequest): Promise<Receipt>;
  };
  /** What the hub waits for, in words; undefined when it is ready. */
  notReady(): string | undefined;
  /** GET /api/v1/status. */
  status(): Promise<Readonly<Record<string, unknown>>>;
  readonly ask: {
    questions(): readonly QuestionSummary[];
    answer(id: string, asking: Asking): Promise<Answer>;
    edges(asking: Asking): Promise<EdgeMap>;
    nodes(asking: Asking): Promise<NodeList>;
    search(asking: Asking): Promise<SearchAnswer>;
    facets(asking: Asking): Promise<Facets>;
    destinations(asking: Asking): Promise<DestinationList>;
    overview(asking: Asking): Promise<Overview>;
  };
  readonly exports: {
    /** Rows of a table in a stream, which ends with an error where they are not all. */
    rows(table: string, asking: Asking): Promise<{ readonly type: string; readonly stream: Readable }>;
  };
  readonly tails: {
    /** Server-sent events. Throws search.* and tail.full. */
    open(asking: Asking): Readable;
  };
  readonly detect: {
    /** Newest first. Rejects with question.unknown. */
    findings(asked: FindingsAsked): Promise<readonly Finding[]>;
    /** For GET /api/v1/status. */
    summary(): Promise<DetectSummary>;
  };
  readonly expectations: {
    /** As the hub's files say it. */
    list(): ExpectationList;
  };
  /** GET /api/v1/openapi.json. */
  openApi(): Readonly<Record<string, unknown>>;
}
