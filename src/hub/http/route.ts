/**
 * What a route is: one file in routes/, found by its folder. Its schemas check what comes in and make its
 * part of openapi.json.
 */

import { readdirSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type * as z from 'zod';
import type { HubParts } from './parts.ts';

/** Bytes that a route takes in: it is read whole, within `limits.request`. */
export interface BodyDescription {
  readonly description: string;
  /** Any other content type is answered with 415. */
  readonly types: readonly string[];
}

export interface RouteRequest<Params = unknown, Query = unknown> {
  /** Of the path, checked by the route's schema. */
  readonly params: Params;
  readonly query: Query;
  readonly headers: IncomingHttpHeaders;
  /** As it came, still compressed; empty where the route takes none. */
  readonly body: Buffer;
  /** Aborts when whoever asked has gone, or when the hub stops. */
  readonly signal: AbortSignal;
}

export interface RouteReply {
  /** 200 by default. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** application/json by default; then `body` may be any value that JSON can say. */
  readonly type?: string;
  readonly body: unknown;
}

/** Text and bytes of another type than JSON. */
export type RawBody = string | Uint8Array | Readable;

export interface RouteResponse {
  readonly description: string;
  /** By media type; no schema where it is not JSON. */
  readonly content: Readonly<Record<string, z.ZodType | undefined>>;
}

export interface Route<Params extends z.ZodType = z.ZodType, Query extends z.ZodType = z.ZodType> {
  readonly method: 'GET' | 'POST';
  /** `:name` is a parameter: /api/v1/questions/:id */
  readonly path: string;
  readonly summary: string;
  /** An object of texts; no parameters without it. */
  readonly params?: Params;
  /** An object of texts; what it does not allow is answered with 400. Without it no query is looked at. */
  readonly query?: Query;
  readonly body?: BodyDescription;
  readonly responses: Readonly<Record<number, RouteResponse>>;
  /**
   * Throws OperatorError for what whoever asks can mend: the table has its status. Method syntax, so that
   * a route of any parameters is a Route.
   */
  handle(
    request: RouteRequest<z.output<Params>, z.output<Query>>,
    parts: HubParts,
  ): RouteReply | Promise<RouteReply>;
  /** Errors in another form than problem+json, where a protocol wants that. */
  failed?(problem: Problem, request: Pick<RouteRequest, 'headers'>): RouteReply;
  /** Paths of openapi.json that only the running hub knows, in place of those made from the schemas. */
  paths?(parts: HubParts): Readonly<Record<string, unknown>>;
}

/** RFC 9457, and what to do about it. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly what_to_do: string;
}

/** Gives a route's handler the types of its schemas. */
export function defineRoute<Params extends z.ZodType, Query extends z.ZodType>(
  route: Route<Params, Query>,
): Route<Params, Query> {
  return route;
}

/** Every route, in the order of the files' names. */
export async function loadRoutes(): Promise<Route[]> {
  const files = readdirSync(new URL('routes/', import.meta.url))
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .sort();
  const modules = files.map(
    (file) => import(new URL(`routes/${file}`, import.meta.url).href) as Promise<{ route: Route }>,
  );
  return (await Promise.all(modules)).map(({ route }) => route);
}
