/** What the page must never do with text: names come from the network, and may be markup. */
import { eachLine, extensionOf } from './tree.ts';
import type { Rule } from './tree.ts';

const makesMarkup =
  /\b(dangerouslySetInnerHTML|innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc|DOMParser)\b/;
const makesCode = /\b(eval|new Function)\s*\(|\bjavascript:/;

export const textIsNeverMarkup: Rule = eachLine(
  ({ path }) => path.startsWith('web/') && ['ts', 'tsx'].includes(extensionOf(path)),
  (line) => {
    const found = makesMarkup.exec(line) ?? makesCode.exec(line);
    return found === null ? undefined : `${found[0]}: text from the network is text; let React write it`;
  },
);

/** The hub's policy allows neither, so it would only fail in the browser. */
export const nothingIsInline: Rule = eachLine(
  ({ path }) => path.startsWith('web/') && extensionOf(path) === 'html',
  (line) =>
    /<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\bsrc=)/i.test(line)
      ? 'inline style or script; the content security policy forbids it'
      : undefined,
);
