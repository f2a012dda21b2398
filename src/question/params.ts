/** What was asked, as text from a URL or a command line, checked against the manifest and made ready for SQL. */

import { zoneName } from '../lib/zone.ts';
import { formatDuration, parseDurationMs } from '../lib/units.ts';
import type { Param, ParamValue } from './contract.ts';
import { networkRange } from './network.ts';

/** What every question takes beside its own: the range … */
export const rangeParams = ['since', 'from', 'to'] as const;

/** … and the scope. */
export const scopeParams: readonly Param[] = [
  { name: 'host', type: 'text', default: '', description: 'only this host.name' },
  { name: 'environment', type: 'text', default: '', description: 'only this environment' },
  { name: 'own', type: 'boolean', default: false, description: 'traffic of Sonde itself too' },
  { name: 'limit', type: 'integer', default: 100, min: 1, max: 10_000, description: 'rows at most' },
];

const textMax = 200;

export interface ParamProblem {
  readonly param: string;
  /** Follows the name: `must be …; got …`. */
  readonly problem: string;
}

function integerOf(text: string, { min = -(2 ** 53), max = 2 ** 53 }: Param): number | string {
  const value = /^-?\d{1,16}$/.test(text) ? Number(text) : NaN;
  return value >= min && value <= max
    ? value
    : `must be a whole number between ${min} and ${max}; got ${text}`;
}

function numberOf(text: string, { min = -1e300, max = 1e300 }: Param): number | string {
  const value = /^-?\d+(\.\d+)?(e-?\d+)?$/i.test(text) ? Number(text) : NaN;
  return value >= min && value <= max ? value : `must be a number between ${min} and ${max}; got ${text}`;
}

function durationProblem(text: string, { min = 0, max = 0 }: Param): string | undefined {
  const ms = parseDurationMs(text);
  if (ms === undefined) return `must be a duration such as 24h; got ${text}`;
  const bounds = `${formatDuration(min)} and ${formatDuration(max)}`;
  return ms >= min && ms <= max ? undefined : `must be between ${bounds}; got ${text}`;
}

function textProblem(text: string, { format }: Param): string | undefined {
  if (text.length > textMax) return `must be at most ${textMax} characters`;
  if (text.includes('\0')) return 'must not hold a NUL';
  if (format === 'zone') {
    return zoneName(text) ? undefined : `must be a time zone such as Europe/Berlin; got ${text}`;
  }
  if (format !== 'network' || networkRange(text) !== undefined) return undefined;
  return `must be an address or a network such as 10.0.0.0/8; got ${text}`;
}

const booleans: Readonly<Record<string, boolean>> = { true: true, false: false, 1: true, 0: false };

/** A value of the parameter's type, or what is wrong with the text. */
function readParam(
  param: Param,
  text: string,
): { readonly value: ParamValue } | { readonly problem: string } {
  const checked = (problem: string | undefined) => (problem === undefined ? { value: text } : { problem });
  const converted = (value: number | string) => (typeof value === 'string' ? { problem: value } : { value });
  switch (param.type) {
    case 'text':
      return checked(textProblem(text, param));
    case 'integer':
      return converted(integerOf(text, param));
    case 'number':
      return converted(numberOf(text, param));
    case 'duration':
      return checked(durationProblem(text, param));
    case 'choice': {
      const values = param.values ?? [];
      return checked(values.includes(text) ? undefined : `must be one of ${values.join(', ')}; got ${text}`);
    }
    case 'boolean': {
      const value = booleans[text];
      return value === undefined ? { problem: `must be true or false; got ${text}` } : { value };
    }
  }
}

export type ParamValues = Readonly<Record<string, ParamValue>>;

/** With defaults filled in. */
export function readParams(
  params: readonly Param[],
  given: Readonly<Record<string, string>>,
): { readonly values: ParamValues } | ParamProblem {
  const strange = Object.keys(given).find((name) => !params.some((param) => param.name === name));
  if (strange !== undefined) {
    const known = [...rangeParams, ...params.map(({ name }) => name)].join(', ');
    return { param: strange, problem: `is no parameter; there are ${known}` };
  }
  const values: Record<string, ParamValue> = {};
  for (const param of params) {
    const text = Object.hasOwn(given, param.name) ? given[param.name] : undefined;
    const read = text === undefined ? { value: param.default } : readParam(param, text);
    if ('problem' in read) return { param: param.name, problem: read.problem };
    values[param.name] = read.value;
  }
  return { values };
}

/** As LIKE wants it: all that it would read as special is itself, and between the parts are any characters. */
export function likeParts(parts: readonly string[]): string {
  return parts.map((part) => part.replace(/[\\%_]/g, '\\$&')).join('%');
}

/** A pattern in which `*` is any characters. */
export function likePattern(pattern: string): string {
  return pattern === '' ? '%' : likeParts(pattern.split('*'));
}

/** Parameters of `ask.sql`, from values that `readParams` gave. */
export function sqlParams(params: readonly Param[], values: ParamValues): Record<string, ParamValue> {
  const ready: Record<string, ParamValue> = {};
  for (const { name, type, format } of params) {
    const value = values[name] ?? '';
    if (format === 'network') {
      const range = networkRange(String(value));
      ready[`${name}_first`] = range?.first ?? '::';
      ready[`${name}_last`] = range?.last ?? '::';
    } else if (format === 'pattern') ready[name] = likePattern(String(value));
    else if (format === 'zone') ready[name] = zoneName(String(value)) ?? 'UTC';
    else ready[name] = type === 'duration' ? (parseDurationMs(String(value)) ?? 0) : value;
  }
  return ready;
}
