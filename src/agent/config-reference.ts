/** The reference of agent.yaml, from its schema: a page for people, a JSON Schema for editors. */

import * as z from 'zod';
import { configSchema } from './config.ts';

interface Node {
  readonly type?: string;
  readonly description?: string;
  readonly default?: string | number | boolean | object;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly 'x-minimum'?: string;
  readonly 'x-maximum'?: string;
}

async function schemaOf(): Promise<Node> {
  return z.toJSONSchema(await configSchema(), { io: 'input' }) as Node;
}

/** docs/reference/agent.schema.json. */
export async function renderConfigSchema(): Promise<string> {
  const schema = await schemaOf();
  return `${JSON.stringify({ title: 'agent.yaml of Sonde', ...schema }, null, 2)}\n`;
}

function range(
  min: string | number | undefined,
  max: string | number | undefined,
  of: string,
): string | undefined {
  if (min === undefined && max === undefined) return undefined;
  if (max === undefined) return min === 1 ? 'not empty' : `at least ${String(min)}${of}`;
  return min === undefined ? `at most ${String(max)}${of}` : `${String(min)} to ${String(max)}${of}`;
}

function bounds(node: Node): string {
  return (
    node.enum?.map((word) => `\`${String(word)}\``).join(', ') ??
    range(node['x-minimum'], node['x-maximum'], '') ??
    range(node.minimum, node.maximum, '') ??
    range(node.minLength, node.maxLength, ' characters') ??
    range(node.minItems, node.maxItems, ' entries') ??
    (node.pattern === undefined ? '' : `\`${node.pattern}\``)
  );
}

function rows(node: Node, path: string): string[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, of]) => {
    const key = path === '' ? name : `${path}.${name}`;
    const fallback =
      of.default === undefined || typeof of.default === 'object' ? '' : `\`${String(of.default)}\``;
    const cells = [`\`${key}\``, of.description ?? '', bounds(of), fallback].map((cell) =>
      cell.replaceAll('|', '\\|'),
    );
    return [`| ${cells.join(' | ')} |`, ...rows(of, key)];
  });
}

/** docs/reference/config.md. */
export async function renderConfigReference(): Promise<string> {
  return [
    '# agent.yaml',
    '',
    'Made from the schema in `src/agent/config.ts` and those of the exporters by `npm run docs`. For editors:',
    '[agent.schema.json](agent.schema.json).',
    '',
    'Every key has a default; an empty file is a sound configuration. A key that nobody knows is an error. Durations carry a',
    'unit (`ms`, `s`, `m`, `h`, `d`), sizes too (`B`, `kB`, `MB`, `GB`, `KiB`, `MiB`, `GiB`). `sonde agent --check-config`',
    'says whether a file is sound.',
    '',
    '| key | meaning | bounds | default |',
    '| --- | --- | --- | --- |',
    ...rows(await schemaOf(), ''),
    '',
  ].join('\n');
}
