/**
 * A list's items out of its text, one at a time: whether a server gives a list in pages or as a whole is its
 * business, and a cluster's is larger than this agent.
 *
 * Owns the one item that is not whole yet, `itemMax` characters at most, and what stands around the items.
 */

export const itemLimits = {
  /** An object is at most 1.5 MiB in etcd; in JSON it is more. */
  itemMax: 4 << 20,
  aroundMax: 64 * 1024,
} as const;

export interface ItemSplitter {
  /** Throws for what is no JSON, and for what is too long. */
  push(chunk: string): void;
  /** What stood around the items. Throws if it is not whole. */
  end(): unknown;
}

const beforeItems = /"items"\s*:\s*$/;
const beforeItemsMax = 32;

export function itemSplitter(onItem: (item: unknown) => void): ItemSplitter {
  /** All that a bracket may hide behind. */
  const mark = /["\\{}[\]]/g;
  let [item, around] = ['', ''];
  let [inString, escaped, inItems] = [false, false, false];
  /** Within the items: below their list. */
  let depth = 0;

  function keep(text: string): void {
    if (!inItems) around += text;
    else if (depth > 0) item += text;
    if (item.length > itemLimits.itemMax || around.length > itemLimits.aroundMax)
      throw new Error('an item of a list is too long');
  }

  /** A bracket within the items, at `at`. Returns from where on the chunk is not kept yet. */
  function within(chunk: string, at: number, from: number): number {
    if (chunk[at] === '{' || chunk[at] === '[') return depth++ === 0 ? at : from;
    if (depth === 0) {
      [inItems, depth] = [false, 1];
      return at;
    }
    if (--depth > 0) return from;
    const whole = item + chunk.slice(from, at + 1);
    item = '';
    onItem(JSON.parse(whole) as unknown);
    return at + 1;
  }

  /** One around them. */
  function outside(chunk: string, at: number, from: number): number {
    depth += chunk[at] === '{' || chunk[at] === '[' ? 1 : -1;
    const before = () => around.slice(-beforeItemsMax) + chunk.slice(from, at).slice(-beforeItemsMax);
    if (chunk[at] !== '[' || depth !== 2 || !beforeItems.test(before())) return from;
    keep(chunk.slice(from, at + 1));
    [inItems, depth] = [true, 0];
    return at + 1;
  }

  return {
    push(chunk) {
      let from = 0;
      mark.lastIndex = escaped ? 1 : 0;
      escaped = false;
      for (let found = mark.exec(chunk); found !== null; found = mark.exec(chunk)) {
        const [character] = found;
        if (character === '\\') escaped = ++mark.lastIndex > chunk.length;
        else if (character === '"') inString = !inString;
        else if (!inString) from = (inItems ? within : outside)(chunk, found.index, from);
        if (escaped) break;
      }
      keep(chunk.slice(from));
    },
    end: () => JSON.parse(around) as unknown,
  };
}
