/** All decoders of what the kernel programs tell, for one object. */

import type { TypeInformation } from '../../lib/btf.ts';
import { dnsDecoder } from './dns.ts';
import { eventDecoder } from './events.ts';
import { flowDecoder } from './flows.ts';
import { listenerDecoder } from './listeners.ts';
import { netnsDecoder, ownerDecoder } from './tables.ts';

export interface Decoders {
  readonly event: ReturnType<typeof eventDecoder>;
  readonly flows: ReturnType<typeof flowDecoder>;
  readonly listeners: ReturnType<typeof listenerDecoder>;
  readonly dns: ReturnType<typeof dnsDecoder>;
  readonly netns: ReturnType<typeof netnsDecoder>;
  readonly owner: ReturnType<typeof ownerDecoder>;
}

export function decodersOf(types: TypeInformation, tickNs: number): Decoders {
  return {
    event: eventDecoder(types, tickNs),
    flows: flowDecoder(types, tickNs),
    listeners: listenerDecoder(types, tickNs),
    dns: dnsDecoder(types),
    netns: netnsDecoder(types),
    owner: ownerDecoder(types),
  };
}
