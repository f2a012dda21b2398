/** What the kernel has against a program, out of what libbpf and the verifier said. */

/**
 * What a kernel older than the oldest supported one is known to say, and what it lacks. The verifier's words
 * are for people who know it.
 */
const lacks: readonly (readonly [said: RegExp, lacks: string])[] = [
  [/BPF_STX uses reserved fields/, 'no atomic exchange in BPF programs, which came with 5.12'],
  [/unknown func bpf_sk_storage_get/, 'no socket storage in tracing programs, which came with 5.11'],
];

/** Its statistics, behind what it says. */
const verdictEnd = /^processed \d+ insns/m;

function explained(said: string): string {
  const lack = lacks.find(([words]) => words.test(said))?.[1];
  return lack === undefined ? said : `${said}: it has ${lack}`;
}

/** The verifier looked at a program and said no, with whatever errno: EACCES is none of privileges then. */
export function isVerdict(log: string | undefined): boolean {
  return log !== undefined && verdictEnd.test(log);
}

/**
 * The verifier's last word, which stands before its own statistics; without one the first thing that libbpf
 * complains of and does not pass over: what follows is only that it therefore gave up. Undefined where
 * nothing was said.
 */
export function refusalIn(log: string | undefined): string | undefined {
  const lines = log?.split('\n') ?? [];
  const end = lines.findIndex((line) => verdictEnd.test(line));
  const program = (line = ''): string => /^libbpf: prog '(\w+)'/.exec(line)?.[1] ?? '';
  const told = lines.find((line) => line.startsWith('libbpf: ') && !line.includes('skipping'));
  if (end > 0) {
    const of = lines.slice(0, end).findLast((line) => program(line) !== '');
    return explained([program(of), lines[end - 1]].filter((part) => part !== '').join(': '));
  }
  return told
    ?.replace(/^libbpf: (?:prog '(\w+)': )?/, (_, name?: string) => (name === undefined ? '' : `${name}: `))
    .replace(/: -\d+$/, '');
}
