/** The files that the house rules read, and the form of a rule. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

export interface SourceFile {
  /** From the repository's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** What is wrong and where: `path:line: why`. */
export type Finding = string;

export type Rule = (files: readonly SourceFile[]) => readonly Finding[];

// In a linked work tree .git is a file.
const ignored = new Set(['.git', 'node_modules', 'build', 'dist']);
const fileBytesMax = 1_000_000;

/**
 * Every text file of the tree. Recorded results, pictures and such (a NUL in them, or too long) are left out.
 */
export function readTree(root: string, folder = ''): SourceFile[] {
  const files: SourceFile[] = [];
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = posix.join(folder, entry.name);
    if (ignored.has(entry.name)) continue;
    if (entry.isDirectory()) {
      files.push(...readTree(root, path));
    } else if (entry.isFile() && !entry.name.endsWith('.log')) {
      const bytes = readFileSync(join(root, path));
      const isText = bytes.length <= fileBytesMax && !bytes.includes(0);
      files.push({ path, text: isText ? bytes.toString('utf8') : '' });
    }
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

export function extensionOf(path: string): string {
  return posix.extname(path).slice(1);
}

export function isTest(path: string): boolean {
  return /\.test\.tsx?$/.test(path);
}

/** The house rules' own files quote what they forbid. */
export function isRuleFile(path: string): boolean {
  return path.startsWith('test/tidy');
}

const codeExtensions = new Set(['ts', 'tsx', 'c', 'h', 'cc', 'sql', 'sh', 'js', 'css']);

/** What people write and read as code: by extension, or a script by its first line. */
export function isCode({ path, text }: SourceFile): boolean {
  return codeExtensions.has(extensionOf(path)) || (extensionOf(path) === '' && text.startsWith('#!'));
}

/** A rule that looks at one line at a time. `why` may name what it found. */
export function eachLine(
  applies: (file: SourceFile) => boolean,
  judge: (line: string, file: SourceFile) => string | undefined,
): Rule {
  return (files) =>
    files.filter(applies).flatMap((file) =>
      file.text.split('\n').flatMap((line, index) => {
        const why = judge(line, file);
        return why === undefined ? [] : [`${file.path}:${index + 1}: ${why}`];
      }),
    );
}

export function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}
