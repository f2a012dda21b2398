/**
 * Labels of the endpoint's series: the fields of a row that have one in the labelling standard, those of them
 * that are wanted.
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

function labelNameOf(field: string): string {
  const { prometheus } = allLabels.find(({ name }) => name === field) ?? {};
  return prometheus && 'label' in prometheus ? prometheus.label : '';
}

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

/** Text between the quotes. A process may call itself anything. */
export function escapedValue(text: string): string {
  const cut = printable(text.slice(0, labelLimits.valueMax).toWellFormed());
  return cut.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
}

function escaping(): (text: string) => string {
  const known = new Map<string, string>();
  return (text) => {
    let escaped = known.get(text);
    if (escaped === undefined) {
      escaped = escapedValue(text);
      if (known.size >= labelLimits.cachedMax) known.clear();
      known.set(text, escaped);
    }
    return escaped;
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

/** The labels of a row as they are written: `process="curl",state="closed"`. Equal ones are equal text. */
export function labeller(options: LabelOptions): (row: RowRecord) => string {
  const escape = escaping();
  const names = [...new Set([...options.fields, ...dnsFields])].map(
    (field) => [field, labelNameOf(field)] as const,
  );
  return (row) => {
    const parts: string[] = [];
    for (const [field, name] of names) {
      const value = valueOf(row, field, options);
      // To Prometheus an empty label is none: two series would be one.
      if (value !== undefined && value !== '') parts.push(`${name}="${escape(value)}"`);
    }
    return parts.join(',');
  };
}
