/** The map of a hub on a real engine, and rows as nodes tell them. */
import { openAsker } from './asking.ts';
import type { Row, TableName } from '../src/model/block.ts';
import type { PlainRows } from '../src/model/row/packing.ts';
import { questionsFolder } from '../src/question/discovery.ts';
import type { Edge, EdgeMap, NodeList } from '../src/question/map.ts';

export type Fields = Readonly<Record<string, unknown>>;
type Query = Readonly<Record<string, string>>;

const secondMs = 1000;

/** What one node tells. Times are how many seconds ago the window began. */
export interface Teller {
  address(ago: number, ip: string, change?: string, more?: Fields): Row;
  flow(ago: number, flow: Fields): Row;
}

export interface MapStore extends AsyncDisposable {
  readonly nowMs: number;
  /** From columns; its window began so many seconds ago. */
  rowOf(table: TableName, ago: number, fields: Fields): Row;
  /** In an environment of the test's own. */
  node(environment: string, host: string): Teller;
  store(rows: PlainRows): Promise<void>;
  mapOf(environment: string, query?: Query): Promise<EdgeMap>;
  /** The edges of the map, as `line` says them. */
  lines(environment: string, query?: Query): Promise<string[]>;
  nodesOf(environment: string): Promise<NodeList>;
}

/** `a/curl → b/nginx:80 ×3 both`, and why the ends are not joined. */
export function line({ source, destination, port, connections, seen_by, apart, failures }: Edge): string {
  const end = ({ host, process, ip }: Edge['source']) => `${host || ip}/${process}`;
  const failed = failures > 0 ? ` (${String(failures)} failed)` : '';
  const why = apart === '' ? '' : ` ${apart}`;
  return `${end(source)} → ${end(destination)}:${port} ×${connections}${failed} ${seen_by}${why}`;
}

function tellerOf(rowOf: MapStore['rowOf'], environment: string, host: string): Teller {
  const own = { environment, host_name: host };
  return {
    address: (ago, ip, change = 'present', more = {}) =>
      rowOf('addresses', ago, {
        ...own,
        address_change: change,
        destination_ip: ip,
        destination_scope: 'private',
        network_type: ip.includes(':') ? 'ipv6' : 'ipv4',
        ...more,
      }),
    flow: (ago, flow) =>
      rowOf('flows', ago, {
        ...own,
        direction: 'egress',
        network_transport: 'tcp',
        connection_state: 'closed',
        connection_established: true,
        connections_opened: 1,
        connections_established: flow['connections_opened'] ?? 1,
        connections_ended: flow['connections_opened'] ?? 1,
        destination_port: 80,
        ...flow,
      }),
  };
}

export async function openMapStore(): Promise<MapStore> {
  const asker = await openAsker();
  const ask = asker.openAsk(questionsFolder());
  const { signal } = new AbortController();
  let sequence = 0;

  function rowOf(table: TableName, ago: number, fields: Fields): Row {
    const startMs = asker.nowMs - ago * secondMs;
    const [start, end] = [startMs, startMs + 10 * secondMs].map((ms) => new Date(ms).toISOString());
    const full: Fields = {
      agent_instance: 'main',
      boot_id: String(fields['host_name']),
      record_sequence: ++sequence,
      time: end,
      window_start: start,
      window_end: end,
      window_ms: 10_000,
      network_namespace: 1,
      ...fields,
    };
    return asker.store.tables[table].map((column) => full[column] ?? null);
  }

  const mapOf: MapStore['mapOf'] = (environment, query = {}) =>
    ask.edges({ query: { environment, since: '10m', ...query }, signal });
  return {
    nowMs: asker.nowMs,
    rowOf,
    node: (environment, host) => tellerOf(rowOf, environment, host),
    store: (rows) => asker.insert(rows),
    mapOf,
    lines: async (environment, query) => (await mapOf(environment, query)).edges.map(line),
    nodesOf: (environment) => ask.nodes({ query: { environment, since: '10m' }, signal }),
    [Symbol.asyncDispose]: () => asker[Symbol.asyncDispose](),
  };
}
