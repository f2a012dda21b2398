/** What is left of a value that is truncated. */

import { formatNetwork, isPublic, parseAddress } from '../../../lib/address.ts';
import { unknownLabel } from '../../../model/record.ts';
import type { ValueForm } from '../../../model/connection.ts';

/** A value, and how much of it that is; undefined: as it was. */
export interface Truncated {
  readonly value: string;
  readonly form: ValueForm | undefined;
}

export interface PrefixLengths {
  readonly ipv4: number;
  readonly ipv6: number;
}

/** Loopback and unspecified addresses name nobody, and a network of them would mislead. */
const nobodys: ReadonlySet<string> = new Set(['0.0.0.0', '::', '127.0.0.1', '::1']);

/** Takes addresses and networks; a network that is no longer than wanted stays. */
export function truncateAddress(lengths: PrefixLengths, publicOnly: boolean): (text: string) => Truncated {
  return (text) => {
    const asItWas = { value: text, form: undefined };
    const [address = '', length] = text.split('/');
    const bytes = parseAddress(address);
    if (!bytes) return { value: unknownLabel, form: 'prefix' };
    const kept = address.includes(':') ? lengths.ipv6 : lengths.ipv4;
    if (nobodys.has(text) || (length !== undefined && Number(length) <= kept)) return asItWas;
    if (publicOnly && !isPublic(bytes)) return asItWas;
    return { value: formatNetwork(bytes, kept), form: 'prefix' };
  };
}

/** kworker/3:1 is kworker, "postgres: alice" is postgres: what follows may be about anybody. */
export function truncateProgram(text: string): Truncated {
  const [word = ''] = /^[\w.+-]*/.exec(text.replace(/^[^\w]+/, '')) ?? [];
  if (word === text) return { value: text, form: undefined };
  return { value: word === '' ? unknownLabel : word, form: 'prefix' };
}

/** What the list of public suffixes says of a name; null: nothing. */
export interface Suffixes {
  parse(
    name: string,
    options: { readonly validateHostname: false; readonly extractHostname: false },
  ): {
    readonly domain: string | null;
    readonly publicSuffix: string | null;
    readonly isIcann: boolean | null;
  };
}

/** Names for people who have none: of reverse lookups the rest is an address. */
const addressDomain = /(^|\.)(in-addr|ip6)\.arpa$/;

/**
 * The registered domain. A name below no public suffix (`db.internal`) is somebody's own, and its last label
 * is what may be said; `none` stands for one that has a single label.
 */
export function truncateDomain(suffixes: Suffixes, none: string): (text: string) => Truncated {
  return (text) => {
    const name = text.toLowerCase().replace(/\.$/, '').replace(/^\*\./, '');
    if (text === '.' || text === '*') return { value: text, form: undefined };
    const [, , reverse] = addressDomain.exec(name) ?? [];
    if (reverse !== undefined) return { value: `${reverse}.arpa`, form: 'domain' };
    if (!name.includes('.')) return { value: none, form: 'domain' };
    const { domain, publicSuffix, isIcann } = suffixes.parse(name, {
      validateHostname: false,
      extractHostname: false,
    });
    const known = isIcann === true ? (domain ?? publicSuffix) : null;
    return { value: known ?? name.slice(name.lastIndexOf('.') + 1), form: 'domain' };
  };
}
