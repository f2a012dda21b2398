/** From one record of the ring of DNS messages to a message and who saw it. */

import { addressFamily, formatAddress } from '../../lib/address.ts';
import type { TypeInformation } from '../../lib/btf.ts';
import type { Attribution, Direction } from '../../model/connection.ts';
import type { DnsPacket } from '../../model/dns.ts';
import { parseDnsMessage } from './dns-message.ts';
import { reader } from './reader.ts';

const tcp = 6;

/** Makes a decoder of DNS messages; what it returns is a copy. */
export function dnsDecoder(types: TypeInformation): (view: DataView, offset: number) => DnsPacket {
  const head = types.layout('dns_head');
  const messageAt = types.layout('dns_packet').field('message').offset;
  const field = (name: string) => reader(head, name);
  const directions = types.words('direction', 'DIRECTION_');
  const attributions = types.words('attribution', 'OWNER_');
  const [at, cookie, number, netns] = [field('at_ns'), field('cookie'), field('number'), field('netns')];
  const [owner, pid, attribution] = [field('owner'), field('pid'), field('attribution')];
  const [localPort, remotePort, captured] = [field('local_port'), field('remote_port'), field('captured')];
  const [direction, transport] = [field('direction'), field('transport')];
  const [localAt, remoteAt] = [head.field('local').offset, head.field('remote').offset];

  return (view, base) => ({
    atNs: at(view, base),
    number: number(view, base),
    cookie: cookie(view, base),
    netns: netns(view, base),
    owner: owner(view, base),
    pid: pid(view, base),
    attribution: attributions[attribution(view, base)] as Attribution,
    direction: directions[direction(view, base)] as Direction,
    transport: transport(view, base) === tcp ? 'tcp' : 'udp',
    local: formatAddress(view, base + localAt),
    localPort: localPort(view, base),
    remote: formatAddress(view, base + remoteAt),
    remotePort: remotePort(view, base),
    family: addressFamily(view, base + remoteAt),
    message: parseDnsMessage(view, base + messageAt, captured(view, base)),
  });
}
