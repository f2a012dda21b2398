/** openapi.json, made from the routes' schemas. */

import * as z from 'zod';
import type { HubParts } from './parts.ts';
import type { Route, RouteResponse } from './route.ts';

type Json = Readonly<Record<string, unknown>>;

interface JsonObject {
  readonly properties?: Readonly<Record<string, Json>>;
  readonly required?: readonly string[];
}

const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string(),
  detail: z.string(),
  what_to_do: z.string(),
});

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io });
  return rest;
}

function parameters(schema: z.ZodType | undefined, place: 'path' | 'query'): Json[] {
  if (!schema) return [];
  const { properties = {}, required = [] } = schemaOf(schema, 'input') as JsonObject;
  return Object.entries(properties).map(([name, { description, ...of }]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: of,
  }));
}

function response({ description, content }: RouteResponse): Json {
  const media = Object.entries(content).map(([type, schema]) => [
    type,
    schema ? { schema: schemaOf(schema, 'output') } : {},
  ]);
  return { description, content: Object.fromEntries(media) as Json };
}

function operation(route: Route): Json {
  const responses = Object.entries(route.responses).map(([status, of]) => [status, response(of)]);
  const media = route.body?.types.map((type) => [type, {}]);
  return {
    summary: route.summary,
    parameters: [...parameters(route.params, 'path'), ...parameters(route.query, 'query')],
    ...(route.body && media
      ? {
          requestBody: {
            required: true,
            description: route.body.description,
            content: Object.fromEntries(media) as Json,
          },
        }
      : {}),
    responses: {
      ...(Object.fromEntries(responses) as Json),
      default: response({ description: 'an error', content: { 'application/problem+json': problemSchema } }),
    },
  };
}

export function openApi(
  routes: readonly Route[],
  { version, parts }: { readonly version: string; readonly parts: HubParts },
): Json {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    if (route.paths) {
      Object.assign(paths, route.paths(parts));
      continue;
    }
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    (paths[path] ??= {})[route.method.toLowerCase()] = operation(route);
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Sonde hub', version },
    paths,
  };
}
