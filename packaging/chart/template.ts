/**
 * The part of Go's templates, and of Helm's functions, that the chart is written in: enough to show what
 * it becomes where there is no Helm. Stricter than Helm: what is not there is an error and not nothing,
 * and so is whatever this does not know.
 */

import { createHash } from 'node:crypto';
import { stringify } from 'yaml';

type Values = Readonly<Record<string, unknown>>;

interface Scope {
  readonly dot: unknown;
  /** `$`, and what was named in an action. */
  readonly names: Map<string, unknown>;
  readonly defined: ReadonlyMap<string, readonly Node[]>;
}

interface Branch {
  /** Undefined: else. */
  readonly test: string | undefined;
  readonly body: readonly Node[];
}

type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print'; readonly code: string }
  | { readonly kind: 'name'; readonly name: string; readonly code: string }
  | { readonly kind: 'if'; readonly branches: readonly Branch[] }
  | { readonly kind: 'range' | 'with'; readonly code: string; readonly body: readonly Node[] };

type Piece = { readonly text: string } | { readonly action: string };

/** A dash takes the white space on its side away. */
function piecesOf(source: string): Piece[] {
  const pieces: Piece[] = [];
  let [at, trim] = [0, false];
  for (const match of source.matchAll(/\{\{(-?)\s*([\s\S]*?)\s*(-?)\}\}/g)) {
    let text = source.slice(at, match.index);
    if (trim) text = text.trimStart();
    if (match[1] === '-') text = text.trimEnd();
    pieces.push({ text });
    if (!/^\/\*[\s\S]*\*\/$/.test(match[2] ?? '')) pieces.push({ action: match[2] ?? '' });
    at = match.index + match[0].length;
    trim = match[3] === '-';
  }
  const rest = source.slice(at);
  return [...pieces, { text: trim ? rest.trimStart() : rest }];
}

interface Reader {
  readonly pieces: readonly Piece[];
  at: number;
  readonly defined: Map<string, readonly Node[]>;
}

/** Up to the `end` or `else` that is its own; returns the action that ended it. */
function readBody(reader: Reader): { readonly body: Node[]; readonly end: string } {
  const body: Node[] = [];
  while (reader.at < reader.pieces.length) {
    const piece = reader.pieces[reader.at++];
    if (piece === undefined) break;
    if ('text' in piece) {
      body.push({ kind: 'text', text: piece.text });
      continue;
    }
    if (/^(end|else)\b/.test(piece.action)) return { body, end: piece.action };
    const node = readNode(piece.action, reader);
    if (node) body.push(node);
  }
  return { body, end: '' };
}

function readNode(action: string, reader: Reader): Node | undefined {
  const [, word = '', code = ''] = /^(define|if|range|with)\s+([\s\S]*)$/.exec(action) ?? [];
  if (word === 'if') return { kind: 'if', branches: readBranches(code, reader) };
  if (word === 'range' || word === 'with' || word === 'define') {
    const { body, end } = readBody(reader);
    if (end !== 'end') throw new Error(`{{ ${action} }} is not ended by {{ end }}`);
    if (word !== 'define') return { kind: word, code, body };
    reader.defined.set(JSON.parse(code) as string, body);
    return undefined;
  }
  const [, name, value] = /^(\$\w+)\s*:=\s*([\s\S]*)$/.exec(action) ?? [];
  if (name !== undefined && value !== undefined) return { kind: 'name', name, code: value };
  return { kind: 'print', code: action };
}

function readBranches(first: string, reader: Reader): Branch[] {
  const branches: Branch[] = [];
  let test: string | undefined = first;
  for (;;) {
    const { body, end } = readBody(reader);
    branches.push({ test, body });
    if (end === 'end') return branches;
    if (!/^else( if .*)?$/.test(end)) throw new Error(`{{ if ${first} }} is not ended by {{ end }}`);
    test = end === 'else' ? undefined : end.slice('else if '.length);
  }
}

function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new Error(`not a text: ${JSON.stringify(value)}`);
}

const indented = (spaces: number, text: string): string =>
  text
    .split('\n')
    .map((line) => (line === '' ? '' : ' '.repeat(spaces) + line))
    .join('\n');

/** Of Helm and Sprig, by their names; a piped value is the last argument. */
const functions: Readonly<Record<string, (...values: readonly unknown[]) => unknown>> = {
  default: (fallback, value) => (isTrue(value) ? value : fallback),
  dict: () => ({}),
  eq: (a, b) => a === b,
  hasKey: (map, key) => Object.hasOwn(map as Values, textOf(key)),
  ne: (a, b) => a !== b,
  nindent: (spaces, text) => `\n${indented(Number(spaces), textOf(text))}`,
  not: (value) => !isTrue(value),
  quote: (text) => JSON.stringify(textOf(text)),
  regexFind: (pattern, text) => new RegExp(textOf(pattern)).exec(textOf(text))?.[0] ?? '',
  regexReplaceAll: (pattern, text, by) => textOf(text).replace(new RegExp(textOf(pattern), 'g'), textOf(by)),
  sha256sum: (text) => createHash('sha256').update(textOf(text)).digest('hex'),
  // Helm reads YAML 1.1, where a plain off is false.
  toYaml: (value) => stringify(value, { sortMapEntries: true, lineWidth: 0, compat: 'yaml-1.1' }).trimEnd(),
};

