import * as z from 'zod';
import { eventStreamType } from '../../../question/event-stream.ts';
import { defineRoute } from '../route.ts';

const when = (text: string) => z.string().optional().describe(text);

export const route = defineRoute({
  method: 'GET',
  path: '/api/v1/tail',
  summary: 'Records as they are received, of those that a filter lets through, as server-sent events',
  query: z.strictObject({
    table: when('flows (the default), events, dns, listeners, addresses or windows'),
    filter: when('as of a search'),
    host: when('only this host.name'),
    environment: when('only this environment'),
    own: when('true: traffic of Sonde itself too'),
  }),
  responses: {
    200: {
      description:
        '`begin` with the columns, `row` for each record, `lost` with how many were not told: `rate` came faster than is told, `slow` than they were read',
      content: { [eventStreamType]: undefined },
    },
  },
  handle({ query, signal }, { tails }) {
    const given = Object.entries(query).filter(([, value]) => value !== undefined);
    const asked = { query: Object.fromEntries(given) as Record<string, string>, signal };
    // The connection ends with the tail: a hub that stops waits for those that are kept.
    return { type: eventStreamType, headers: { connection: 'close' }, body: tails.open(asked) };
  },
});
