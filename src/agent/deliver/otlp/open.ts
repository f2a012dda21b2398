/** Opens the way to a receiver that is configured. */

import type { Clock } from '../../../lib/clock.ts';
import type { WireOptions } from './options.ts';
import type { SignalKind, Transport } from './transport.ts';

/** Throws for options that cannot work. Only what is used is loaded. */
export async function openTransport(
  options: WireOptions,
  kind: SignalKind,
  clock: Clock,
): Promise<Transport> {
  if (options.protocol === 'grpc') return (await import('./grpc.ts')).openGrpc(options, kind);
  return (await import('./http.ts')).openHttp({ ...options, protocol: options.protocol }, kind, clock);
}
