/** Rules that read TypeScript's syntax tree. */
import ts from 'typescript';
import { isTest } from './tree.ts';
import { extensionOf } from './tree.ts';
import type { Finding, Rule, SourceFile } from './tree.ts';

function isTypeScript({ path }: SourceFile): boolean {
  return ['ts', 'tsx'].includes(extensionOf(path)) && !path.endsWith('.d.ts');
}

/** A rule that looks at one node at a time. */
function eachNode(
  applies: (file: SourceFile) => boolean,
  judge: (node: ts.Node, source: ts.SourceFile) => string | undefined,
): Rule {
  return (files) =>
    files
      .filter((file) => isTypeScript(file) && applies(file))
      .flatMap(({ path, text }) => {
        const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
        const findings: Finding[] = [];
        const visit = (node: ts.Node): void => {
          const why = judge(node, source);
          if (why !== undefined) {
            const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
            findings.push(`${path}:${line + 1}: ${why}`);
          }
          node.forEachChild(visit);
        };
        visit(source);
        return findings;
      });
}

function anywhere(): boolean {
  return true;
}

function isEmptyFunction(node: ts.Node | undefined): boolean {
  if (node === undefined || !(ts.isArrowFunction(node) || ts.isFunctionExpression(node))) return false;
  return ts.isBlock(node.body) && node.body.statements.length === 0;
}

function isEmptyCatchCall(node: ts.Node): boolean {
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return false;
  return node.expression.name.text === 'catch' && isEmptyFunction(node.arguments[0]);
}

const catchesInTypeScript = eachNode(anywhere, (node) => {
  const isEmpty = ts.isCatchClause(node) && node.block.statements.length === 0;
  return isEmpty || isEmptyCatchCall(node)
    ? 'an empty catch: handle it, or say which error may pass'
    : undefined;
});

const catchesInCpp: Rule = (files) =>
  files
    .filter(({ path }) => extensionOf(path) === 'cc')
    .flatMap(({ path, text }) =>
      /catch\s*\([^)]*\)\s*\{\s*\}/.test(text) ? [`${path}: an empty catch`] : [],
    );

export const catchesSomething: Rule = (files) => [...catchesInTypeScript(files), ...catchesInCpp(files)];

const timeAndChance = new Set([
  'Date.now',
  'Math.random',
  'performance.now',
  'process.hrtime',
  'hrtime.bigint',
]);
const mayAskTheMachine = /^(src\/lib\/(clock|prng)\.ts$|web\/clock\.ts$|(bench|lab|test)\/)/;

export const timeAndChanceAreGiven: Rule = eachNode(
  ({ path }) => !mayAskTheMachine.test(path),
  (node, source) => {
    if (ts.isPropertyAccessExpression(node) && timeAndChance.has(node.getText(source))) {
      return `${node.getText(source)}: take a Clock (lib/clock.ts) or a Prng (lib/prng.ts)`;
    }
    const isNow =
      ts.isNewExpression(node) &&
      node.expression.getText(source) === 'Date' &&
      (node.arguments?.length ?? 0) === 0;
    return isNow ? 'new Date(): take a Clock (lib/clock.ts)' : undefined;
  },
);

function closesItself(node: ts.ClassLikeDeclaration, source: ts.SourceFile): boolean {
  return node.members.some((member) =>
    /^\[Symbol\.(asyncD|d)ispose\]$/.test(member.name?.getText(source) ?? ''),
  );
}

/** A class is a thing that must be closed, or an Error. A test's stand-in may be what it likes. */
export const classesAreForClosing: Rule = eachNode(
  ({ path }) => !isTest(path),
  (node, source) => {
    if (!ts.isClassDeclaration(node) && !ts.isClassExpression(node)) return undefined;
    const bases = node.heritageClauses?.flatMap(({ types }) =>
      types.map((type) => type.expression.getText(source)),
    );
    const isError = bases?.some((base) => base.endsWith('Error')) ?? false;
    return isError || closesItself(node, source)
      ? undefined
      : 'a class is for what must be closed ([Symbol.asyncDispose]); else use functions and data';
  },
);

const unitFirst = /^(ms|ns|us|sec|secs|seconds|millis|micros|nanos|kib|mib|gib|hz|percent)[A-Z]/;
// Conversions and ratios are named by two units: nsPerMs, msToNs.
const conversion = /^[a-z]+(Per|To|From|In)[A-Z]/;

function declaresName(node: ts.Node): node is ts.Identifier {
  if (!ts.isIdentifier(node) || ts.isPropertyAccessExpression(node.parent)) return false;
  return (node.parent as ts.NamedDeclaration).name === node;
}

export const unitsComeLast: Rule = eachNode(anywhere, (node) => {
  if (!declaresName(node)) return undefined;
  return unitFirst.test(node.text) && !conversion.test(node.text)
    ? `${node.text}: the unit comes last`
    : undefined;
});
