/** Which files of the checkout a program needs: those that its sources import, and what these import. */

import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import type { PackageSpec } from './packages.ts';

export interface Contents {
  /** Of the checkout, relative to it, sorted. */
  readonly files: readonly string[];
  /** Folders of npm packages, relative to the checkout, sorted. */
  readonly modules: readonly string[];
}

function importsOf(path: string): string[] {
  const text = readFileSync(path, 'utf8');
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
}

/** `@scope/name` or `name` of what an import names. */
function moduleOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** Where Node finds it from there. */
function findModule(name: string, from: string): string | undefined {
  for (let at = from; ; at = dirname(at)) {
    const folder = join(at, 'node_modules', name);
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (dirname(at) === at) return undefined;
  }
}

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
}

function addModule(name: string, from: string, modules: Set<string>): void {
  const folder = findModule(name, from);
  if (folder === undefined) throw new Error(`${name} is not installed; run scripts/setup`);
  if (modules.has(folder)) return;
  modules.add(folder);
  const { dependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
  for (const dependency of Object.keys(dependencies)) addModule(dependency, folder, modules);
}

function isTest(path: string): boolean {
  return path.includes('.test.') || path.includes('/testdata/');
}

/** Throws for a file that is named and not there. */
export function contentsOf(root: string, { commands, found, modules: wanted }: PackageSpec): Contents {
  const files = new Set<string>();
  const modules = new Set<string>();
  function walk(path: string): void {
    if (files.has(path)) return;
    files.add(path);
    if (!path.endsWith('.ts')) return;
    for (const specifier of importsOf(path)) {
      if (specifier.startsWith('.')) walk(join(dirname(path), specifier));
      else if (!specifier.startsWith('node:')) addModule(moduleOf(specifier), dirname(path), modules);
    }
  }
  walk(join(root, 'src/cli/main.ts'));
  for (const command of commands) walk(join(root, `src/cli/commands/${command}.ts`));
  for (const pattern of found) {
    const paths = globSync(pattern, { cwd: root, withFileTypes: true }).filter((entry) => entry.isFile());
    if (paths.length === 0) throw new Error(`there is no ${pattern}; run scripts/build`);
    for (const { parentPath, name } of paths)
      if (!isTest(join(parentPath, name))) walk(join(parentPath, name));
  }
  for (const name of wanted) addModule(name, root, modules);
  const names = (of: Set<string>) => [...of].map((path) => relative(root, path)).sort();
  return { files: names(files), modules: names(modules) };
}

/** Of an npm package: not its types, maps, sources in TypeScript, tests and words. */
export function moduleFiles(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)))
    .filter((path) => !/(^|\/)(node_modules|tests?|benchmarks?|examples?|docs|\.[^/]+)\//.test(path))
    .filter((path) => !/\.([mc]?tsx?|map|md|markdown)$/i.test(path) || /licen[cs]e/i.test(path))
    .sort();
}
