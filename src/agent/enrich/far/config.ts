/** What agent.yaml says of the other end: networks, the zone of this node, databases. */

import * as z from 'zod';
import { formatNetwork, parseAddress } from '../../../lib/address.ts';

const networksMax = 10_000;

/** What is wrong with the text of a network; undefined: nothing. */
export function networkProblem(text: string): string | undefined {
  const [address = '', length = '', ...rest] = text.split('/');
  const view = rest.length === 0 ? parseAddress(address) : undefined;
  const most = address.includes(':') ? 128 : 32;
  if (!view || !/^\d{1,3}$/.test(length) || Number(length) > most)
    return `must be a network such as 10.20.0.0/16 or 2001:db8::/32; got ${text}`;
  const network = formatNetwork(view, Number(length));
  return network === text ? undefined : `must be written ${network}; got ${text}`;
}

const zone = z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'must be up to 32 of a-z, 0-9 and -');

const network = z
  .strictObject({
    cidr: z.string().superRefine((text, context) => {
      const message = networkProblem(text);
      if (message !== undefined) context.addIssue({ code: 'custom', message });
    }),
    name: z
      .string()
      .regex(/^[\x21-\x7e]{1,128}$/, 'must be up to 128 printable ASCII characters without a space')
      .optional()
      .meta({ description: 'destination.name of every address in it' }),
    zone: zone.optional().meta({ description: 'such as on-prem, cloud, partner' }),
  })
  .refine((of) => of.name !== undefined || of.zone !== undefined, 'must have a name or a zone');

export type NetworkEntry = z.output<typeof network>;

const file = z.string().regex(/^\//, 'must be an absolute path');

/** Keys of agent.yaml itself. */
export const farSchema = {
  networks: z
    .array(network)
    .max(networksMax)
    .default([])
    .superRefine((entries, context) => {
      const seen = new Set<string>();
      entries.forEach(({ cidr }, at) => {
        if (seen.has(cidr))
          context.addIssue({ code: 'custom', path: [at], message: `${cidr} is there twice` });
        seen.add(cidr);
      });
    })
    .meta({
      description:
        'networks by `cidr`, with a `name`, a `zone` or both; of several that hold an address the longest prefix wins ([the other end](far.md))',
    }),
  zone: zone
    .optional()
    .meta({ description: 'zone of this node; by default that of its addresses in networks' }),
  databases: z
    .strictObject({
      as: file.optional().meta({ description: 'MMDB file of autonomous systems' }),
      country: file.optional().meta({ description: 'MMDB file of countries' }),
    })
    .default({})
    .meta({
      description: 'files that say more of public addresses; read again when they are replaced',
    }),
};

export type FarConfig = z.output<z.ZodObject<typeof farSchema>>;
