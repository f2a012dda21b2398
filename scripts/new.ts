/** Makes what a template is there for: `npm run new question ID` makes questions/ID, which is sound as it is. */
import { cpSync, existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import process from 'node:process';
import { questionsFolder } from '../src/question/discovery.ts';

const templates = join(import.meta.dirname, 'templates');
const idLengthMax = 48;

function fail(problem: string): never {
  process.stderr.write(`scripts/new: ${problem}\n`);
  process.exit(2);
}

/** `slow-starts` is titled Slow starts. */
function titleOf(id: string): string {
  const words = id.replaceAll('-', ' ');
  return `${words.slice(0, 1).toUpperCase()}${words.slice(1)}`;
}

function idProblem(id: string): string | undefined {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(id)) return 'must be words of a-z and 0-9, joined by -';
  return id.length < 3 || id.length > idLengthMax ? `must be 3 to ${idLengthMax} characters long` : undefined;
}

function makeQuestion(id: string): string {
  const problem = idProblem(id);
  if (problem !== undefined) return fail(`the id of a question ${problem}; got ${id}`);
  const folder = join(questionsFolder(), id);
  if (existsSync(folder))
    return fail(`${relative(process.cwd(), folder)} is there already; choose another id`);
  cpSync(join(templates, 'question'), folder, { recursive: true });
  for (const file of globSync(join(folder, '**/*.{yaml,sql,md}'))) {
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replaceAll('Sample question', titleOf(id)));
  }
  return folder;
}

const [kind, id, ...others] = process.argv.slice(2);
if (kind !== 'question' || id === undefined || others.length > 0) fail('say npm run new question ID');
const made = relative(process.cwd(), makeQuestion(id));
process.stdout.write(
  `${made} is made: change its manifest, ask.sql, cases and README (docs/internals/questions.md).\n` +
    `Its cases: scripts/test test/questions.store.test.ts --name ${id}\n`,
);
