/**
 * Metrics under OpenTelemetry's names, made from Prometheus' ones so that what a collector makes of them for
 * Prometheus are those again: `sonde_tcp_peer_window_seconds_total` is `sonde.tcp.peer_window` in `s`.
 */

import { allLabels } from '../../../model/labels.ts';
import type { Family } from '../metrics/metrics.ts';

export interface OtelName {
  readonly name: string;
  /** In UCUM. */
  readonly unit: string;
  /** Counts of things are whole numbers. */
  readonly isWhole: boolean;
}

const units: Readonly<Record<string, string>> = { seconds: 's', bytes: 'By', ratio: '1' };

/** What is counted, by the word that says it; a name without one of them is a state. */
const things: Readonly<Record<string, string>> = {
  connections: 'connection',
  coverage: 'connection',
  segments: 'segment',
  retransmits: 'segment',
  resets: 'segment',
  drops: 'segment',
  refusals: 'attempt',
  attempts: 'attempt',
  lookups: 'lookup',
  records: 'record',
  lost: 'record',
  unlabelled: 'record',
  nonstandard: 'record',
  unenriched: 'record',
  windows: 'window',
  listeners: 'listener',
  series: 'series',
};

function thingOf(words: readonly string[]): string {
  const thing = words.findLast((word) => Object.hasOwn(things, word));
  return thing === undefined ? '' : `{${things[thing] ?? ''}}`;
}

/**
 * A name has at most three parts: what is behind the second dot stays together. The unit is no part of it,
 * unless it were the third: `sonde.sent` is where `sonde.sent.segments` is.
 */
export function otelNameOf({ name }: Family): OtelName {
  const [, own = name, unit] = /^(.*?)(?:_(seconds|bytes|ratio))?(?:_total)?$/.exec(name) ?? [];
  const words = own.split('_');
  const [space = '', about = '', ...rest] = words.length === 2 && unit ? [...words, unit] : words;
  return {
    name: [space, about, rest.join('_')].filter((part) => part !== '').join('.'),
    unit: unit === undefined ? thingOf(words) : (units[unit] ?? ''),
    isWhole: unit === undefined || unit === 'bytes',
  };
}

/** A port that is shown as such only where a service is known for it is another thing than a port. */
const ownName: ReadonlyMap<string, string> = new Map([['destination.port', 'destination.port_class']]);

const otelNames: ReadonlyMap<string, string> = new Map(allLabels.map(({ name, otel }) => [name, otel]));

/** The attribute of a label: of a field, or of a key that has no field. */
export function attributeNameOf(label: string, names: 'canonical' | 'otel'): string {
  const own = ownName.get(label) ?? label;
  return names === 'canonical' ? own : (otelNames.get(own) ?? `sonde.${own}`);
}
