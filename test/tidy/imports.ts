/** Who may import whom. The graph has type imports too: a type that two stages share belongs to the model. */
import { posix } from 'node:path';
import ts from 'typescript';
import { isTest } from './tree.ts';
import type { Finding, Rule, SourceFile } from './tree.ts';

type Graph = ReadonlyMap<string, readonly string[]>;

/** Our own files' imports of our own files, in the order of the files. */
export function importGraph(files: readonly SourceFile[]): Graph {
  const graph = new Map<string, readonly string[]>();
  for (const { path, text } of files) {
    if (!/\.(tsx?|js)$/.test(path)) continue;
    const named = ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
    const own = named.filter((name) => name.startsWith('.'));
    graph.set(
      path,
      own.map((name) => posix.join(posix.dirname(path), name)),
    );
  }
  return graph;
}

interface Border {
  /**
   * Applies to the files that match and that no border above matches. Groups may be used in `may` as $1, $2.
   */
  readonly of: RegExp;
  /** What they may import; everything of ours is from src/ unless it says otherwise. */
  readonly may: readonly string[];
  readonly why: string;
}

const foundation = ['src/model/', 'src/lib/', 'src/question/'];

/**
 * main.ts joins a process's parts, and its twin (agent.ts, hub.ts) takes them injected. config.ts joins the
 * schemas that stand beside the components.
 */
const borders: readonly Border[] = [
  { of: /^src\/model\//, may: ['src/model/'], why: 'the model imports nothing of ours' },
  { of: /^src\/lib\//, may: ['src/lib/'], why: 'the small library imports only itself' },
  {
    of: /^src\/question\//,
    may: ['src/question/', 'src/model/', 'src/lib/'],
    why: 'the question contract imports the model and the library',
  },
  {
    of: /^src\/(agent|hub)\/(?:\1|(?:[^/]+\/)?main)\.ts$/,
    may: ['src/$1/', ...foundation],
    why: 'a process joins its own parts',
  },
  {
    of: /^src\/(agent|hub)\/config\.ts$/,
    may: ['src/$1/[^/]+\\.ts$', 'src/$1/.+/config\\.ts$', 'src/$1/deliver/exporters?[/.]', ...foundation],
    why: 'the configuration joins schemas only',
  },
  {
    of: /^src\/(agent|hub)\/[^/]+\.ts$/,
    may: ['src/$1/[^/]+\\.ts$', ...foundation],
    why: 'only main.ts and its twin join the stages',
  },
  {
    of: /^src\/(agent|hub)\/([^/]+)\//,
    may: ['src/$1/$2/', ...foundation],
    why: 'a stage imports the model, the library, the question contract and itself',
  },
  {
    of: /^src\/cli\/commands\/([^/]+?)(?:\.test|\.root|\.long)*\.ts$/,
    may: [
      'src/cli/commands/$1\\.',
      'src/cli/commands/$1/',
      'src/cli/[^/]+\\.ts$',
      'src/(agent|hub)/',
      'lab/',
      ...foundation,
    ],
    why: 'commands do not import each other',
  },
  { of: /^src\/cli\//, may: ['src/', 'lab/'], why: 'the command line imports sources' },
  { of: /^src\//, may: ['src/'], why: 'sources import sources' },
  {
    of: /^questions\/([^/]+)\//,
    may: ['questions/$1/', ...foundation],
    why: 'a question imports the contract, the model, the library and itself',
  },
  {
    of: /^web\//,
    may: ['web/', 'questions/', ...foundation],
    why: 'the page talks to the hub over HTTP only',
  },
];

// A test may set up what its subject is handed: records of other stages, real traffic, chance.
const forTests = ['src/', 'lab/', 'test/', 'scripts/'];

function allowed(border: Border, path: string, target: string): boolean {
  const groups = border.of.exec(path) ?? [];
  const patterns = [...border.may, ...(isTest(path) ? forTests : [])];
  return patterns.some((pattern) => {
    const own = pattern.replace(/\$(\d)/g, (_, group: string) => groups[Number(group)] ?? '');
    return new RegExp(`^${own}`).test(target);
  });
}

export const keepsBorders: Rule = (files) => {
  const findings: Finding[] = [];
  for (const [path, targets] of importGraph(files)) {
    const border = borders.find(({ of }) => of.test(path));
    if (border === undefined) continue;
    for (const target of targets) {
      if (!allowed(border, path, target)) findings.push(`${path}: imports ${target}; ${border.why}`);
    }
  }
  return findings;
};

/** Everything that is loaded when `path` is, itself included. */
export function loadedBy(graph: Graph, path: string): Set<string> {
  const seen = new Set([path]);
  for (const each of seen) {
    for (const target of graph.get(each) ?? []) seen.add(target);
  }
  return seen;
}

export const agentIsAlone: Rule = (files) => {
  const graph = importGraph(files);
  const findings: Finding[] = [];
  for (const path of graph.keys()) {
    if (!path.startsWith('src/agent/') || isTest(path)) continue;
    for (const target of loadedBy(graph, path)) {
      if (/^(src\/hub|src\/cli|web)\//.test(target)) findings.push(`${path}: loads ${target}`);
    }
  }
  return findings;
};

export const hasNoCycles: Rule = (files) => {
  const graph = importGraph(files);
  const finished = new Set<string>();
  const findings: Finding[] = [];

  function visit(path: string, trail: readonly string[]): void {
    const from = trail.indexOf(path);
    if (from >= 0) {
      findings.push([...trail.slice(from), path].join(' -> '));
      return;
    }
    if (finished.has(path)) return;
    for (const target of graph.get(path) ?? []) visit(target, [...trail, path]);
    finished.add(path);
  }

  for (const path of graph.keys()) visit(path, []);
  return findings;
};

/** Imports name a file that is there, and name it as it is: nothing is compiled or looked up. */
export const importsResolve: Rule = (files) => {
  const paths = new Set(files.map(({ path }) => path));
  const findings: Finding[] = [];
  for (const [path, targets] of importGraph(files)) {
    for (const target of targets) {
      const isBuilt = target.startsWith('build/');
      if (!isBuilt && !paths.has(target)) findings.push(`${path}: imports ${target}, which is not there`);
    }
  }
  return findings;
};
