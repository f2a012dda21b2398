/** A term as text, for those who make filters by pressing: nothing here needs the fields. */

/** Values that mean themselves without quotation marks: no star, comma or bracket. */
const plain = /^[\w.:/@%+-]+$/;
/** Of an address no network, and nothing that a field policy has made of one. */
const address = /^(\d+(\.\d+){3}|[\da-f]*:[\da-f:.]*)$/;

/** What is not seen is written so that it is: it could turn a filter round in which somebody reads it. */
function quoted(value: string): string {
  const text = value.replace(/[\\"]/g, '\\$&').replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
  return `"${text}"`;
}

/** `field=value`, of exactly this value. */
export function termOf(field: string, value: string): string {
  const isItself = field.endsWith('.ip') ? address.test(value) : plain.test(value);
  return `${field}=${isItself ? value : quoted(value)}`;
}

/** The filter with a term more, where it has it not yet. */
export function withTerm(filter: string, term: string): string {
  if (` ${filter} `.includes(` ${term} `)) return filter;
  return filter.trim() === '' ? term : `${filter.trim()} ${term}`;
}

export function withoutTerm(filter: string, term: string): string {
  return ` ${filter} `.replace(` ${term} `, ' ').trim();
}
