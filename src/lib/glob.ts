/** Patterns as operators write them: `*` any text, also with slashes, `?` one character; all else itself. */

/**
 * Greedy, with one place to go back to: time is at most the product of both lengths, whatever the pattern
 * (Krauss, Matching Wildcards, 2008).
 */
export function globMatches(pattern: string, text: string): boolean {
  let [p, t, star, resume] = [0, 0, -1, 0];
  while (t < text.length) {
    if (pattern[p] === '*') {
      [star, resume] = [p++, t];
    } else if (pattern[p] === '?' || pattern[p] === text[t]) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}
