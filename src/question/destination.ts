/** Who opened connections where to, over a long time: what expectations are proposed from. */

import * as z from 'zod';

const labels = z.record(z.string(), z.string());

const destination = z.object({
  environment: z.string(),
  workload: z.string(),
  process: z.string(),
  namespace: z.string().describe('of the workload, in Kubernetes; empty where there is none'),
  owner: z.string().describe('workload.owner'),
  labels: labels.describe('of the workload, as it was told last'),
  name: z.string().describe('by which it was meant; empty where none is known'),
  name_source: z.string(),
  ip: z.string().describe('an address, or a network where that is all that was told'),
  port: z.int(),
  transport: z.string(),
  connections_opened: z.number(),
  connections_established: z.number(),
  bytes_received: z.number(),
  days: z.array(z.int()).describe('on which it was opened, since 1970'),
  nodes: z.number(),
  first_seen: z.string(),
  last_seen: z.string(),
  are_names_known: z.boolean().describe('of any destination in this environment'),
  expectation: z.string().describe('the entry that covers it on all nodes; empty where none does'),
  pod_port: z.number().describe('where a service led to, if only one place is known; 0 otherwise'),
  peer_namespace: z.string().describe('of the pod that serves there; empty where none is known'),
  peer_workload: z.string(),
  peer_labels: labels,
});

export const destinationListSchema = z.object({
  from: z.string(),
  to: z.string(),
  names_from: z.string().describe('since when names are kept'),
  destinations: z.array(destination).describe('sorted by workload, process, name and address'),
  truncated: z.boolean(),
});

export type Destination = z.output<typeof destination>;
export type DestinationList = z.output<typeof destinationListSchema>;
