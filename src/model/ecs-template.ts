/** An index template of Elasticsearch for records under ECS's names, made from the labelling standard. */

import { derivedFields, ecsPlaces, textInEcs } from './ecs.ts';
import { allLabels, fieldOn } from './labels.ts';
import { recordKinds, type Field, type RecordKind } from './schema/field.ts';

export type Mapping = Readonly<Record<string, unknown>>;

export const templateLimits = {
  /** Longer text is kept and not searched: ECS's own bound. */
  keywordMax: 1024,
} as const;

/** ECS has a type of their own for them. All but `destination.ip` are made of what was tried to be one address. */
const addresses: ReadonlySet<string> = new Set([
  'source.ip',
  'destination.ip',
  'destination.nat.ip',
  'dns.resolved_ip',
  'related.ip',
]);

/** A prefix or a hash is no address, and there all the same (decision 19). */
const mayBeNoAddress: ReadonlySet<string> = new Set(['destination.ip']);

const kept: Mapping = { type: 'object', enabled: false };

function textMapping(name: string): Mapping {
  if (!addresses.has(name)) return { type: 'keyword', ignore_above: templateLimits.keywordMax };
  return mayBeNoAddress.has(name) ? { type: 'ip', ignore_malformed: true } : { type: 'ip' };
}

/** Keys of maps have dots and no end: as fields, one could be the beginning of another, or fill the index. */
function mappingOf(name: string, { type, of = 'string' }: Pick<Field, 'type' | 'of'>): Mapping {
  switch (type) {
    case 'string':
      return textMapping(name);
    case 'int':
      return { type: 'long' };
    case 'double':
      return { type: 'double' };
    case 'bool':
      return { type: 'boolean' };
    case 'time':
      return { type: 'date' };
    case 'map':
      return { type: 'flattened' };
    case 'list':
      if (of === 'bucket' || of === 'namespace') return kept;
      return of === 'int' ? { type: 'long' } : textMapping(name);
  }
}

function add(all: Map<string, Mapping>, name: string, mapping: Mapping): void {
  const other = all.get(name);
  if (other && JSON.stringify(other) !== JSON.stringify(mapping))
    throw new Error(`${name} is two things: ${JSON.stringify([other, mapping])}`);
  all.set(name, mapping);
}

function addKind(all: Map<string, Mapping>, kind: RecordKind): void {
  for (const label of allLabels) {
    const field = fieldOn(label, kind);
    const place = ecsPlaces[kind].get(label.name);
    if (!field || !place) continue;
    const names = [place.egress, place.ingress, ...(place.required ? [label.name] : [])];
    const told = textInEcs.has(label.name) ? ({ type: 'string' } as const) : field;
    for (const name of names) add(all, name, mappingOf(name, told));
  }
}

/** Every field of every record, by its whole name. */
export function ecsMappings(): ReadonlyMap<string, Mapping> {
  const all = new Map<string, Mapping>();
  for (const kind of recordKinds) addKind(all, kind);
  for (const [name, field] of Object.entries<Field>(derivedFields)) add(all, name, mappingOf(name, field));
  return new Map([...all].sort(([a], [b]) => (a < b ? -1 : 1)));
}

type Tree = Map<string, Tree | Mapping>;

function plant(tree: Tree, [first = '', ...rest]: readonly string[], mapping: Mapping): void {
  if (rest.length === 0) {
    if (tree.has(first)) throw new Error(`${first} has fields of its own`);
    tree.set(first, mapping);
    return;
  }
  const below = tree.get(first) ?? new Map<string, Tree | Mapping>();
  if (!(below instanceof Map)) throw new Error(`${first} is a field`);
  tree.set(first, below);
  plant(below, rest, mapping);
}

function properties(tree: Tree): Mapping {
  return Object.fromEntries(
    [...tree].map(([name, of]) => [name, of instanceof Map ? { properties: properties(of) } : of]),
  );
}

/** For a data stream `logs-sonde-…`. Elastic's own template for logs has priority 100. */
export function indexTemplate(): Mapping {
  const tree: Tree = new Map();
  for (const [name, mapping] of ecsMappings()) plant(tree, name.split('.'), mapping);
  return {
    index_patterns: ['logs-sonde-*'],
    data_stream: {},
    priority: 300,
    template: {
      settings: { index: { codec: 'best_compression' } },
      mappings: { dynamic: false, properties: properties(tree) },
    },
    _meta: { description: 'Records of Sonde under the names of ECS. Made by npm run docs.' },
  };
}

export function renderIndexTemplate(): string {
  return `${JSON.stringify(indexTemplate(), null, 2)}\n`;
}
