/** Joins the look at a node with the kernel stage, as agent/main.ts does for the agent. */

import { setImmediate } from 'node:timers/promises';
import { systemClock } from '../../lib/clock.ts';
import { isOperatorError } from '../../lib/errors.ts';
import { signalNames, type SignalName } from '../../model/signals.ts';
import { discoverQuestions, questionsFolder } from '../../question/discovery.ts';
import { kernelLimits } from '../kernel/generation.ts';
import { artefacts, loadNative, type Native } from '../kernel/native.ts';
import { bpffsPath } from '../kernel/pins.ts';
import { Kernel } from '../kernel/programs.ts';
import { allPrograms, cgroupRoot, signalPrograms } from '../kernel/signals.ts';
import { loadSupported } from '../kernel/supported.ts';
import { nodeFiles } from './files.ts';
import { judge, type Asked, type Broken } from './judge.ts';
import * as kernelProbes from './kernel-probes.ts';
import * as machine from './machine-probes.ts';
import { probeNeighbours, type Surroundings, type UsedHook } from './neighbours.ts';
import * as privileges from './privilege-probes.ts';
import { finding, type Finding, type Report } from './report.ts';
import { reasonOf, tryKernel, untried, type Attempts, type Tried } from './trials.ts';

/** enum bpf_map_type of linux/bpf.h. */
const mapTypes = { socketStorage: 24, ring: 27 } as const;

const needingCgroups = signalNames.filter((name) => signalPrograms[name].onCgroup === true);

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

interface Programs {
  readonly maps: readonly machine.SizedMap[];
  readonly hooks: readonly UsedHook[];
}

/** What the object has, without loading it. */
function readPrograms(native: Native, path: string): Programs {
  const object = native.open(path);
  try {
    for (const map of ['flows_a', 'flows_b']) native.resize(object, map, kernelLimits.flowRowsMax);
    native.resize(object, 'events', kernelLimits.eventBytesMax);
    const onCgroup = new Set(needingCgroups.flatMap((name) => signalPrograms[name].programs));
    const hooks = native.hooks(object).filter(({ program }) => allPrograms.includes(program));
    return {
      maps: native.sizes(object),
      hooks: hooks.map((hook) => ({ ...hook, onCgroup: onCgroup.has(hook.program) })),
    };
  } finally {
    native.close(object);
  }
}

function askedQuestions(): { questions: Asked[]; broken: Broken[] } {
  const { questions, problems } = discoverQuestions(questionsFolder());
  return {
    questions: questions.map(({ id, summary, signals, sql }) => ({
      question: id,
      asks: summary.asks,
      signals,
      uses: (field) => new RegExp(`\\b${field.replace(/\W/g, '_')}\\b`).test(sql),
    })),
    broken: problems.map((error) => ({
      question: String(error.parameters['question']),
      problem: reasonOf(error),
    })),
  };
}

function lookAround(native: Native, hooks: readonly UsedHook[]): Surroundings {
  return {
    hooks,
    cgroupRoot: cgroupRoot(),
    linked: () => native.linked(),
    programsOn: (cgroup, attachType) => native.programsOn(cgroup, attachType),
  };
}

/** Without these nothing is tried: what the kernel would say is known. */
function untriedFor(findings: readonly Finding[]): Tried | undefined {
  const missing = findings.filter(({ result }) => result === 'missing');
  if (missing.length === 0) return undefined;
  return { findings: [], trials: untried(missing) };
}

function privilegeFindings(): Finding[] {
  return [
    privileges.probeUser(nodeFiles, process.geteuid?.() ?? -1),
    privileges.probeCapabilities(nodeFiles),
    privileges.probeSystemCalls(nodeFiles),
    privileges.probePidNamespace(nodeFiles),
    privileges.probeMemlock(nodeFiles),
    privileges.probeUnprivileged(nodeFiles),
  ];
}

interface Built {
  readonly native: Native;
  readonly object: string;
  readonly programs: Programs;
}

/** What the build makes; undefined where it is not there, which is then the finding. */
function openBuild(): { readonly built?: Built; readonly findings: readonly Finding[] } {
  try {
    const paths = artefacts();
    const native = loadNative(paths);
    const programs = readPrograms(native, paths.object);
    return { built: { native, object: paths.object, programs }, findings: [] };
  } catch (error) {
    if (!isOperatorError(error)) throw error;
    const { detail, whatToDo } = reasonOf(error);
    const told = { result: 'missing', detail, ...(whatToDo === undefined ? {} : { whatToDo }) } as const;
    return { findings: [finding('build', told)] };
  }
}

async function tryBuilt({ native, object }: Built, signal: AbortSignal): Promise<Tried> {
  const { findings, trials } = await tryKernel(attemptsOn(native, object), signal);
  const traced = native.kernelArguments('btf_trace_tcp_send_reset');
  return { findings: [...findings, kernelProbes.probeSocketlessResets(traced)], trials };
}

function kernelFindings(): Finding[] {
  return [
    kernelProbes.probeJit(nodeFiles),
    kernelProbes.probeLockdown(nodeFiles),
    kernelProbes.probeSecurityModules(nodeFiles),
    kernelProbes.probeStatistics(nodeFiles),
  ];
}

function machineFindings(programs: Programs | undefined): Finding[] {
  const needed = programs && machine.mapsBytes(programs.maps, nodeFiles);
  return [
    machine.probeCpus(nodeFiles),
    machine.probeMemory(nodeFiles, needed),
    machine.probeCgroups(nodeFiles, needingCgroups),
    machine.probeBpffs(nodeFiles, bpffsPath()),
  ];
}

/**
 * Looks at this node, and leaves nothing attached: what is tried goes with its scope, and with this process
 * at the latest. Throws when `signal` is aborted meanwhile.
 */
export async function checkNode(signal: AbortSignal): Promise<Report> {
  const { built, findings: unbuilt } = openBuild();
  const base = [kernelProbes.probeBtf(nodeFiles), ...unbuilt];
  const allowed = privilegeFindings();
  const around = built && probeNeighbours(lookAround(built.native, built.programs.hooks), nodeFiles);
  signal.throwIfAborted();
  const tried = untriedFor([...base, ...allowed]) ?? (built ? await tryBuilt(built, signal) : undefined);
  await setImmediate(); // to hear of a signal that came while the kernel kept us
  signal.throwIfAborted();
  const findings = [
    kernelProbes.probeRelease(nodeFiles, process.arch),
    ...base,
    ...(tried?.findings ?? []),
    ...kernelFindings(),
    ...machineFindings(built?.programs),
    ...allowed,
    ...(around?.findings ?? []),
  ];
  const neighbours = around?.neighbours ?? [];
  return judge({ findings, trials: tried?.trials ?? new Map(), ...askedQuestions(), neighbours });
}
