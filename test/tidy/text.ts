/** Rules on names of files and on plain text. */
import { posix } from 'node:path';
import { eachLine, extensionOf, isCode, isRuleFile } from './tree.ts';
import type { Rule, SourceFile } from './tree.ts';

const linesMax = 400;
const mainLinesMax = 120;
const columnsMax = 110;
const tabColumns = 8;

const vagueNames = /^(utils?|helpers?|common|shared|misc)$/;

export const namesSayWhat: Rule = (files) => {
  const findings = new Set<string>();
  for (const { path } of files) {
    const parts = path.split('/');
    parts.forEach((part, index) => {
      const stem = part.split('.')[0] ?? '';
      const where = parts.slice(0, index + 1).join('/');
      if (vagueNames.test(stem)) findings.add(`${where}: a name that says nothing; say what is in it`);
    });
    if (/^index\.[cm]?[jt]sx?$/.test(parts.at(-1) ?? '')) findings.add(`${path}: no barrels`);
  }
  return [...findings];
};

function lineCount(text: string): number {
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
}

export const filesAreSmall: Rule = (files) =>
  files.filter(isCode).flatMap(({ path, text }) => {
    const max = posix.basename(path) === 'main.ts' ? mainLinesMax : linesMax;
    const lines = lineCount(text);
    return lines > max ? [`${path}: ${lines} lines; at most ${max}`] : [];
  });

/** Columns as a terminal shows them. */
function columns(line: string): number {
  let count = 0;
  for (const character of line) count += character === '\t' ? tabColumns - (count % tabColumns) : 1;
  return count;
}

/** A text that stands alone on its line: the formatter put it there, and cutting it would make it hard to find. */
const loneText = /^\s*(?:"[^"]*"|'[^']*'|`[^`]*`|\/.*\/[a-z]*)[,;)]*$/;

export const linesAreShort: Rule = eachLine(isCode, (line) =>
  columns(line) > columnsMax && !loneText.test(line)
    ? `${columns(line)} columns; at most ${columnsMax}`
    : undefined,
);

function isOurWriting(file: SourceFile): boolean {
  return !isRuleFile(file.path) && !/^(LICENSE|package-lock\.json)/.test(file.path);
}

export const leavesNothingForLater: Rule = eachLine(isOurWriting, (line) => {
  const found = /\b(TODO|FIXME|XXX|HACK)\b/.exec(line);
  return found === null ? undefined : `${found[0]}: do it, or open an issue`;
});

export const hasNoMergeMarkers: Rule = eachLine(isOurWriting, (line) =>
  /^(<{7}|>{7}|\|{7})( |$)/.test(line) ? 'a merge that was not finished' : undefined,
);

export const statesFactsOnce: Rule = eachLine(isOurWriting, (line) =>
  /keep\s+(\S+\s+)?in\s+sync/i.test(line) ? 'a fact is stated once; derive the other' : undefined,
);

/** The machines of those who work on it are nobody's business, and are not there on the next machine. */
export const namesNoMachine: Rule = eachLine(isOurWriting, (line) => {
  const found = /(?<![\w.~$}*)\]-])\/(?:(?:work|farm)(?=\/|["'`\s:;,)]|$)|root\/)/.exec(line);
  return found === null ? undefined : `${found[0]}: a path of one machine`;
});

/**
 * The lock names packages by version and integrity; where they are fetched from is the machine's own setting.
 */
export const lockNamesNoHost: Rule = (files) =>
  eachLine(
    ({ path }) => posix.basename(path) === 'package-lock.json',
    (line) =>
      /"resolved"\s*:/.test(line) ? 'npm install wrote where it fetched this from; see .npmrc' : undefined,
  )(files);

export const everyTextEndsItsLastLine: Rule = (files) =>
  files
    .filter((file) => isCode(file) || ['md', 'json', 'yaml', 'txt'].includes(extensionOf(file.path)))
    .flatMap(({ path, text }) =>
      text === '' || text.endsWith('\n') ? [] : [`${path}: no newline at its end`],
    );
