/** Joins the probes with the kernel stage, as agent/main.ts does for the agent. */

import { artefacts, loadNative } from '../kernel/native.ts';
import { signalNames } from '../../model/signals.ts';
import { kernelLimits } from '../kernel/generation.ts';
import { loadSupported } from '../kernel/supported.ts';
import { probeNode, type Finding } from './probes.ts';

/** Probes this node; leaves nothing attached. */
export function checkNode(): Promise<Finding[]> {
  return probeNode(() => {
    const paths = artefacts();
    const native = loadNative(paths);
    return {
      async loadAndAttach() {
        const { kernel: loaded, refused } = loadSupported(native, paths.object, { limits: kernelLimits });
        await using kernel = loaded;
        await kernel.start(signalNames.filter((name) => !refused.has(name)));
      },
      kernelArguments: (type) => native.kernelArguments(type),
    };
  });
}
