/** Reads a configuration file: YAML, checked by a schema. What is wrong with it is one line for an operator. */

import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import type * as z from 'zod';
import { OperatorError } from './errors.ts';

function firstProblem(error: z.ZodError): string {
  const issue = error.issues[0];
  if (!issue) return 'not valid';
  const path = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') return `unknown key ${[...issue.path, issue.keys[0]].join('.')}`;
  return path === '' ? issue.message : `${path}: ${issue.message}`;
}

/** Checks a configuration and fills in the defaults. `file` is for the message only. Throws config.invalid. */
export function checkConfig<Schema extends z.ZodType>(
  schema: Schema,
  { value, file }: { readonly value: unknown; readonly file: string },
): z.output<Schema> {
  const result = schema.safeParse(value ?? {});
  if (!result.success)
    throw new OperatorError('config.invalid', { file, problem: firstProblem(result.error) });
  return result.data;
}

function parseYaml(text: string, file: string): unknown {
  const document = parseDocument(text);
  try {
    const syntax = document.errors[0];
    if (syntax) throw syntax;
    return document.toJS();
  } catch (error) {
    const problem = (error as Error).message.split('\n')[0] ?? '';
    throw new OperatorError('config.invalid', { file, problem }, { cause: error });
  }
}

/** Text of a file that an operator named. Throws config.unreadable. */
export function readNamedFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const reason = (error as Error).message;
    throw new OperatorError('config.unreadable', { file, reason }, { cause: error });
  }
}

/** Throws config.unreadable and config.invalid. */
export function readYaml(file: string): unknown {
  return parseYaml(readNamedFile(file), file);
}
