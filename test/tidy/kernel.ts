/** Rules on the C and C++ sources. */
import { extensionOf, lineAt } from './tree.ts';
import type { Finding, Rule, SourceFile } from './tree.ts';

function isC({ path }: SourceFile): boolean {
  return ['c', 'h', 'cc', 'cpp', 'hpp'].includes(extensionOf(path));
}

function isKernelSide(file: SourceFile): boolean {
  return file.path.startsWith('bpf/') && isC(file);
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, ' ');
}

/** The same text, line by line and column by column, with the comments blanked. */
export function withoutComments(text: string): string {
  const tokens = /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
  return text.replace(tokens, (token) => (token.startsWith('/') ? blank(token) : token));
}

const licences: readonly (readonly [folder: RegExp, licence: string])[] = [
  [/^bpf\//, 'GPL-2.0 OR Apache-2.0'],
  [/^(native|lab|engine)\//, 'Apache-2.0'],
];

export const sourcesSayTheirLicence: Rule = (files) =>
  files.filter(isC).flatMap(({ path, text }) => {
    const licence = licences.find(([folder]) => folder.test(path))?.[1];
    if (licence === undefined) return [];
    const first = text.split('\n', 1)[0] ?? '';
    const said = /^(?:\/\/|\/\*) SPDX-License-Identifier: (.+?)(?: \*\/)?$/.exec(first)?.[1];
    return said === licence
      ? []
      : [`${path}:1: the first line must be // SPDX-License-Identifier: ${licence}`];
  });

const unstable =
  /\b(bpf_probe_read\w*|BPF_CORE_READ\w*|BPF_PROBE_READ\w*|k(?:ret)?probe\w*|f(?:entry|exit|mod_ret)\b)/i;

/**
 * House principle 4: stable hooks and direct typed reads; they load under lockdown and on kernels without
 * kprobes.
 */
export const kernelUsesStableHooks: Rule = (files) =>
  files.filter(isKernelSide).flatMap(({ path, text }) =>
    withoutComments(text)
      .split('\n')
      .flatMap((line, index) => {
        const found = line.startsWith('#include') ? null : unstable.exec(line);
        return found === null
          ? []
          : [`${path}:${index + 1}: ${found[0]} is not a stable hook or a typed read`];
      }),
  );

const story = ['Key', 'Value', 'Inserts', 'Deletes', 'Full'] as const;

/**
 * Where the declaration that ends before `end` starts: at its `struct`, whose body may have braces in braces.
 */
function declarationStart(code: string, end: number): number | undefined {
  const head = code.slice(0, end).replace(/\s+$/, '');
  const typed = /\b(?:static\s+)?struct\s+\w+$/.exec(head);
  if (typed !== null) return typed.index;
  if (!head.endsWith('}')) return undefined;
  let depth = 0;
  for (let i = head.length - 1; i >= 0; i -= 1) {
    if (head[i] === '}') depth += 1;
    if (head[i] === '{') depth -= 1;
    if (depth === 0) return /\b(?:static\s+)?struct(?:\s+\w+)?\s*$/.exec(head.slice(0, i))?.index;
  }
  return undefined;
}

/** The comment that ends right before `end`, or nothing. */
function commentBefore(text: string, end: number): string {
  const head = text.slice(0, end).trimEnd();
  if (head.endsWith('*/')) return head.slice(head.lastIndexOf('/*'));
  const lines = head.split('\n').reverse();
  const until = lines.findIndex((line) => !line.trim().startsWith('//'));
  return lines.slice(0, until < 0 ? lines.length : until).join('\n');
}

function mapFindings({ path, text }: SourceFile): Finding[] {
  const code = withoutComments(text);
  return [...code.matchAll(/\b(\w+)\s+SEC\("\.maps"\)/g)].flatMap((match) => {
    const [, name = ''] = match;
    // The second of `struct … a SEC(".maps"), b SEC(".maps");` shares the first one's story.
    if (/\bSEC\("\.maps"\)[\w\s]*,\s*$/.test(code.slice(0, match.index))) return [];
    const where = `${path}:${lineAt(text, match.index)}: map ${name}`;
    const start = declarationStart(code, match.index);
    if (start === undefined) return [`${where} is not declared as one struct`];
    const comment = commentBefore(text, start);
    const missing = story.filter((word) => !new RegExp(`\\b${word}\\b`).test(comment));
    return missing.length === 0 ? [] : [`${where}: the comment before it does not say ${missing.join(', ')}`];
  });
}

/** House rule 5: every map carries its life story. */
export const mapsTellTheirLife: Rule = (files) => files.filter(isKernelSide).flatMap(mapFindings);
