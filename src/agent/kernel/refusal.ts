/** Why a kernel refused the programs: from what libbpf and the verifier said to what that kernel lacks. */

/** Only what kernels older than the oldest supported one are known to say; `sonde check` shows it. */
const lacks: readonly (readonly [said: RegExp, lacks: string])[] = [
  [/BPF_STX uses reserved fields/, 'has no atomic exchange in BPF programs, which came with 5.12'],
  [/unknown func bpf_sk_storage_get/, 'has no socket storage for tracing programs, which came with 5.11'],
];

/** The verifier's last word on the program that it refused, without its statistics. */
function verdict(lines: readonly string[]): string | undefined {
  const end = lines.findLastIndex((line) => line.includes('-- END PROG LOAD LOG --'));
  const said = lines.slice(0, Math.max(0, end)).filter((line) => line.trim() !== '');
  return said.findLast((line) => !/^(processed \d|verification time|stack depth|libbpf: )/.test(line));
}

/** libbpf's own last line, where the verifier was not asked. */
function lastOfLibrary(lines: readonly string[]): string | undefined {
  return lines.findLast((line) => line.startsWith('libbpf: '))?.replace(/^libbpf: /, '');
}

/** One line: the program, what the verifier has against it, and what that means; `undefined` without a log. */
export function refusalReason(log: string | undefined): string | undefined {
  const lines = (log ?? '').split('\n');
  const said = verdict(lines)?.trim();
  if (said === undefined) return lastOfLibrary(lines);
  const program = /prog '(\w+)': failed to load/.exec(log ?? '')?.[1];
  const meaning = lacks.find(([words]) => words.test(said))?.[1];
  const refused = program === undefined ? said : `${program}: ${said}`;
  return meaning === undefined ? refused : `${refused}: it ${meaning}`;
}
