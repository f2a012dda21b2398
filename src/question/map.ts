/** The map: who talks to whom, and the nodes that tell of it. The same for API, command line and page. */

import * as z from 'zod';

const end = z.strictObject({
  host: z
    .string()
    .describe('host.name of its node; empty where no node with Sonde is known to have the address'),
  environment: z.string(),
  workload: z.string(),
  process: z.string().describe('empty where only the other end was seen, and nobody else was served there'),
  ip: z.string().describe('its address, or the network that is left of it, where there is no host'),
});

export const seenBy = ['both', 'source', 'destination'] as const;
/** Why the two ends of an edge are not joined; nothing where they are. */
export const apartReasons = ['', 'unjoined', 'ambiguous', 'unowned', 'failed', 'folded'] as const;

const edge = z.strictObject({
  source: end,
  destination: end.extend({ name: z.string().describe('of an address without a host, as it was looked up') }),
  transport: z.string(),
  port: z.int().describe('of the service'),
  connections: z.number().describe('opened in the range, or met open'),
  established: z.number(),
  failures: z.number().describe('ended refused, timed out, unreachable, reset or failed'),
  open: z.number().describe('mean over the range'),
  latency_ms: z.number().nullable(),
  bytes_sent: z.number().describe('by the source'),
  bytes_received: z.number(),
  joined: z.boolean(),
  seen_by: z.enum(seenBy),
  apart: z
    .enum(apartReasons)
    .describe(
      'why it is not joined: the other node runs Sonde and tells of no such connection (unjoined), several have the address (ambiguous), none (unowned), it was never established (failed), its address was folded away (folded)',
    ),
});

const total = z.strictObject({ edges: z.number(), connections: z.number() });
const range = { from: z.string(), to: z.string() };

export const edgeMapSchema = z.strictObject({
  ...range,
  edges: z.array(edge).describe('most connections first'),
  truncated: z.boolean(),
  totals: z
    .strictObject({ all: total, joined: total, unjoined: total, ambiguous: total })
    .describe('over all edges, also those beyond the limit'),
});

const ratio = z.number().nullable();

const node = z.strictObject({
  'host.name': z.string(),
  environment: z.string(),
  'agent.instance': z.string(),
  'agent.id': z.string(),
  'agent.version': z.string(),
  'boot.id': z.string(),
  first_seen: z.string(),
  last_seen: z.string().describe('end of its newest window, by the hub’s clock'),
  stopped: z.boolean().describe('it said goodbye'),
  clock: z.strictObject({
    offset_ms: z
      .number()
      .describe('what its clock lacks to the hub’s, delivery included; negative: it is ahead'),
    correction_ms: z.number().describe('what of that is added to its times: 0 where it may be delivery'),
  }),
  coverage: z.strictObject({
    seconds: ratio.describe('share of the range that its windows cover'),
    connections: ratio.describe('share of the opens that its kernel counted'),
    attribution: ratio.describe('share of its connections whose owner is known'),
  }),
});

export const nodeListSchema = z.strictObject({ ...range, nodes: z.array(node), truncated: z.boolean() });

export type Edge = z.output<typeof edge>;
export type EdgeTotal = z.output<typeof total>;
export type EdgeMap = z.output<typeof edgeMapSchema>;
export type MapNode = z.output<typeof node>;
export type NodeList = z.output<typeof nodeListSchema>;
