/** Text from the network, cut into what is shown as it is and what would not be seen. */
import { printable } from '../../src/lib/terminal.ts';

export interface Piece {
  readonly text: string;
  /** An escape that stands for a control or invisible character. */
  readonly isEscape: boolean;
}

/**
 * React makes text of whatever it is given. What remains is text that misleads the reader: bidirectional
 * controls, invisible and control characters. The terminal's escapes stand for them here too.
 */
export function pieces(text: string): readonly Piece[] {
  const parts: Piece[] = [];
  for (const part of text.split(/([\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+)/u)) {
    const shown = printable(part);
    if (part !== '') parts.push({ text: shown, isEscape: shown !== part });
  }
  return parts;
}
