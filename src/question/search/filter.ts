/**
 * The filter language: terms with blanks between, all of which must hold.
 *
 *   process.name=curl destination.port>=1024 -connection.state=closed destination.ip=10.0.0.0/8
 *   destination.name~*.example.com host.name=(a,b) "two words"
 *
 * What it means is decided here, once: the store (src/hub/ask/search/) and the tail (match.ts) are given the
 * same conditions. docs/operating/search.md tells of it, decision 29 why it is so small.
 */

import { nearest } from '../../lib/nearest.ts';
import { parseBytes, parseDurationMs } from '../../lib/units.ts';
import { networkRange } from '../network.ts';
import {
  addressFields,
  findField,
  searchFields,
  searchTables,
  wordFields,
  type SearchField,
  type SearchFields,
} from './fields.ts';
import { readTerms, type RawTerm, type RawValue } from './terms.ts';

export const filterLimits = { lengthMax: 4000, termsMax: 32, valuesMax: 200 } as const;

export const comparisons = ['=', '>', '>=', '<', '<='] as const;
export type Comparison = (typeof comparisons)[number];

/** Of one value of a row. What a row does not have (null) meets `none` only. */
export type Condition =
  | { readonly is: 'text'; readonly text: string }
  /** Any characters between the parts; `folded`: A is a, and the parts are lower case. */
  | { readonly is: 'pattern'; readonly parts: readonly string[]; readonly folded: boolean }
  /** Both ends are in it; as IPv6. */
  | { readonly is: 'network'; readonly first: string; readonly last: string }
  | { readonly is: 'number'; readonly comparison: Comparison; readonly number: number }
  | { readonly is: 'boolean'; readonly value: boolean }
  /** A number that the row does not have. */
  | { readonly is: 'none' };

export interface Test {
  readonly field: SearchField;
  readonly condition: Condition;
}

/** Holds where one of its tests does; negated where none does. */
export interface Term {
  readonly isNegated: boolean;
  readonly tests: readonly Test[];
}

/** All must hold. */
export type Filter = readonly Term[];

export interface FilterProblem {
  readonly problem: string;
  /** Of the first character that is wrong, from 1. */
  readonly at: number;
}

