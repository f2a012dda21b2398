/**
 * The two tables that the kernel programs fill and the agent reads in place: owners and network namespaces.
 */

import type { Layout, TypeInformation } from '../../lib/btf.ts';
import { numberFormat } from '../../lib/numbers.ts';
import type { NetnsCounts, Owner } from '../../model/observation.ts';
import { reader, readString } from './reader.ts';

/** Whether a record is whole, and this number's: its place may be somebody else's by now. */
function holder(types: TypeInformation, layout: Layout): (view: DataView, number: number) => boolean {
  const [place, turn] = [reader(layout, 'place'), reader(layout, 'turn')];
  const known = types.words('place', 'PLACE_').indexOf('known');
  const format = numberFormat(types);
  return (view, number) => {
    const base = format.place(number) * layout.size;
    return place(view, base) === known && turn(view, base) === format.turn(number);
  };
}

/** Reads one owner; undefined while the kernel is still writing it, and when its number was taken back. */
export function ownerDecoder(types: TypeInformation): (view: DataView, id: number) => Owner | undefined {
  const layout = types.layout('owner');
  const key = types.layout('owner_key');
  const keyAt = layout.field('key').offset;
  const comm = key.field('comm');
  const lengths = layout.field('path_lengths');
  const path = layout.field('path');
  const nameSize = path.count / lengths.count;
  const [pid, started, used] = [
    reader(layout, 'first_pid'),
    reader(layout, 'first_pid_started_ns'),
    reader(layout, 'used'),
  ];
  const [holds, format] = [holder(types, layout), numberFormat(types)];
  const [uid, inode, device] = [reader(key, 'uid'), reader(key, 'exe_inode'), reader(key, 'exe_device')];
  const cgroupAt = key.field('cgroup').offset;

  /** Undefined when there is none, or it is too deep. Of a name too long to be kept, its length. */
  function kernelPath(view: DataView, base: number): (string | number)[] | undefined {
    const names: (string | number)[] = [];
    for (let depth = 0; depth < lengths.count; depth++) {
      const length = view.getUint8(base + lengths.offset + depth);
      if (length === 0) return names.length > 0 ? names : undefined;
      const name = readString(view, base + path.offset + depth * nameSize, nameSize);
      names.unshift(Buffer.byteLength(name) === length ? name : length);
    }
    return undefined;
  }

  return (view, id) => {
    if (!holds(view, id)) return undefined;
    const base = format.place(id) * layout.size;
    return {
      id,
      usedInWindow: used(view, base),
      name: readString(view, base + keyAt + comm.offset, comm.count),
      uid: uid(view, base + keyAt),
      cgroupId: view.getBigUint64(base + keyAt + cgroupAt, true),
      exeInode: inode(view, base + keyAt),
      exeDevice: device(view, base + keyAt),
      pid: pid(view, base),
      pidStartedNs: started(view, base),
      kernelPath: kernelPath(view, base),
    };
  };
}

/** Reads one namespace's counts; undefined for a number that nobody has. */
export function netnsDecoder(
  types: TypeInformation,
): (view: DataView, id: number) => NetnsCounts | undefined {
  const layout = types.layout('netns');
  const field = (name: string) => reader(layout, name);
  const [inode, untracked] = [field('inode'), field('untracked')];
  const [holds, format] = [holder(types, layout), numberFormat(types)];
  const counters = {
    activeOpens: field('active_opens'),
    passiveOpens: field('passive_opens'),
    attemptFails: field('attempt_fails'),
    estabResets: field('estab_resets'),
    retransSegs: field('retrans_segs'),
    outRsts: field('out_rsts'),
  };
  const cookieAt = layout.field('cookie').offset;

  return (view, id) => {
    if (id !== 0 && !holds(view, id)) return undefined;
    const base = format.place(id) * layout.size;
    return {
      id,
      cookie: view.getBigUint64(base + cookieAt, true),
      inode: inode(view, base),
      counters: {
        activeOpens: counters.activeOpens(view, base),
        passiveOpens: counters.passiveOpens(view, base),
        attemptFails: counters.attemptFails(view, base),
        estabResets: counters.estabResets(view, base),
        retransSegs: counters.retransSegs(view, base),
        outRsts: counters.outRsts(view, base),
      },
      untracked: untracked(view, base),
    };
  };
}
