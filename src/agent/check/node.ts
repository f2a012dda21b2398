/** All that files say of a node, in the order in which it is told. */

import type { SignalName } from '../../model/signals.ts';
import type { NodeFiles } from './files.ts';
import * as kernel from './kernel-probes.ts';
import * as machine from './machine-probes.ts';
import * as privileges from './privilege-probes.ts';
import type { Finding } from './report.ts';

export interface Node {
  readonly files: NodeFiles;
  /** Such as x64. */
  readonly machine: string;
  readonly userId: number;
  /** Where agents pin. */
  readonly bpffs: string;
  /** The signals that attach to the root of the control groups. */
  readonly needingCgroups: readonly SignalName[];
  /** What would be loaded; undefined where there is no build. */
  readonly maps: readonly machine.SizedMap[] | undefined;
}

/** `base` and `privileges` decide whether anything can be tried. */
export interface NodeFindings {
  readonly base: readonly Finding[];
  readonly kernel: readonly Finding[];
  readonly machine: readonly Finding[];
  readonly privileges: readonly Finding[];
}

export function lookAtNode({ files, userId, bpffs, needingCgroups, maps, ...node }: Node): NodeFindings {
  return {
    base: [kernel.probeRelease(files, node.machine), kernel.probeBtf(files)],
    kernel: [
      kernel.probeJit(files),
      kernel.probeLockdown(files),
      kernel.probeSecurityModules(files),
      kernel.probeStatistics(files),
    ],
    machine: [
      machine.probeCpus(files),
      machine.probeMemory(files, maps && machine.mapsBytes(maps, files)),
      machine.probeCgroups(files, needingCgroups),
      machine.probeBpffs(files, bpffs),
    ],
    privileges: [
      privileges.probeUser(files, userId),
      privileges.probeCapabilities(files),
      privileges.probeSystemCalls(files),
      privileges.probePidNamespace(files),
      privileges.probeMemlock(files),
      privileges.probeUnprivileged(files),
    ],
  };
}
