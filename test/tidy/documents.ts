/** Rules on what is written for people: links, decisions, change fragments. */
import { posix } from 'node:path';
import { extensionOf, lineAt } from './tree.ts';
import type { Rule, SourceFile } from './tree.ts';

const decisions = 'docs/internals/decisions/';

function withoutCode(text: string): string {
  const blank = (code: string): string => code.replace(/[^\n]/g, ' ');
  return text.replace(/^(```|~~~)[\s\S]*?^\1/gm, blank).replace(/`[^`\n]*`/g, blank);
}

/** Every folder and file of the tree. */
function places(files: readonly SourceFile[]): Set<string> {
  const all = new Set<string>(['.']);
  for (const { path } of files) {
    for (let place = path; place !== '.'; place = posix.dirname(place)) all.add(place);
  }
  return all;
}

export const linksLeadSomewhere: Rule = (files) => {
  const there = places(files);
  return files
    .filter(({ path }) => extensionOf(path) === 'md')
    .flatMap(({ path, text }) =>
      [...withoutCode(text).matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)|^\[[^\]]+\]:\s+(\S+)/gm)].flatMap(
        (match) => {
          const link = match[1] ?? match[2] ?? '';
          if (/^([a-z][a-z0-9+.-]*:|#|\/\/)/i.test(link)) return [];
          const file = decodeURI(link.split('#')[0] ?? '');
          const target = posix
            .join(file.startsWith('/') ? '' : posix.dirname(path), file)
            .replace(/^\/|\/$/g, '');
          return there.has(target) ? [] : [`${path}:${lineAt(text, match.index)}: ${link} is not there`];
        },
      ),
    );
};

interface Package {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** House rule 20: each runtime dependency was chosen, and says why. */
export const dependenciesWereChosen: Rule = (files) => {
  const decided = files.filter(({ path }) => path.startsWith(decisions)).map(({ text }) => text);
  const manifest = files.find(({ path }) => path === 'package.json');
  const { dependencies, optionalDependencies } = JSON.parse(manifest?.text ?? '{}') as Package;
  return Object.keys({ ...dependencies, ...optionalDependencies })
    .filter((name) => !decided.some((text) => text.includes(`\`${name}\``)))
    .map((name) => `package.json: ${name} has no line in ${decisions}`);
};

function numberedIn(folder: string, files: readonly SourceFile[]): string[] {
  return files.filter(({ path }) => path.startsWith(folder)).map(({ path }) => path.slice(folder.length));
}

const shape = /^\d{4}-[a-z0-9-]+\.md$/;

/**
 * A decision is known by its number. Fragments of changes are known by their names: two may be written at
 * once.
 */
export const papersAreNumbered: Rule = (files) => {
  const findings: string[] = [];
  const seen = new Map<string, string>();
  for (const name of numberedIn(decisions, files)) {
    if (name === 'README.md') continue;
    if (!shape.test(name)) findings.push(`${decisions}${name}: not named NNNN-title.md`);
    const other = seen.get(name.slice(0, 4));
    if (other !== undefined) findings.push(`${decisions}${name}: ${other} has that number`);
    seen.set(name.slice(0, 4), name);
  }
  for (const name of numberedIn('.changes/', files)) {
    if (!shape.test(name)) findings.push(`.changes/${name}: not named NNNN-title.md`);
  }
  return findings;
};
