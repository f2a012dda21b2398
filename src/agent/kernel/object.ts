/** The object file of the kernel programs: opened, its maps sized, its constants set, loaded. */

import { existsSync } from 'node:fs';
import { parseBtf, type TypeInformation } from '../../lib/btf.ts';
import { OperatorError } from '../../lib/errors.ts';
import type { KernelLimits } from './generation.ts';
import type { Native, NativeError, NativeObject } from './native.ts';
import { isVerdict, refusalIn } from './refusal.ts';
import { castsPointers, tracesAllResets } from './signals.ts';

/** The kernel's own types, which the programs' field offsets are taken from. */
export const btfPath = '/sys/kernel/btf/vmlinux';

export const flowMaps = ['flows_a', 'flows_b'] as const;
/** Of how many windows they hold flows, or closed sockets that had some. */
const udpMaps = [
  ['udp_flows_a', 1],
  ['udp_flows_b', 1],
  ['udp_released', 4],
] as const;

/** Throws build.broken_object. */
export function openObject(native: Native, path: string): { object: NativeObject; types: TypeInformation } {
  try {
    const object = native.open(path);
    return { object, types: parseBtf(native.btf(object)) };
  } catch (error) {
    const { message } = error as Error;
    throw new OperatorError('build.broken_object', { file: path, reason: message }, { cause: error });
  }
}

export interface Sizes {
  readonly limits: KernelLimits;
  readonly sweepsInTwo: boolean;
}

export function sizeMaps(native: Native, object: NativeObject, { limits, sweepsInTwo }: Sizes): void {
  if (!sweepsInTwo) native.resize(object, 'holders', 1); // nobody looks into it
  for (const map of flowMaps) native.resize(object, map, limits.flowRowsMax);
  native.resize(object, 'events', limits.eventBytesMax);
  for (const map of ['owners', 'owner_ids']) native.resize(object, map, limits.ownersMax);
  for (const map of ['namespaces', 'netns_ids']) native.resize(object, map, limits.namespacesMax);
  for (const [map, windows] of udpMaps) native.resize(object, map, windows * limits.udpFlowsMax);
}

export interface Constants {
  readonly types: TypeInformation;
  readonly flowRowsMax: number;
  readonly netnsOfPackets: boolean;
  readonly leaves: boolean;
  readonly sweepsInTwo: boolean;
}

/** The running programs go on with the constants that they were loaded with: the sweep gets the same. */
export function setConstants(
  native: Native,
  object: NativeObject,
  { types, flowRowsMax, netnsOfPackets, leaves, sweepsInTwo }: Constants,
): void {
  const constants = new Uint8Array(native.constants(object, '.rodata'));
  const view = new DataView(constants.buffer);
  const at = (name: string) => types.section('.rodata', name).offset;
  view.setUint32(at('flows_max'), flowRowsMax, true);
  view.setUint8(at('tells_netns_cookie'), Number(netnsOfPackets));
  const has = (what: (native: Native) => boolean) => Number(existsSync(btfPath) && what(native));
  view.setUint8(at('tells_reset_reason'), has(tracesAllResets));
  view.setUint8(at('casts_pointers'), has(castsPointers));
  view.setUint8(at('leaves_out'), Number(leaves));
  if (sweepsInTwo) view.setUint8(at('sweeps_in_two'), 1); // a build before it has no such thing
  native.constants(object, '.rodata', constants);
}

/** Throws what an operator can mend, or what the kernel has against it. */
export function loadObject(native: Native, object: NativeObject): void {
  try {
    native.load(object);
  } catch (error) {
    const { errno, log } = error as NativeError;
    if (!existsSync(btfPath)) throw new OperatorError('kernel.no_btf', { file: btfPath }, { cause: error });
    if ((errno === 1 || errno === 13) && !isVerdict(log))
      throw new OperatorError('privileges.missing', { action: 'load BPF programs' }, { cause: error });
    throw new OperatorError(
      'kernel.load_failed',
      { reason: refusalIn(log) ?? (error as Error).message },
      { cause: error },
    );
  }
}
