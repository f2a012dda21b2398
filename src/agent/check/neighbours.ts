/** Programs of others on the hooks that Sonde uses, and who holds them. */

import type { NodeFiles } from './files.ts';
import { finding, type Finding, type Neighbour, type Program } from './report.ts';

/** What a program of ours is attached to. */
export interface UsedHook {
  readonly program: string;
  readonly section: string;
  readonly attachType: number;
  readonly onCgroup: boolean;
}

/** Asks the kernel; injected. Throws where that is not allowed. */
export interface Surroundings {
  readonly hooks: readonly UsedHook[];
  /** Undefined: none is mounted. */
  readonly cgroupRoot: string | undefined;
  readonly linked: () => readonly (Program & { readonly tracepoint?: string })[];
  readonly programsOn: (
    cgroup: string,
    attachType: number,
  ) => { readonly programs: readonly Program[]; readonly flags: number };
}

const nameLengthMax = 15;

/** EPERM. */
const notAllowed = 1;

/** Descriptors looked at for holders; about 2 µs each. */
const descriptorsMax = 500_000;

/** Who holds which program: `comm[pid]`, by the program's id. */
function holders(files: NodeFiles): Map<number, string[]> {
  const found = new Map<number, string[]>();
  let looked = 0;
  for (const pid of files.list('/proc').filter((name) => /^\d+$/.test(name))) {
    const ids = new Set<number>();
    for (const fd of files.list(`/proc/${pid}/fd`)) {
      if (looked++ > descriptorsMax) return found;
      const target = files.link(`/proc/${pid}/fd/${fd}`);
      if (!('text' in target) || !/bpf[-_](?:link|prog)/.test(target.text)) continue;
      const about = files.text(`/proc/${pid}/fdinfo/${fd}`);
      const id = 'text' in about ? /^prog_id:\s*(\d+)$/m.exec(about.text)?.[1] : undefined;
      if (id !== undefined) ids.add(Number(id));
    }
    const comm = ids.size > 0 ? files.text(`/proc/${pid}/comm`) : undefined;
    const who = `${comm && 'text' in comm ? comm.text : '?'}[${pid}]`;
    for (const id of ids) found.set(id, [...(found.get(id) ?? []), who]);
  }
  return found;
}

/** `tp_btf/NAME`, and the raw and classic kinds, are all the tracepoint NAME. */
function tracepointOf(section: string): string {
  return section.slice(section.lastIndexOf('/') + 1);
}

function on(
  { hooks, cgroupRoot, linked, programsOn }: Surroundings,
  where: 'tracepoints' | 'cgroup',
): { neighbours: (Program & { hook: string })[]; exclusive: string[]; hooks: number } {
  const ours = hooks.filter(({ onCgroup }) => onCgroup === (where === 'cgroup'));
  if (where === 'tracepoints') {
    const names = new Set(ours.map(({ section }) => tracepointOf(section)));
    const neighbours = linked().flatMap(({ tracepoint = '', program, name, type, user }) =>
      names.has(tracepoint) ? [{ hook: tracepoint, program, name, type, user }] : [],
    );
    return { neighbours, exclusive: [], hooks: names.size };
  }
  const byType = new Map(ours.map((hook) => [hook.attachType, hook.section]));
  const exclusive: string[] = [];
  const neighbours = [...byType].flatMap(([attachType, hook]) => {
    const { programs, flags } = programsOn(cgroupRoot ?? '', attachType);
    if (programs.length > 0 && flags === 0) exclusive.push(hook);
    return programs.map((program) => ({ ...program, hook }));
  });
  return { neighbours, exclusive, hooks: byType.size };
}

function many(count: number, one: string, more: string): string {
  return count === 1 ? `1 ${one}` : `${String(count)} ${more}`;
}

function look(
  surroundings: Surroundings,
  where: 'tracepoints' | 'cgroup',
): { readonly finding: Finding; readonly found: readonly (Program & { hook: string })[] } {
  const probe = where === 'cgroup' ? 'cgroupHooks' : 'tracepoints';
  try {
    const { neighbours, exclusive, hooks } = on(surroundings, where);
    const here = many(hooks, 'hook', 'hooks');
    if (neighbours.length === 0)
      return {
        finding: finding(probe, { result: 'ok', detail: `${here}, nobody else is on them` }),
        found: [],
      };
    const others = many(neighbours.length, 'program of others', 'programs of others');
    const alone = exclusive.length > 0 ? `; ${exclusive.join(', ')} is kept from everybody else` : '';
    return {
      finding: finding(probe, { result: 'note', detail: `${here}, ${others}${alone}` }),
      found: neighbours,
    };
  } catch (error) {
    const { errno, message } = error as Error & { errno?: number };
    const detail = errno === notAllowed ? 'it takes CAP_SYS_ADMIN to look at programs of others' : message;
    return { finding: finding(probe, { result: 'unknown', detail }), found: [] };
  }
}

export function probeNeighbours(
  surroundings: Surroundings,
  files: NodeFiles,
): { readonly findings: readonly Finding[]; readonly neighbours: readonly Neighbour[] } {
  const looks = [look(surroundings, 'tracepoints')];
  const needsRoot = surroundings.hooks.some(({ onCgroup }) => onCgroup);
  if (needsRoot && surroundings.cgroupRoot !== undefined) looks.push(look(surroundings, 'cgroup'));
  const found = looks.flatMap((each) => each.found);
  const held = found.length > 0 ? holders(files) : new Map<number, string[]>();
  const own = new Set(surroundings.hooks.map(({ program }) => program.slice(0, nameLengthMax)));
  return {
    findings: looks.map((each) => each.finding),
    neighbours: found.map((program) => ({
      ...program,
      heldBy: held.get(program.program) ?? [],
      isSonde: own.has(program.name),
    })),
  };
}
