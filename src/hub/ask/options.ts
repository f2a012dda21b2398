/** What the ask stage is made of, and what it is asked with. */

import type { ClickHouseClient } from '@clickhouse/client';
import type { Clock } from '../../lib/clock.ts';
import type { InForce } from '../../question/expectation.ts';
import type { Question } from '../../question/discovery.ts';
import type { CancelQuery } from './query.ts';
import type { Retention } from './range.ts';

export interface Asking {
  /** As in the URL: since, from, to, scope and the question's own. */
  readonly query: Readonly<Record<string, string>>;
  /** The query is cancelled in the store when it aborts. */
  readonly signal: AbortSignal;
}

export interface AskOptions {
  /** Of a user that may only read. */
  readonly client: ClickHouseClient;
  readonly cancel: CancelQuery;
  readonly questions: readonly Question[];
  readonly retention: Retention;
  /** What is expected now, once it is in the store; nothing without it. */
  readonly expectations?: () => Promise<InForce>;
  readonly clock: Clock;
}
