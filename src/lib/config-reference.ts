/** The reference of a configuration, from its schema: a table for people, a JSON Schema for editors. */

import * as z from 'zod';

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

function schemaOf(schema: z.ZodType): Node {
  return z.toJSONSchema(schema, { io: 'input' }) as Node;
}

/** For editors. */
export function renderJsonSchema(schema: z.ZodType, title: string): string {
  return `${JSON.stringify({ title, ...schemaOf(schema) }, null, 2)}\n`;
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
    return [`| ${cells.join(' | ')} |`, ...rows(of, key), ...(of.items ? rows(of.items, `${key}[]`) : [])];
  });
}

/** Lines of a table: every key with its meaning, bounds and default. */
export function configTable(schema: z.ZodType): string[] {
  return ['| key | meaning | bounds | default |', '| --- | --- | --- | --- |', ...rows(schemaOf(schema), '')];
}
