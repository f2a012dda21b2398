/** Joins the look at a node with the kernel stage, as agent/main.ts does for the agent. */

import { setImmediate } from 'node:timers/promises';
import { systemClock } from '../../lib/clock.ts';
import { isOperatorError } from '../../lib/errors.ts';
import { signalNames, type SignalName } from '../../model/signals.ts';
import { questionsFolder } from '../../question/discovery.ts';
import { kernelLimits } from '../kernel/generation.ts';
import { readInventory, type Inventory } from '../kernel/inventory.ts';
import { artefacts, loadNative, type Native } from '../kernel/native.ts';
import { bpffsPath } from '../kernel/pins.ts';
import { Kernel } from '../kernel/programs.ts';
import { castsPointers, cgroupRoot, tracesAllResets } from '../kernel/signals.ts';
import { loadSupported } from '../kernel/supported.ts';
import { nodeFiles } from './files.ts';
import { judge } from './judge.ts';
import { probeAcceptQueue, probeSocketlessResets } from './kernel-probes.ts';
import { probeNeighbours, type Surroundings } from './neighbours.ts';
import { lookAtNode } from './node.ts';
import { askedQuestions } from './questions.ts';
import { finding, type Finding, type Report } from './report.ts';
import { reasonOf, tryKernel, untried, type Attempts, type Tried } from './trials.ts';

/** enum bpf_map_type of linux/bpf.h. */
const mapTypes = { socketStorage: 24, ring: 27 } as const;

/** Counts nothing meanwhile: no network namespace is looked at. */
function attemptsOn(native: Native, object: string): Attempts {
  const limits = kernelLimits;
  return {
    makeSocketStorage: () => native.mapType(mapTypes.socketStorage),
    makeRing: () => native.mapType(mapTypes.ring),
    async withSweep(act) {
      await using kernel = new Kernel(native, object, { limits, signals: [] });
      kernel.scope([]);
      await kernel.start([]);
      await act(async () => {
        await kernel.clear(await kernel.close(1, systemClock.wallMs()));
      });
    },
    async attachSignals() {
      const loaded = loadSupported(native, object, { limits });
      await using kernel = loaded.kernel;
      kernel.scope([]);
      const taken = signalNames.filter((name) => !loaded.refused.has(name));
      return new Map<SignalName, string>([...loaded.refused, ...(await kernel.start(taken))]);
    },
  };
}

function lookAround(native: Native, { hooks }: Inventory): Surroundings {
  return {
    hooks,
    cgroupRoot: cgroupRoot(),
    linked: () => native.linked(),
    programsOn: (cgroup, attachType) => native.programsOn(cgroup, attachType),
  };
}

interface Built {
  readonly native: Native;
  readonly object: string;
  readonly inventory: Inventory;
}

/** What the build makes; undefined where it is not there, which is then the finding. */
function openBuild(): { readonly built?: Built; readonly findings: readonly Finding[] } {
  try {
    const paths = artefacts();
    const native = loadNative(paths);
    const inventory = readInventory(native, paths.object, kernelLimits);
    return { built: { native, object: paths.object, inventory }, findings: [] };
  } catch (error) {
    if (!isOperatorError(error)) throw error;
    const { detail, whatToDo } = reasonOf(error);
    const told = { result: 'missing', detail, ...(whatToDo === undefined ? {} : { whatToDo }) } as const;
    return { findings: [finding('build', told)] };
  }
}

async function tryBuilt({ native, object }: Built, signal: AbortSignal): Promise<Tried> {
  const { findings, trials } = await tryKernel(attemptsOn(native, object), signal);
  const told = [probeSocketlessResets(tracesAllResets(native)), probeAcceptQueue(castsPointers(native))];
  return { findings: [...findings, ...told], trials };
}

/**
 * Looks at this node, and leaves nothing attached: what is tried goes with its scope, and with this process
 * at the latest. Throws when `signal` is aborted meanwhile.
 */
export async function checkNode(signal: AbortSignal): Promise<Report> {
  const { built, findings: unbuilt } = openBuild();
  const node = lookAtNode({
    files: nodeFiles,
    machine: process.arch,
    userId: process.geteuid?.() ?? -1,
    bpffs: bpffsPath(),
    needingCgroups: built?.inventory.cgroupSignals ?? [],
    maps: built?.inventory.maps,
  });
  const around = built && probeNeighbours(lookAround(built.native, built.inventory), nodeFiles);
  const missing = [...node.base, ...unbuilt, ...node.privileges].filter(({ result }) => result === 'missing');
  const inTheWay: Tried = { findings: [], trials: untried(missing) }; // what the kernel would say is known
  const tried = built && missing.length === 0 ? await tryBuilt(built, signal) : inTheWay;
  await setImmediate(); // to hear of a signal that came while the kernel kept us
  signal.throwIfAborted();
  const findings = [
    ...node.base,
    ...unbuilt,
    ...tried.findings,
    ...node.kernel,
    ...node.machine,
    ...node.privileges,
    ...(around?.findings ?? []),
  ];
  const { trials } = tried;
  const neighbours = around?.neighbours ?? [];
  return judge({ findings, trials, ...askedQuestions(questionsFolder()), neighbours });
}
