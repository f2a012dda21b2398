/** What a hub tells `sonde learn` of one destination; a test says what is another about its own. */
import type { Destination } from '../src/question/destination.ts';

export const seenDestination: Destination = {
  environment: 'production',
  workload: 'shop',
  process: 'api',
  namespace: '',
  owner: 'team-shop',
  labels: {},
  name: '',
  name_source: '',
  ip: '203.0.113.7',
  port: 443,
  transport: 'tcp',
  connections_opened: 10,
  connections_established: 10,
  bytes_received: 1,
  days: [20_787, 20_788],
  nodes: 1,
  first_seen: '2026-11-20T00:00:00.000Z',
  last_seen: '2026-11-30T10:00:00.000Z',
  are_names_known: true,
  expectation: '',
  pod_port: 0,
  peer_namespace: '',
  peer_workload: '',
  peer_labels: {},
};
