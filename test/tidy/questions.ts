/** A question is a folder, and nothing outside names it: whatever needs one finds it. */
import { isTest } from './tree.ts';
import type { Rule, SourceFile } from './tree.ts';

/**
 * Ids that are words of the field too, with what else they name: as a text of its own such a word may stand
 * for that, so only paths and commands are looked for.
 */
const wordsOfTheField: Readonly<Record<string, string>> = {
  connections: "a profile of the agent, a share of the coverage, an option of the lab's traffic",
};

const sources = /^(src|web|lab|bench|native|bpf|scripts)\/.*\.(tsx?|c|h|cc|sql|sh|css)$/;

function questionIds(files: readonly SourceFile[]): readonly string[] {
  const ids = files.flatMap(({ path }) => /^questions\/([^/]+)\/manifest\.yaml$/.exec(path)?.[1] ?? []);
  return [...new Set(ids)];
}

/** The id as a text of its own, or as a step of a path, a URL or a command. */
function naming(id: string): RegExp {
  const step = `\\b(?:questions/|ask )${id}(?![\\w-])`;
  return new RegExp(id in wordsOfTheField ? step : `${step}|(['"\`])${id}\\1`);
}

/** Tests may ask a question that is there. */
export const questionsAreNotNamed: Rule = (files) =>
  questionIds(files).flatMap((id) =>
    files
      .filter(({ path }) => sources.test(path) && !isTest(path))
      .flatMap(({ path, text }) =>
        text
          .split('\n')
          .flatMap((line, index) =>
            naming(id).test(line)
              ? [`${path}:${index + 1}: names the question ${id}; find it by its folder`]
              : [],
          ),
      ),
  );
