/** Text from the network and from processes, made safe for a terminal. */

/**
 * Control characters (C0, DEL, C1), line and paragraph separators and bidirectional overrides as \xHH or \u{HHHH}: a process
 * may call itself anything, also an escape sequence.
 */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (c) => {
    const code = c.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

/** Pads, or cuts with an ellipsis, to exactly that many characters. */
export function fit(text: string, width: number, side: 'left' | 'right' = 'left'): string {
  if (text.length > width) return `${text.slice(0, width - 1)}…`;
  return side === 'left' ? text.padEnd(width) : text.padStart(width);
}