/** Letters of ASCII only: the store and we agree on those. */
export function fold(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function textCondition(operator: string, { text, isQuoted }: RawValue): Condition {
  const hasStar = !isQuoted && text.includes('*');
  if (operator === '=') {
    return hasStar ? { is: 'pattern', parts: text.split('*'), folded: false } : { is: 'text', text };
  }
  const folded = fold(text);
  return { is: 'pattern', parts: hasStar ? folded.split('*') : ['', folded, ''], folded: true };
}

function numberOf(text: string, { label: { unit } }: SearchField): number | undefined {
  if (/^-?\d{1,16}(\.\d{1,9})?$/.test(text)) return Number(text);
  if (unit === 'bytes') return parseBytes(text);
  return unit === 'ms' ? parseDurationMs(text) : undefined;
}

const numbersToo: Readonly<Record<string, string>> = {
  ms: ' or a time such as 250ms',
  bytes: ' or a size such as 10MB',
};

function numberCondition(field: SearchField, comparison: Comparison, { text, isQuoted }: RawValue) {
  if (isQuoted && text === '') return { is: 'none' } as const;
  const number = numberOf(text, field);
  if (number !== undefined) return { is: 'number', comparison, number } as const;
  return `${field.name} is compared with a number${numbersToo[field.label.unit ?? ''] ?? ''}, not ${text}`;
}

function booleanCondition({ name }: SearchField, { text }: RawValue): Condition | string {
  if (text === 'true' || text === 'false') return { is: 'boolean', value: text === 'true' };
  return `${name} is true or false, not ${text}`;
}

function addressCondition({ name }: SearchField, { text }: RawValue): Condition | string {
  const range = networkRange(text);
  return range
    ? { is: 'network', ...range }
    : `${name} is an address or a network such as 10.0.0.0/8, not ${text}`;
}

/** A condition, or what is wrong with the value. */
function conditionOf(field: SearchField, operator: string, value: RawValue): Condition | string {
  const { name, type, label, isList } = field;
  if (type === 'number') return numberCondition(field, operator as Comparison, value);
  if (type === 'boolean') return booleanCondition(field, value);
  const { text, isQuoted } = value;
  const isPlain = operator === '=' && !isQuoted && !text.includes('*');
  if (!isPlain) return textCondition(operator, value);
  if (type === 'address') return addressCondition(field, value);
  const { values } = label;
  const isKnown = isList || values === undefined || values.includes(text);
  return isKnown
    ? textCondition(operator, value)
    : `${name} is never ${text}, nearest is ${nearest(text, values) ?? ''}`;
}

const operatorsOf: Readonly<Record<SearchField['type'], readonly string[]>> = {
  text: ['=', '~'],
  address: ['=', '~'],
  number: comparisons,
  boolean: ['='],
};

const negations: Readonly<Record<string, string>> = { '!=': '=', '!~': '~' };

function fieldTerm(raw: RawTerm, name: string, fields: SearchFields): Term | FilterProblem {
  const field = findField(fields, name);
  if (field === undefined) {
    const others = Object.keys(searchTables).filter((table) => findField(searchFields(table), name));
    if (others.length > 0) return { at: raw.at, problem: `${name} is a field of ${others.join(', ')} only` };
    const near = nearest(name, [...fields.all.keys(), ...fields.aliases.keys()]) ?? '';
    return { at: raw.at, problem: `there is no field ${name}, nearest is ${near}` };
  }
  const operator = negations[raw.operator] ?? raw.operator;
  const known = operatorsOf[field.type];
  if (!known.includes(operator)) {
    const all = [...known, ...Object.keys(negations).filter((each) => known.includes(negations[each] ?? ''))];
    return { at: raw.operatorAt, problem: `${field.name} takes ${all.join(' ')}, not ${raw.operator}` };
  }
  if (raw.values.length > 1 && operator !== '=' && operator !== '~') {
    return { at: raw.operatorAt, problem: `${operator} takes one value, not ${raw.values.length}` };
  }
  const tests: Test[] = [];
  for (const value of raw.values) {
    const condition = conditionOf(field, operator, value);
    if (typeof condition === 'string') return { at: value.at, problem: condition };
    tests.push({ field, condition });
  }
  return { isNegated: raw.isNegated !== raw.operator in negations, tests };
}

/** A word alone: an address or a network where it is one, else any text that has it. */
function wordTerm({ isNegated }: RawTerm, word: RawValue, fields: SearchFields): Term {
  const range = word.isQuoted || word.text === '' ? undefined : networkRange(word.text);
  const condition: Condition = range ? { is: 'network', ...range } : textCondition('~', word);
  const among = range ? addressFields(fields) : wordFields(fields);
  return { isNegated, tests: among.map((field) => ({ field, condition })) };
}

/** Of a table's fields. */
export function parseFilter(text: string, fields: SearchFields): { readonly filter: Filter } | FilterProblem {
  const { lengthMax, termsMax, valuesMax } = filterLimits;
  if (text.length > lengthMax)
    return { at: lengthMax + 1, problem: `it is longer than ${lengthMax} characters` };
  const raw = readTerms(text);
  if ('problem' in raw) return raw;
  const filter: Term[] = [];
  let values = 0;
  for (const each of raw.terms) {
    values += each.values.length;
    if (filter.length >= termsMax) return { at: each.at, problem: `there are more than ${termsMax} terms` };
    if (values > valuesMax) return { at: each.at, problem: `there are more than ${valuesMax} values` };
    const [word] = each.values;
    const term =
      each.name === undefined && word
        ? wordTerm(each, word, fields)
        : fieldTerm(each, each.name ?? '', fields);
    if ('problem' in term) return term;
    filter.push(term);
  }
  return { filter };
}
