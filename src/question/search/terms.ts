/** The text of a filter cut into terms, whatever they mean: names, operators, values, and where each stands. */

export interface RawValue {
  readonly text: string;
  /** Then every character is itself. */
  readonly isQuoted: boolean;
  /** From 1. */
  readonly at: number;
}

export interface RawTerm {
  readonly isNegated: boolean;
  /** Undefined of a word alone, which is the only value. */
  readonly name: string | undefined;
  readonly operator: string;
  readonly values: readonly RawValue[];
  readonly at: number;
  readonly operatorAt: number;
}

export interface TermsProblem {
  readonly problem: string;
  readonly at: number;
}

const operators = ['=', '!=', '~', '!~', '>', '>=', '<', '<='] as const;

/** Where the reading has come to, and what it met that is wrong: then it reads no further. */
interface Reader {
  readonly text: string;
  /** From 0. */
  position: number;
  problem: TermsProblem | undefined;
}

function fail(reader: Reader, problem: string, position = reader.position): null {
  reader.problem ??= { problem, at: position + 1 };
  return null;
}

function take(reader: Reader, pattern: RegExp): string {
  const sticky = new RegExp(pattern, 'y');
  sticky.lastIndex = reader.position;
  const found = sticky.exec(reader.text)?.[0] ?? '';
  reader.position += found.length;
  return found;
}

function next({ text, position }: Reader): string {
  return text[position] ?? '';
}

/** `\u{202e}` is that character, and any other is itself. */
const escapes = /\\(?:u\{(10[\da-f]{4}|[\da-f]{1,5})\}|(.))/gis;

function readQuoted(reader: Reader): RawValue | null {
  const start = reader.position;
  const found = take(reader, /"(?:[^"\\]|\\.)*"/s);
  if (found === '') return fail(reader, 'a quotation mark has no end');
  const text = found.slice(1, -1).replace(escapes, (_, code: string | undefined, character: string) => {
    return code === undefined ? character : String.fromCodePoint(Number.parseInt(code, 16));
  });
  if (text.includes('\0') || !text.isWellFormed()) return fail(reader, 'no text has such a character', start);
  return { text, isQuoted: true, at: start + 1 };
}

function readValue(reader: Reader, isInList: boolean): RawValue | null {
  if (next(reader) === '"') return readQuoted(reader);
  const at = reader.position + 1;
  const text = take(reader, isInList ? /[^\s,()"]+/ : /[^\s,]+/);
  return text === '' ? fail(reader, 'a value is missing ("" is none)') : { text, isQuoted: false, at };
}

function readList(reader: Reader): RawValue[] {
  const start = reader.position;
  const isInList = take(reader, /\(/) !== '';
  const values: RawValue[] = [];
  do {
    if (isInList) take(reader, /\s+/);
    const value = readValue(reader, isInList);
    if (value === null) return values;
    values.push(value);
    if (isInList) take(reader, /\s+/);
  } while (take(reader, /,/) !== '');
  if (isInList && take(reader, /\)/) === '') {
    fail(reader, 'a bracket has no end', next(reader) === '' ? start : reader.position);
  }
  return values;
}

function readTerm(reader: Reader): RawTerm | null {
  const isNegated = take(reader, /-/) !== '';
  const at = reader.position + 1;
  if (next(reader) === '"') {
    const word = readQuoted(reader);
    return word && { isNegated, name: undefined, operator: '', values: [word], at, operatorAt: at };
  }
  const name = take(reader, /[^\s=!~<>"(),]+/);
  const operatorAt = reader.position + 1;
  const operator = take(reader, /[=!~<>]+/);
  if (operator === '') {
    if (name === '')
      return fail(reader, next(reader) === '' ? '- negates nothing' : 'a field or a word is missing');
    const values = [{ text: name, isQuoted: false, at }];
    return { isNegated, name: undefined, operator, values, at, operatorAt };
  }
  if (name === '') return fail(reader, `there is no field before ${operator}`, operatorAt - 1);
  if (!operators.some((each) => each === operator)) {
    return fail(reader, `${operator} is no operator, there are ${operators.join(' ')}`, operatorAt - 1);
  }
  return { isNegated, name, operator, values: readList(reader), at, operatorAt };
}

export function readTerms(text: string): { readonly terms: readonly RawTerm[] } | TermsProblem {
  const reader: Reader = { text, position: 0, problem: undefined };
  const nul = text.indexOf('\0');
  if (nul >= 0) fail(reader, 'it has a NUL', nul);
  const terms: RawTerm[] = [];
  take(reader, /\s+/);
  while (reader.position < text.length && reader.problem === undefined) {
    const term = readTerm(reader);
    if (term !== null) terms.push(term);
    const isApart = take(reader, /\s+/) !== '' || reader.position === text.length;
    if (!isApart) fail(reader, `${next(reader)} is not expected here`);
  }
  return reader.problem ?? { terms };
}
