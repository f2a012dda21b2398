/** The official client, as every part of the store wants it. */
import { ClickHouseLogLevel, createClient } from '@clickhouse/client';
import type { ClickHouseClient } from '@clickhouse/client';

export interface StoreUser {
  readonly username: string;
  readonly password: string;
}

export interface Place {
  readonly url: string;
  /** The user's own when it is left out. */
  readonly database?: string;
}

export const connectionLimits = {
  requestMsMax: 120_000,
  connectionsMax: 16,
} as const;

export function connect({ url, database }: Place, { username, password }: StoreUser): ClickHouseClient {
  return createClient({
    url,
    username,
    password,
    ...(database === undefined ? {} : { database }),
    request_timeout: connectionLimits.requestMsMax,
    max_open_connections: connectionLimits.connectionsMax,
    // Errors are thrown; whoever catches them says them.
    log: { level: ClickHouseLogLevel.OFF },
  });
}
