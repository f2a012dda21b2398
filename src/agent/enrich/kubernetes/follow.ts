/**
 * Follows the objects of one kind: a list, then what changes, for as long as the agent runs. A watch that
 * ends or breaks goes on where it was; where the server does not know that place any more (410), the list is
 * read again.
 *
 * Owns the place and the waits in between. Must never hold objects: they are handed on one at a time.
 */

import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../../lib/clock.ts';
import { readLines } from '../../../lib/lines.ts';
import type { Prng } from '../../../lib/prng.ts';
import { ApiError, isExpired, type Client } from './client.ts';
import { itemLimits, itemSplitter } from './items.ts';

export const followLimits = {
  /** Objects of a page. */
  pageMax: 250,
  /** The server ends a watch after so long, and up to twice that. */
  watchSecondsMin: 240,
  /** Between two attempts: doubled with each that fails, and shortened by up to half by chance. */
  againMsMin: 1000,
  againMsMax: 60_000,
  /** However long the server asks us to wait. */
  askedMsMax: 600_000,
} as const;

export type FollowLimits = { readonly [Name in keyof typeof followLimits]: number };

/** Who takes the objects. */
export interface Taker {
  /** A list begins, maybe anew. */
  begin(): void;
  put(object: unknown): void;
  drop(object: unknown): void;
  /** The list is whole: what was not put since it began is gone. */
  listed(): void;
}

export interface Followed {
  /** Such as /api/v1/pods. */
  readonly path: string;
  readonly fieldSelector?: string;
  readonly taker: Taker;
}

/** How it stands, for people. */
export interface FollowState {
  /** A list was whole once. */
  readonly listed: boolean;
  /** Since when nothing is heard of the server; null while it is. Unix milliseconds. */
  readonly silentSinceMs: number | null;
  readonly error: string | null;
}

export interface Following {
  readonly state: FollowState;
  /** Resolves when it has ended, by the signal. */
  readonly ended: Promise<void>;
}

interface FollowParts {
  readonly client: Client;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly signal: AbortSignal;
  readonly limits?: FollowLimits;
}

interface Meta {
  readonly resourceVersion?: unknown;
  readonly continue?: unknown;
}

function metaOf(object: unknown): Meta {
  return (object as { metadata?: Meta | null } | null)?.metadata ?? {};
}

interface WatchEvent {
  readonly type?: unknown;
  readonly object?: unknown;
}

/** The object of an event ERROR is a status. */
function errorOf(status: unknown): ApiError {
  const { code, message } = (status ?? {}) as { code?: unknown; message?: unknown };
  return new ApiError(Number(code ?? 500), `${String(code)} ${String(message)}`.slice(0, 200));
}

async function ended(response: IncomingMessage): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    response.once('error', reject);
    response.once('end', resolve);
    response.once('close', () => {
      reject(new Error('the connection was closed'));
    });
  });
}

/** The two requests that following is made of. */
interface Reading {
  /** Hands on all objects of a list. Returns its resourceVersion. */
  list(how: { readonly fromMemory: boolean; readonly inPages: boolean }): Promise<string>;
  /** Hands on what changes behind a resourceVersion, until the server ends it. */
  watch(version: string, onEvent: (event: WatchEvent) => void): Promise<void>;
}

function readingOf({ path, fieldSelector, taker }: Followed, parts: FollowParts): Reading {
  const { client, prng, signal, limits = followLimits } = parts;

  function pathWith(query: Readonly<Record<string, string>>): string {
    const selected = fieldSelector === undefined ? {} : { fieldSelector };
    return `${path}?${new URLSearchParams({ ...selected, ...query }).toString()}`;
  }

  async function page(query: Readonly<Record<string, string>>): Promise<Meta> {
    const response = await client.get({ path: pathWith(query), signal });
    const splitter = itemSplitter((item) => {
      taker.put(item);
    });
    for await (const chunk of response as AsyncIterable<string>) splitter.push(chunk);
    return metaOf(splitter.end());
  }

  return {
    async list({ fromMemory, inPages }) {
      taker.begin();
      const limit: Record<string, string> = inPages ? { limit: String(limits.pageMax) } : {};
      let meta = await page({ ...limit, ...(fromMemory ? { resourceVersion: '0' } : {}) });
      while (typeof meta.continue === 'string' && meta.continue !== '')
        meta = await page({ ...limit, continue: meta.continue });
      if (typeof meta.resourceVersion !== 'string') throw new Error('the list has no resourceVersion');
      taker.listed();
      return meta.resourceVersion;
    },
    async watch(version, onEvent) {
      const timeoutSeconds = String(limits.watchSecondsMin + prng.below(limits.watchSecondsMin));
      const query = { watch: '1', allowWatchBookmarks: 'true', resourceVersion: version, timeoutSeconds };
      const response = await client.get({ path: pathWith(query), signal, endless: true });
      readLines(response, {
        lineMax: itemLimits.itemMax,
        onLine(line) {
          try {
            if (!response.destroyed) onEvent(JSON.parse(line) as WatchEvent);
          } catch (error) {
            response.destroy(error as Error);
          }
        },
      });
      await ended(response);
    },
  };
}

export function follow(followed: Followed, parts: FollowParts): Following {
  const { clock, prng, signal, limits = followLimits } = parts;
  const { taker } = followed;
  const reading = readingOf(followed, parts);
  const state = {
    listed: false,
    silentSinceMs: clock.wallMs() as number | null,
    error: null as string | null,
  };
  /** Where a watch goes on; undefined: behind a list. */
  let version: string | undefined;
  let failures = 0;
  /** From the server's memory, if that may be old; and in pages, as long as they last. */
  let [fromMemory, inPages] = [true, true];

  function heard(): void {
    failures = 0;
    Object.assign(state, { silentSinceMs: null, error: null });
  }

  function take({ type, object }: WatchEvent): void {
    if (type === 'ERROR') throw errorOf(object);
    const { resourceVersion } = metaOf(object);
    if (typeof resourceVersion !== 'string') throw new Error('an event has no resourceVersion');
    if (type === 'ADDED' || type === 'MODIFIED') taker.put(object);
    else if (type === 'DELETED') taker.drop(object);
    version = resourceVersion;
    heard();
  }

  /** Behind a failure: from where the next attempt begins. */
  function retreat(error: unknown): void {
    if (!isExpired(error)) return;
    if (version === undefined) inPages = false;
    else fromMemory = false; // it may be older still
    version = undefined;
  }

  function waitMs(error?: unknown): number {
    const doubled = limits.againMsMin * 2 ** Math.min(failures, 16);
    const asked = error instanceof ApiError ? error.retryAfterMs : 0;
    const ms = Math.min(limits.againMsMax, doubled) * (0.5 + prng.unit() / 2);
    return Math.min(Math.max(asked, ms), limits.askedMsMax);
  }

  /** Until the server ends it. Returns how long to wait before the next. */
  async function attempt(): Promise<number> {
    try {
      if (version === undefined) {
        version = await reading.list({ fromMemory, inPages });
        [fromMemory, inPages] = [true, true];
        state.listed = true;
        heard();
      }
      await reading.watch(version, take);
      return waitMs();
    } catch (error) {
      retreat(error);
      state.silentSinceMs ??= clock.wallMs();
      state.error = (error as Error).message;
      const ms = waitMs(error);
      failures++;
      return ms;
    }
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      const ms = await attempt();
      await clock.sleep(ms, signal).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    }
  }

  return { state, ended: run() };
}
