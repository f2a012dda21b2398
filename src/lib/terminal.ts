/** Text from the network and from processes, made safe for a terminal. */

/**
 * Control characters (C0, DEL, C1), line and paragraph separators and everything else that is not seen
 * (bidirectional controls, zero-width characters) as \xHH or \u{HHHH}: a process may call itself anything,
 * also an escape sequence.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

/**
 * JSON in one line that a terminal shows and does not obey: what JSON lets through (DEL, C1, what is not
 * seen) is escaped as JSON can, so that it reads back the same.
 */
export function jsonLine(value: unknown): string {
  return safeJson(JSON.stringify(value));
}

/** The same of a line that is JSON already. */
export function safeJson(line: string): string {
  return line.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from({ length: character.length }, (_, i) => character.charCodeAt(i))
      .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

/** Pads, or cuts with an ellipsis, to exactly that many characters. */
export function fit(text: string, width: number, side: 'left' | 'right' = 'left'): string {
  const characters = Array.from(text);
  if (characters.length > width) return `${characters.slice(0, width - 1).join('')}…`;
  const padding = ' '.repeat(width - characters.length);
  return side === 'left' ? text + padding : padding + text;
}
