import * as z from 'zod';
import { exportTypes } from '../../../question/export.ts';
import { defineRoute } from '../route.ts';

const when = (text: string) => z.string().optional().describe(text);

export const route = defineRoute({
  method: 'GET',
  path: '/api/v1/export/:table',
  summary: 'Rows of a table of the store, in no order. A body that breaks off was not whole',
  params: z.object({ table: z.string() }),
  query: z.strictObject({
    since: when('how far back, such as 15m; an hour by default'),
    from: when('start instead, such as 2026-01-31T14:00:00Z'),
    to: when('end; now by default'),
    host: when('only this host.name'),
    environment: when('only this environment'),
    format: when('ndjson (the default) or parquet'),
  }),
  responses: {
    200: {
      description: 'the rows',
      content: { [exportTypes.ndjson]: undefined, [exportTypes.parquet]: undefined },
    },
  },
  async handle({ params: { table }, query, signal }, { exports }) {
    const given = Object.entries(query).filter(([, value]) => value !== undefined);
    const { type, stream } = await exports.rows(table, {
      query: Object.fromEntries(given) as Record<string, string>,
      signal,
    });
    return { type, body: stream };
  },
});
