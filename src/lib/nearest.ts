/** What somebody may have meant by a name that is not there. */

/** Edits (one character in, out or changed) from one text to the other: Levenshtein, row by row. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (const [i, character] of Array.from(from).entries()) {
    const next = [i + 1];
    for (let j = 1; j <= to.length; j++) {
      const changed = (row[j - 1] ?? 0) + (to[j - 1] === character ? 0 : 1);
      next.push(Math.min(changed, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}

const comparedMax = 60;

/**
 * The nearest of the names, the first of those that are equally near; undefined where there is none. A word
 * between the dots of a name is nearer than any misspelling: `port` means `destination.port`.
 */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const word = name.slice(0, comparedMax).toLowerCase();
  let best: { readonly name: string; readonly edits: number } | undefined;
  for (const each of known) {
    const edits = each.split('.').includes(word) ? 0 : distance(word, each.toLowerCase());
    if (best === undefined || edits < best.edits) best = { name: each, edits };
  }
  return best?.name;
}
