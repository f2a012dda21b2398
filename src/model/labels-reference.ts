/** The reference of the labelling standard, from its table. */

import { derivedFields } from './ecs.ts';
import { allLabels, fieldGroups, presencesOf, type Label } from './labels.ts';
import { schemaFiles } from './record-schema.ts';
import { recordKinds, type Field } from './schema/field.ts';

const head = `# Labels: the fields of a record

Made from the table in \`src/model/schema/\` by \`npm run docs\`. What the records are, and what stands
behind the fields, is in [records](records.md). JSON Schemas of a record, for machines:
[canonical](schema/${schemaFiles.canonical}), [OpenTelemetry](schema/${schemaFiles.otel}),
[ECS](schema/${schemaFiles.ecs}).

The seven **bold** fields are on every flow, connection and DNS record, whatever other names an exporter
adds. What cannot be known is \`unknown\`, and counted.

*On*: ${recordKinds.map((kind) => `${kind[0] ?? ''} ${kind}`).join(', ')}; all six
where nothing stands; in brackets those that may be without it.
`;

const namesHead = `## Names elsewhere

A field without a name of its own in OpenTelemetry or ECS is \`sonde.\` and its name there: – in this table.
Of \`a/b\` the first is on egress, the second on ingress records (the source is who opened the connection);
on closing records it is \`sonde.\` and its name. Prometheus: a *label* of metrics, the *value* of one, or
never on any. Classes: how many different values there are (N one per node, E a few, W up to 10³, H up to
10⁵, U no end), and privacy (P0 technical, P1 internal identifiers, P2 may identify a person or a third
party, P3 may hold a secret).

| field | OpenTelemetry | ECS | Prometheus | class |
| --- | --- | --- | --- | --- |
`;

const derivedHead = `## What ECS has beside them

Constants, and what follows from other fields.

| field | type | on | means |
| --- | --- | --- | --- |
`;

function cells(of: readonly string[]): string {
  return `| ${of.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
}

/** `f (c) d`; nothing where all have it. */
function onText({ on }: Pick<Field, 'on'>): string {
  const presences = presencesOf({ on });
  const optional = presences.filter(({ mayLack }) => mayLack).map(({ kind }) => kind[0]);
  const always = presences.filter(({ mayLack }) => !mayLack).map(({ kind }) => kind[0]);
  if (always.length === recordKinds.length) return '';
  return [...always, ...(optional.length > 0 ? [`(${optional.join(' ')})`] : [])].join(' ');
}

function typeText({ type, of, unit, nullable }: Pick<Field, 'type' | 'of' | 'unit' | 'nullable'>): string {
  const items = of === undefined ? '' : ` of ${of}s`;
  return `${type}${items}${unit === undefined ? '' : `, ${unit}`}${nullable ? ' or null' : ''}`;
}

/** Where the meaning does not name them. */
function valuesText({ values, means }: Pick<Field, 'values' | 'means'>): string {
  const named = values?.every((value) => new RegExp(`\\b${value}\\b`).test(means)) ?? true;
  if (named || !values) return '';
  return values.length === 1 ? `: ${values.join()}` : `. One of: ${values.join(', ')}`;
}

function meaning({ means, values, onWindow }: Pick<Field, 'means' | 'values' | 'onWindow'>): string {
  const own = `${means}${valuesText({ values, means } as Field)}`;
  return onWindow ? `${own}. On the closing record a ${onWindow.type}: ${onWindow.means}` : own;
}

function bold({ name, required }: Pick<Label, 'name' | 'required'>): string {
  return required ? `**\`${name}\`**` : `\`${name}\``;
}

function group([title, of]: readonly [string, Readonly<Record<string, Field>>]): string {
  const rows = Object.entries(of).map(([name, field]) =>
    cells([bold({ ...field, name }), typeText(field), onText(field), meaning(field)]),
  );
  return `## ${title}\n\n| field | type | on | means |\n| --- | --- | --- | --- |\n${rows.join('')}`;
}

function code(text: string): string {
  return `\`${text}\``;
}

function prometheusText({ prometheus }: Pick<Field, 'prometheus'>): string {
  if (!prometheus) return 'never';
  if ('label' in prometheus) return `label ${code(prometheus.label)}`;
  const by = prometheus.keys ? ` by ${prometheus.keys.map(code).join(', ')}` : '';
  return `value ${code(prometheus.value)}${by}`;
}

function nameRow(label: Label): string {
  const { name, otel, ecs, onWindow, classes } = label;
  const of = typeof ecs === 'object' ? `${ecs.egress}/${ecs.ingress}` : ecs;
  const there = of === undefined ? '–' : code(of);
  const ecsText =
    onWindow?.ecs === undefined ? there : `${there}, on closing records ${code(onWindow.ecs as string)}`;
  const otelText = otel === `sonde.${name}` ? '–' : code(otel);
  return cells([code(name), otelText, ecsText, prometheusText(label), classes]);
}

/** docs/reference/labels.md. */
export function renderLabelsReference(): string {
  const derived = Object.entries<Field>(derivedFields).map(([name, field]) =>
    cells([code(name), typeText(field), onText(field), meaning(field)]),
  );
  return [
    head,
    ...Object.entries(fieldGroups).map(group),
    namesHead + allLabels.map(nameRow).join(''),
    derivedHead + derived.join(''),
  ].join('\n');
}
