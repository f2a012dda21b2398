/** Proposals as a file of expectations: YAML with how often and when in comments. */

import { jsonLine } from '../../../lib/terminal.ts';
import type { Item, Proposed, ProposedTarget } from './proposal.ts';
import { withoutPattern } from './proposal.ts';

const dayMs = 86_400_000;
const reviewAfterMs = 90 * dayMs;
/** What the file's schema takes. */
const ownerMax = 200;

const plain = /^[a-z][\w./-]*$/i;
const address = /^\d+\.\d+\.\d+\.\d+(\/\d+)?$/;
const words: ReadonlySet<string> = new Set(['true', 'false', 'null', 'yes', 'no', 'on', 'off', 'y', 'n']);

/** A text as YAML; what was seen may be anything. */
export function scalar(text: string): string {
  if ((plain.test(text) && !words.has(text.toLowerCase())) || address.test(text)) return text;
  return /^[\w.*?:/@ -]+$/.test(text) ? `'${text}'` : jsonLine(text);
}

export function dayOf(time: string): string {
  return time.slice(0, 10);
}

export function count(n: number, one: string): string {
  return `${n} ${one}${n === 1 ? '' : 's'}`;
}

function itemLine({ kind, text, members, connections, days, last }: Item): string {
  const many = members > 1 ? `${members} ${kind === 'name' ? 'names' : 'addresses'}, ` : '';
  const often = `${many}${count(connections, 'connection')} on ${count(days.size, 'day')}`;
  return `          - ${scalar(text)} # ${often}, last ${dayOf(last)}`;
}

function targetLines({ items, ports, transport }: ProposedTarget): string[] {
  const of = (kind: Item['kind']): readonly Item[] => items.filter((item) => item.kind === kind);
  const list = (key: string, kind: Item['kind']): string[] =>
    of(kind).length === 0 ? [] : [`        ${key}:`, ...of(kind).map(itemLine)];
  const [metadata] = of('metadata');
  const lines = [
    ...list('names', 'name'),
    ...list('networks', 'network'),
    ...(metadata ? ['        scopes:', itemLine({ ...metadata, text: 'metadata', members: 1 })] : []),
    ...(ports.length === 0 ? [] : [`        ports: [${ports.join(', ')}]`]),
    ...(transport === 'tcp' || transport === 'udp' ? [`        transport: ${transport}`] : []),
  ];
  return lines.map((line, n) => (n === 0 ? line.replace(/^ {8}/, '      - ') : line));
}

export interface YamlOptions {
  /** Where nobody is known. */
  readonly owner: string;
  /** The day on which it is proposed. */
  readonly now: string;
}

function entryLines(
  { whom, owner, first, last, targets, leftOut }: Proposed,
  options: YamlOptions,
): string[] {
  const comments = leftOut.map((words) => `  # left out, ${words}`);
  const who = Object.entries(whom)
    .filter(([, value]) => value !== '')
    .map(([key, value]) => `${key}: ${scalar(withoutPattern(value))}`);
  if (targets.length === 0) return comments.map((line) => `${line} (${who.join(', ')})`);
  const review = new Date(Date.parse(options.now) + reviewAfterMs).toISOString();
  return [
    ...comments,
    `  - whom: { ${who.join(', ')} }`,
    '    talks_to:',
    ...targets.flatMap(targetLines),
    `    why: seen from ${dayOf(first)} to ${dayOf(last)}`,
    `    owner: ${scalar((owner || options.owner).slice(0, ownerMax))}`,
    `    review: ${dayOf(review)}`,
  ];
}

/** The file, line by line. */
export function yamlLines(proposals: readonly Proposed[], options: YamlOptions): string[] {
  const isEmpty = proposals.every(({ targets }) => targets.length === 0);
  return [
    isEmpty ? 'expectations: []' : 'expectations:',
    ...proposals.flatMap((proposed) => entryLines(proposed, options)),
  ];
}
