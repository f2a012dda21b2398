/**
 * Labels of series: the fields of a row that have one in the labelling standard, those of them that are
 * wanted. How an exporter calls them is its own business.
 */

import { printable } from '../../../lib/terminal.ts';
import { allLabels, presencesOf, type FieldName } from '../../../model/labels.ts';
import type { RowRecord } from '../../../model/record.ts';
import { serviceOf } from '../../../model/services.ts';

export const labelLimits = {
  /** UTF-16 units of a value; longer ones are cut. */
  valueMax: 200,
  /** Values whose text is kept. */
  cachedMax: 10_000,
} as const;

/** Each is named by its field, or, where it is the key of a map or a list, by that key's name. */
export type Labels = readonly (readonly [name: string, value: string])[];

/** What may be wanted: fields of flow rows. The state of the budget and the version are the agent's. */
export const labelFields = allLabels
  .filter((label) => label.prometheus && 'label' in label.prometheus && label.name !== 'agent.version')
  .filter((label) => presencesOf(label).some(({ kind }) => kind === 'flow'))
  .map(({ name }) => name as FieldName);

export const defaultLabelFields: readonly FieldName[] = [
  'environment',
  'process.name',
  'workload.name',
  'workload.kind',
  'workload.owner',
  'k8s.namespace',
  'direction',
  'network.transport',
  'connection.state',
  'destination.scope',
  'destination.name',
  'destination.port',
];

/** Of DNS rows always: few, and what a lookup is about. */
const dnsFields: readonly FieldName[] = ['dns.question.type', 'dns.rcode'];

export interface LabelOptions {
  readonly fields: readonly FieldName[];
  /** Ports that are shown as such, besides those that a service is known for. */
  readonly ports: ReadonlySet<number>;
  /** Also names that are from DNS, which are as many as there are places to go to. */
  readonly dnsNames: boolean;
}

/** A process may call itself anything. */
export function cleanValue(text: string): string {
  return printable(text.slice(0, labelLimits.valueMax).toWellFormed());
}

function cleaning(): (text: string) => string {
  const known = new Map<string, string>();
  return (text) => {
    let clean = known.get(text);
    if (clean === undefined) {
      clean = cleanValue(text);
      if (known.size >= labelLimits.cachedMax) known.clear();
      known.set(text, clean);
    }
    return clean;
  };
}

type Fields = Readonly<Partial<Record<FieldName, unknown>>>;

const ownNames: ReadonlySet<unknown> = new Set(['static', 'k8s']);

/** What a label of this field would say; undefined where there is nothing to say. */
function valueOf(row: Fields, field: FieldName, { ports, dnsNames }: LabelOptions): string | undefined {
  const value = row[field];
  if (typeof value !== 'string' && typeof value !== 'number') return undefined; // labels are of no other type
  if (field === 'destination.name' && !dnsNames && !ownNames.has(row['destination.name.source']))
    return undefined;
  if (field !== 'destination.port') return String(value);
  const [port, transport] = [Number(value), row['network.transport'] === 'udp' ? 'udp' : 'tcp'] as const;
  return ports.has(port) || serviceOf(transport, port) !== undefined ? String(port) : 'other';
}

/** The labels of a row, in the order of `fields`. */
export function labeller(options: LabelOptions): (row: RowRecord) => Labels {
  const clean = cleaning();
  const fields = [...new Set([...options.fields, ...dnsFields])];
  return (row) => {
    const labels: [string, string][] = [];
    for (const field of fields) {
      const value = valueOf(row, field, options);
      // To Prometheus an empty label is none: two series would be one.
      if (value !== undefined && value !== '') labels.push([field, clean(value)]);
    }
    return labels;
  };
}
