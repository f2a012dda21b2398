/** What came of one boot: from what the guest printed to what passed, and to what is wrong, in words. */
import type { GuestLine } from './in-guest.ts';

export interface Outcome {
  readonly passed: number;
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
  /** Names of the tests that failed, or had not ended when the guest did. */
  readonly failed: readonly string[];
  /** What the tests had to say, such as how much they did. */
  readonly said: readonly string[];
  /** Empty: all is well. Else which test, on which kernel, why, and the end of what the kernel said. */
  readonly problem: string;
}

/** How much of what the kernel said a problem repeats. */
const kernelLinesMax = 40;

/** Lines that a kernel prints when it has found a fault in itself. */
const complaint = /\b(BUG|WARNING|Oops|KASAN|UBSAN):|general protection fault|blocked for more than/;

export interface Observed {
  /** What was booted. */
  readonly kernel: string;
  readonly lockdown: string;
  /** Of the command, as far as it came. */
  readonly output: string;
  /** Undefined where the guest did not come to its end; `end` then says so, with the end of the console. */
  readonly kernelLog?: string;
  readonly end?: string;
}

function isLine(text: string): boolean {
  return text.startsWith('{"is":"');
}

/** The last line may have been cut short by the guest's death. */
function parse(output: string): GuestLine[] {
  return output.split('\n').flatMap((text) => {
    try {
      return isLine(text) ? [JSON.parse(text) as GuestLine] : [];
    } catch (error) {
      if (error instanceof SyntaxError) return [];
      throw error;
    }
  });
}

type Begun = Extract<GuestLine, { name: string }>;

/** Those that began and did not end, the innermost last. */
function unfinished(lines: readonly GuestLine[]): Begun[] {
  const open: Begun[] = [];
  for (const line of lines) {
    if (line.is === 'begin') open.push(line);
    else if ('name' in line) {
      const at = open.findLastIndex((of) => of.name === line.name && of.file === line.file);
      if (at >= 0) open.splice(at, 1);
    }
  }
  return open;
}

function indented(text: string): string {
  return text.replace(/^/gm, '    ');
}

function kernelTail(log: string): string {
  return log.trimEnd().split('\n').slice(-kernelLinesMax).join('\n');
}

/** Paragraphs, each about one thing that is wrong. */
function problems({ lockdown, kernelLog, end, output }: Observed, lines: readonly GuestLine[]): string[] {
  const found: string[] = [];
  const booted = lines.find((line) => line.is === 'guest');
  if (booted && booted.lockdown !== lockdown)
    found.push(`lockdown is ${booted.lockdown} there, not ${lockdown}`);
  for (const line of lines)
    if (line.is === 'failed') found.push(`${line.name} (${line.file})\n${indented(line.error)}`);
  if (end !== undefined) {
    const open = unfinished(lines).map(({ name, file }) => `  ${name} (${file})`);
    found.push([`the guest ended early: ${end}`, 'What had begun and not ended:', ...open].join('\n'));
  } else if (!lines.some(({ is }) => is === 'passed' || is === 'skipped' || is === 'failed')) {
    found.push(`no test ran\n${indented(output)}`);
  }
  const complaints = (kernelLog ?? '').split('\n').filter((line) => complaint.test(line));
  if (complaints.length > 0) found.push(`the kernel found a fault in itself:\n${complaints.join('\n')}`);
  if (found.length > 0 && kernelLog !== undefined)
    found.push(`The end of what the kernel said:\n${indented(kernelTail(kernelLog))}`);
  return found;
}

export function outcomeOf(observed: Observed): Outcome {
  const lines = parse(observed.output);
  const found = problems(observed, lines);
  const names = (is: 'failed') => lines.filter((line) => line.is === is).map((line) => line.name);
  const died = observed.end === undefined ? [] : unfinished(lines).map(({ name }) => name);
  return {
    passed: lines.filter((line) => line.is === 'passed').length,
    skipped: lines.filter((line) => line.is === 'skipped').map(({ name, reason }) => ({ name, reason })),
    failed: [...names('failed'), ...died],
    said: lines.filter((line) => line.is === 'said').map(({ text }) => text),
    problem: found.length === 0 ? '' : [`On ${observed.kernel}:`, ...found].join('\n\n'),
  };
}