const token = /\s*("(?:[^"\\]|\\.)*"|[()|]|\$\w*(?:\.\w+)*|(?:\.\w+)+|\.|\w+)/y;

function tokensOf(code: string): string[] {
  const tokens: string[] = [];
  token.lastIndex = 0;
  while (token.lastIndex < code.trimEnd().length) {
    const found = token.exec(code)?.[1];
    if (found === undefined) throw new Error(`what is this: {{ ${code} }}`);
    tokens.push(found);
  }
  return tokens;
}

function follow(from: unknown, path: readonly string[], said: string): unknown {
  return path.reduce((value, key) => {
    if (typeof value !== 'object' || value === null) throw new Error(`${said}: nothing has ${key}`);
    return (value as Values)[key];
  }, from);
}

/** Of a function. */
function isName(word = ''): boolean {
  return /^[a-zA-Z]\w*$/.test(word) && word !== 'true' && word !== 'false';
}

function valueOf(word: string, scope: Scope): unknown {
  const { dot, names } = scope;
  if (word.startsWith('"')) return JSON.parse(word) as unknown;
  if (/^\d+$/.test(word)) return Number(word);
  if (word === 'true' || word === 'false') return word === 'true';
  if (word === '.') return dot;
  if (isName(word)) return call(word, [], scope);
  const [head = '', ...path] = word.split('.');
  if (head === '') return follow(dot, path, word);
  if (!names.has(head)) throw new Error(`there is no ${head}`);
  return follow(names.get(head), path, word);
}

/** A pipeline up to its closing parenthesis or its end; takes its tokens. */
function pipeline(tokens: string[], scope: Scope): unknown {
  let piped: unknown[] = [];
  for (;;) {
    const name = isName(tokens[0]) ? tokens.shift() : undefined;
    const values: unknown[] = [];
    while (tokens.length > 0 && tokens[0] !== '|' && tokens[0] !== ')') {
      const word = tokens.shift() ?? '';
      values.push(word === '(' ? pipeline(tokens, scope) : valueOf(word, scope));
    }
    values.push(...piped);
    piped = [name === undefined ? only(values) : call(name, values, scope)];
    const next = tokens.shift();
    if (next !== '|') return piped[0];
  }
}

function only(values: readonly unknown[]): unknown {
  if (values.length !== 1) throw new Error(`${values.length} values where there is one`);
  return values[0];
}

function call(name: string, values: readonly unknown[], scope: Scope): unknown {
  if (name === 'include') {
    const body = scope.defined.get(textOf(values[0]));
    if (!body) throw new Error(`nothing is defined as ${textOf(values[0])}`);
    return print(body, { ...scope, dot: values[1], names: new Map([['$', values[1]]]) });
  }
  const found = Object.hasOwn(functions, name) ? functions[name] : undefined;
  if (!found) throw new Error(`this knows no function ${name}`);
  return found(...values);
}

function evaluate(code: string, scope: Scope): unknown {
  const tokens = tokensOf(code);
  const value = pipeline(tokens, scope);
  if (tokens.length > 0) throw new Error(`too much in {{ ${code} }}`);
  return value;
}

function printNode(node: Node, scope: Scope): string {
  if (node.kind === 'text') return node.text;
  if (node.kind === 'print') return textOf(evaluate(node.code, scope));
  if (node.kind === 'if') {
    const taken = node.branches.find(({ test }) => test === undefined || isTrue(evaluate(test, scope)));
    return taken ? print(taken.body, { ...scope, names: new Map(scope.names) }) : '';
  }
  const value = evaluate(node.code, scope);
  if (node.kind === 'name') {
    scope.names.set(node.name, value);
    return '';
  }
  if (!isTrue(value)) return '';
  const dots = node.kind === 'range' ? (value as readonly unknown[]) : [value];
  return dots.map((dot) => print(node.body, { ...scope, dot, names: new Map(scope.names) })).join('');
}

function print(body: readonly Node[], scope: Scope): string {
  return body.map((node) => printNode(node, scope)).join('');
}

/** Throws, naming the file, for what Helm would refuse, or this does not know. */
export function renderTemplates(
  sources: ReadonlyMap<string, string>,
  context: Values,
): ReadonlyMap<string, string> {
  const defined = new Map<string, readonly Node[]>();
  const bodies = new Map<string, readonly Node[]>();
  for (const [file, source] of sources) {
    const { body, end } = readBody({ pieces: piecesOf(source), at: 0, defined });
    if (end !== '') throw new Error(`${file}: {{ ${end} }} ends nothing`);
    bodies.set(file, body);
  }
  const rendered = new Map<string, string>();
  for (const [file, body] of bodies) {
    try {
      rendered.set(file, print(body, { dot: context, names: new Map([['$', context]]), defined }));
    } catch (error) {
      throw new Error(`${file}: ${(error as Error).message}`, { cause: error });
    }
  }
  return rendered;
}
