/** What the labelling standard says of one field, and the words it says it with. */

export const recordKinds = ['flow', 'connection', 'dns', 'listener', 'address', 'window'] as const;
export type RecordKind = (typeof recordKinds)[number];

export type LabelType = 'string' | 'int' | 'double' | 'bool' | 'time' | 'list' | 'map';

/** `bucket`: an upper bound in milliseconds and a count. `namespace`: see namespaceFields. */
export type ItemType = 'string' | 'int' | 'bucket' | 'namespace';

/** How many different values there are: one per node, a few, 10³, 10⁵, without an end. */
export type Cardinality = 'N' | 'E' | 'W' | 'H' | 'U';
/** Technical; internal identifiers; may tell a person or a third party; may hold a secret. */
export type Privacy = 'P0' | 'P1' | 'P2' | 'P3';

/** Of a byte count: the source is who opened the connection. */
export interface ByDirection {
  readonly egress: string;
  readonly ingress: string;
}

/** A metric. Of a map, `keys` are the labels that its keys are: one for each part up to a point, the last the rest. */
export interface PrometheusValue {
  readonly value: string;
  readonly keys?: readonly string[];
}

export interface Field {
  /** Kinds of records that have it; with a `?` behind those that may be without. */
  readonly on: string;
  readonly type: LabelType;
  /** Of lists and maps. */
  readonly of?: ItemType;
  readonly unit?: 'ms' | 's' | 'bytes';
  /** All that it may be; of a list, its items; of a map, its keys. */
  readonly values?: readonly string[];
  readonly nullable?: true;
  /** One of the seven that are sent under their own names in every mode. */
  readonly required?: true;
  /** About the emitter, so it sits on the OTLP resource; everything else is on the record. */
  readonly onResource?: true;
  /** sonde.NAME without it. */
  readonly otel?: string;
  /** sonde.NAME without it. */
  readonly ecs?: string | ByDirection;
  /** Never on a metric without it. */
  readonly prometheus?: { readonly label: string } | PrometheusValue;
  /** Measured values have no cardinality. */
  readonly classes: Privacy | `${Cardinality} ${Privacy}`;
  /** For people, in Markdown; links start at docs/reference. */
  readonly means: string;
  /** On the closing record the name means another thing. */
  readonly onWindow?: Pick<Field, 'type' | 'of' | 'values' | 'ecs' | 'means'>;
}

export type Fields = Readonly<Record<string, Field>>;

export const everywhere = 'flow connection dns listener address window';
export const allEnds = 'flow connection dns';
export const rows = 'flow connection dns listener';
export const ofOwners = 'flow? connection? dns? listener?';
export const oneProcess = 'connection? listener?';
