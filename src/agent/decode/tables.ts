/**
 * The two tables that the kernel programs fill and the agent reads in place: owners and network namespaces.
 */

import type { TypeInformation } from '../../lib/btf.ts';
import type { NetnsCounts, Owner } from '../../model/observation.ts';
import { reader, readString } from './reader.ts';

/** Reads one owner; undefined while the kernel is still writing it. */
export function ownerDecoder(types: TypeInformation): (view: DataView, id: number) => Owner | undefined {
  const layout = types.layout('owner');
  const key = types.layout('owner_key');
  const keyAt = layout.field('key').offset;
  const comm = key.field('comm');
  const lengths = layout.field('path_lengths');
  const path = layout.field('path');
  const nameSize = path.count / lengths.count;
  const [known, pid, started] = [
    reader(layout, 'known'),
    reader(layout, 'first_pid'),
    reader(layout, 'first_pid_started_ns'),
  ];
  const [uid, inode, device] = [reader(key, 'uid'), reader(key, 'exe_inode'), reader(key, 'exe_device')];
  const cgroupAt = key.field('cgroup').offset;

  /** Undefined when a name was too long for the kernel to keep it beside the dentry, or the path too deep. */
  function kernelPath(view: DataView, base: number): string | undefined {
    const names: string[] = [];
    for (let depth = 0; depth < lengths.count; depth++) {
      const length = view.getUint8(base + lengths.offset + depth);
      if (length === 0) return names.length > 0 ? `/${names.join('/')}` : undefined;
      const name = readString(view, base + path.offset + depth * nameSize, nameSize);
      if (Buffer.byteLength(name) !== length) return undefined;
      names.unshift(name);
    }
    return undefined;
  }

  return (view, id) => {
    const base = id * layout.size;
    if (known(view, base) === 0) return undefined;
    return {
      id,
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
  const [known, inode, untracked] = [field('known'), field('inode'), field('untracked')];
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
    const base = id * layout.size;
    if (id !== 0 && known(view, base) === 0) return undefined;
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
