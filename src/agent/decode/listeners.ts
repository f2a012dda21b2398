/** From the inventory's bytes to listeners. */

import { formatAddress } from '../../lib/address.ts';
import type { TypeInformation } from '../../lib/btf.ts';
import type { Attribution } from '../../model/connection.ts';
import type { Listener } from '../../model/observation.ts';
import type { RawRows } from './flows.ts';
import { jiffiesReader, reader } from './reader.ts';

/** Makes a decoder of inventories; the listeners are copies. A key is the socket's cookie. `tickNs`: a jiffy. */
export function listenerDecoder(types: TypeInformation, tickNs: number): (raw: RawRows) => Listener[] {
  const layout = types.layout('listener');
  const attributions = types.words('attribution', 'OWNER_');
  const field = (name: string) => reader(layout, name);
  const [netns, owner, pid, pidStarted] = [
    field('netns'),
    field('owner'),
    field('pid'),
    field('pid_started_ns'),
  ];
  const [attribution, port, ipv6, first, gone] = [
    field('attribution'),
    field('port'),
    field('ipv6'),
    field('first'),
    field('gone'),
  ];
  const [backlog, backlogMax] = [field('backlog'), field('backlog_max')];
  const [waiting, waitingKnown] = [jiffiesReader(layout, 'waiting_jiffies', tickNs), field('waiting_known')];
  const [drops, synackRetransmits, resetsSent] = [
    field('drops'),
    field('synack_retransmits'),
    field('resets_sent'),
  ];
  const addressAt = layout.field('address').offset;

  return ({ count, keys, values }) =>
    Array.from({ length: count }, (_, index): Listener => {
      const at = index * layout.size;
      const address = formatAddress(values, at + addressAt);
      return {
        cookie: String(keys.getBigUint64(index * 8, true)),
        netns: netns(values, at),
        owner: owner(values, at),
        pid: pid(values, at),
        pidStartedNs: pidStarted(values, at),
        attribution: attributions[attribution(values, at)] as Attribution,
        address,
        // An IPv4 address of an IPv6 socket is told as what it is.
        family: ipv6(values, at) === 1 && address.includes(':') ? 'ipv6' : 'ipv4',
        port: port(values, at),
        backlog: backlog(values, at),
        backlogMax: backlogMax(values, at),
        waitingMs: waitingKnown(values, at) === 1 ? waiting(values, at) : null,
        counts: {
          drops: drops(values, at),
          synackRetransmits: synackRetransmits(values, at),
          resetsSent: resetsSent(values, at),
        },
        first: first(values, at),
        gone: gone(values, at) === 1,
      };
    });
}
