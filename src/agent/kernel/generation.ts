/**
 * A generation of counting: from the moment its programs are attached until they are detached for good.
 * Several agents, one after the other, may serve it; sums balance within it.
 *
 * Its name says which object file its programs come from and how large its maps are. What it began with is
 * kept in one of its maps, so that it has exactly its life.
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Layout } from '../../lib/btf.ts';
import {
  inboundCounters,
  reconciledCounters,
  type Counters,
  type InboundCounts,
  type Reading,
} from '../../model/observation.ts';

/** Sizes of the maps, which cannot change in the life of a generation. */
export interface KernelLimits {
  /** Rows of one window. Beyond it rows fold. A power of two. */
  readonly flowRowsMax: number;
  /**
   * Bytes of the ring of single connections; a power of two and of pages. Beyond it events are lost, and
   * counted.
   */
  readonly eventBytesMax: number;
  /** Owners that have a number at a time. Beyond it they are told in less detail. */
  readonly ownersMax: number;
  /** Network namespaces that have a number at a time. Beyond it they are told as one. */
  readonly namespacesMax: number;
  /** UDP flows of one window. Beyond it datagrams are counted without a flow, and that is counted. */
  readonly udpFlowsMax: number;
}

export const kernelLimits: KernelLimits = {
  flowRowsMax: 65_536,
  eventBytesMax: 4 << 20,
  ownersMax: 4096,
  namespacesMax: 1024,
  udpFlowsMax: 32_768,
};

/** From the configuration's limits; the ring's size must be a power of two. */
export function kernelLimitsOf(limits: {
  readonly flow_rows: number;
  readonly event_buffer: number;
  readonly owners: number;
  readonly network_namespaces: number;
  readonly udp_flows: number;
}): KernelLimits {
  return {
    flowRowsMax: limits.flow_rows,
    eventBytesMax: 2 ** Math.ceil(Math.log2(limits.event_buffer)),
    ownersMax: limits.owners,
    namespacesMax: limits.network_namespaces,
    udpFlowsMax: limits.udp_flows,
  };
}

/** In the order of a generation's name. */
const limitNames = ['flowRowsMax', 'eventBytesMax', 'ownersMax', 'namespacesMax', 'udpFlowsMax'] as const;

export function sameLimits(a: KernelLimits, b: KernelLimits): boolean {
  return limitNames.every((name) => a[name] === b[name]);
}

/** With what it began. */
export interface Birth {
  /** `agent.id` of all its records. */
  readonly agentId: string;
  /** RFC 3339: the start of its first window. */
  readonly since: string;
  /** Cookies of the network namespaces that it looks at; undefined: all. */
  readonly scope: readonly bigint[] | undefined;
  /** The kernel's counters when counting began, by cookie. */
  readonly baselines: ReadonlyMap<bigint, Reading>;
}

/** Another object, however little it differs, may lay out its maps in another way. */
export function objectDigest(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex').slice(0, 32);
}

export function generationName(digest: string, limits: KernelLimits): string {
  return [digest, ...limitNames.map((name) => String(limits[name]))].join('_'); // no dots: bpffs refuses them
}

export function parseGenerationName(
  name: string,
): { readonly digest: string; readonly limits: KernelLimits } | undefined {
  const [, digest, sizes] = /^([0-9a-f]{32})((?:_\d+){5})$/.exec(name) ?? [];
  if (digest === undefined || sizes === undefined) return undefined;
  const values = sizes.slice(1).split('_').map(Number);
  const limits = Object.fromEntries(limitNames.map((limit, index) => [limit, values[index] ?? 0]));
  return { digest, limits: limits as unknown as KernelLimits };
}

type Numbers = readonly number[];
/** `kernel`: what is compared, then what only the kernel counts. */
type BaselineText = readonly [cookie: string, before: Numbers, kernel: Numbers, after?: Numbers];

interface BirthText {
  readonly agentId: string;
  readonly since: string;
  readonly scope?: readonly string[];
  readonly baselines: readonly BaselineText[];
}

function toNumbers(counters: Counters): Numbers {
  return reconciledCounters.map((name) => counters[name]);
}

function toCounters(numbers: Numbers): Counters {
  return Object.fromEntries(reconciledCounters.map((name, index) => [name, numbers[index] ?? 0])) as Counters;
}

function toInbound(numbers: Numbers): InboundCounts {
  const entries = inboundCounters.map((name, index) => [name, numbers[index] ?? 0]);
  return Object.fromEntries(entries) as InboundCounts;
}

/** `after` is left out where it equals `before`: a namespace is then told in about 140 characters. */
function toBaselineText([cookie, reading]: readonly [bigint, Reading]): BaselineText {
  const { before, kernel, after, inbound } = reading;
  const [first, last] = [toNumbers(before), toNumbers(after)];
  const moved = first.some((count, index) => count !== last[index]);
  const kernels = [...toNumbers(kernel), ...inboundCounters.map((name) => inbound[name])];
  const head = [String(cookie), first, kernels] as const;
  return moved ? [...head, last] : head;
}

/** Writes it into its map's value. False when there is no room for it. */
export function writeBirth(value: DataView, layout: Layout, birth: Birth): boolean {
  const text: BirthText = {
    agentId: birth.agentId,
    since: birth.since,
    ...(birth.scope ? { scope: birth.scope.map(String) } : {}),
    baselines: [...birth.baselines].map(toBaselineText),
  };
  const bytes = new TextEncoder().encode(JSON.stringify(text));
  const room = layout.field('text');
  if (bytes.length > room.size * room.count) return false;
  new Uint8Array(value.buffer, value.byteOffset + room.offset, bytes.length).set(bytes);
  value.setUint32(layout.field('length').offset, bytes.length, true);
  return true;
}

export function readBirth(value: DataView, layout: Layout): Birth {
  const length = value.getUint32(layout.field('length').offset, true);
  const bytes = new Uint8Array(value.buffer, value.byteOffset + layout.field('text').offset, length);
  const text = JSON.parse(new TextDecoder().decode(bytes)) as BirthText;
  const readings = text.baselines.map(([cookie, before, kernel, after = before]) => {
    const [compared, inbound] = [toCounters(kernel), toInbound(kernel.slice(reconciledCounters.length))];
    const reading = { before: toCounters(before), kernel: compared, after: toCounters(after), inbound };
    return [BigInt(cookie), reading] as const;
  });
  return {
    agentId: text.agentId,
    since: text.since,
    scope: text.scope?.map(BigInt),
    baselines: new Map(readings),
  };
}
