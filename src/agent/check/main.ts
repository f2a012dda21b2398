/** Joins the probes with the kernel stage, as agent/main.ts does for the agent. */

import { artefacts, loadNative } from '../kernel/native.ts';
import { signalNames } from '../../model/signals.ts';
import { kernelLimits } from '../kernel/generation.ts';
import { Kernel } from '../kernel/programs.ts';
import { probeNode, type Finding } from './probes.ts';

/** Probes this node; leaves nothing attached. */
export function checkNode(): Promise<Finding[]> {
  return probeNode(() => {
    const paths = artefacts();
    const native = loadNative(paths);
    return {
      async loadAndAttach() {
        await using kernel = new Kernel(native, paths.object, { limits: kernelLimits, signals: signalNames });
        await kernel.start(signalNames);
      },
      kernelArguments: (type) => native.kernelArguments(type),
    };
  });
}
