/**
 * Writes small MMDB files (MaxMind DB file format 2.0: a search tree, then the values, then what is said of
 * the file), for tests of what reads them.
 */

import { parseAddress } from '../src/lib/address.ts';

type Value = string | number | boolean | { readonly [key: string]: Value } | readonly Value[];

const typeOf = { string: 2, uint16: 5, uint32: 6, map: 7, uint64: 9, array: 11, boolean: 14 } as const;

function control(type: number, size: number): Buffer {
  const short = size < 29 ? size : size < 285 ? 29 : 30;
  const head = type <= 7 ? [(type << 5) | short] : [short, type - 7];
  if (size < 29) return Buffer.from(head);
  return Buffer.from([...head, ...(size < 285 ? [size - 29] : [(size - 285) >> 8, (size - 285) & 255])]);
}

function unsigned(type: number, value: number): Buffer {
  const hex = value === 0 ? '' : value.toString(16);
  const bytes = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
  return Buffer.concat([control(type, bytes.length), bytes]);
}

function encode(value: Value): Buffer {
  if (typeof value === 'string') {
    const text = Buffer.from(value);
    return Buffer.concat([control(typeOf.string, text.length), text]);
  }
  if (typeof value === 'number') return unsigned(typeOf.uint32, value);
  if (typeof value === 'boolean') return control(typeOf.boolean, Number(value));
  if (Array.isArray(value)) {
    const items = value as readonly Value[];
    return Buffer.concat([control(typeOf.array, items.length), ...items.map(encode)]);
  }
  const entries = Object.entries(value);
  const parts = entries.flatMap(([key, of]) => [encode(key), encode(of)]);
  return Buffer.concat([control(typeOf.map, entries.length), ...parts]);
}

/** The bits of a network in an IPv6 tree, where IPv4 is ::a.b.c.d. */
function bitsOf(cidr: string): number[] {
  const [address = '', length = ''] = cidr.split('/');
  const view = parseAddress(address);
  if (!view) throw new Error(`no network: ${cidr}`);
  const v4 = !address.includes(':');
  if (v4) view.setUint16(10, 0);
  const bits = Array.from({ length: 128 }, (_, i) => (view.getUint8(i >> 3) >> (7 - (i & 7))) & 1);
  return bits.slice(0, Number(length) + (v4 ? 96 : 0));
}

/** A child is a node, the place of a value, or nothing. */
type Child = { readonly node: Node } | { readonly value: number } | undefined;
interface Node {
  readonly children: [Child, Child];
}

const separator = Buffer.alloc(16);
const recordBytes = 4;
const metadataStart = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1');

/** Networks that do not lie in each other, and what is said of each. */
export function mmdbFile(type: string, networks: Readonly<Record<string, Value>>): Buffer {
  const root: Node = { children: [undefined, undefined] };
  const values: Buffer[] = [];
  let place = 0;
  for (const [cidr, value] of Object.entries(networks)) {
    const bits = bitsOf(cidr);
    const last = bits.pop() ?? 0;
    let at = root;
    for (const bit of bits) {
      const child = at.children[bit];
      const node =
        child && 'node' in child ? child.node : { children: [undefined, undefined] as [Child, Child] };
      at.children[bit] = { node };
      at = node;
    }
    at.children[last] = { value: place };
    const bytes = encode(value);
    values.push(bytes);
    place += bytes.length;
  }
  const nodes: Node[] = [root];
  const numbers = new Map<Node, number>([[root, 0]]);
  for (const { children } of nodes) {
    for (const child of children) {
      if (!child || !('node' in child)) continue;
      numbers.set(child.node, nodes.length);
      nodes.push(child.node);
    }
  }
  const tree = Buffer.alloc(nodes.length * 2 * recordBytes);
  nodes.forEach(({ children }, number) => {
    children.forEach((child, side) => {
      const nothing = nodes.length;
      const record = !child
        ? nothing
        : 'node' in child
          ? (numbers.get(child.node) ?? nothing)
          : nothing + separator.length + child.value;
      tree.writeUInt32BE(record, (number * 2 + side) * recordBytes);
    });
  });
  const about = {
    node_count: nodes.length,
    record_size: 8 * recordBytes,
    ip_version: 6,
    database_type: type,
    languages: ['en'],
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 1_700_000_000,
    description: { en: 'made by a test' },
  };
  return Buffer.concat([tree, separator, ...values, metadataStart, encode(about)]);
}
