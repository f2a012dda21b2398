/**
 * What is expected, from files that are looked at whenever somebody asks: what was changed counts at once.
 * Files that cannot be read leave what counted before. Owns no more than what it has read last.
 */

import { readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Clock } from '../../lib/clock.ts';
import { readNamedFile } from '../../lib/config-file.ts';
import { isOperatorError, OperatorError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import { requireTrusted } from '../../lib/trusted.ts';
import type { ExpectationList, ExpectationState, InForce } from '../../question/expectation.ts';
import { fileLimits, parseExpectations, type Expectation } from './file.ts';
import { rowsOf, type ExpectationRow } from './rows.ts';

const notesMax = 5;

function namesIn(path: string): string[] {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat?.isDirectory()) return [path];
  const names = readdirSync(path).filter((name) => /^[^.].*\.ya?ml$/.test(name));
  return names.sort().map((name) => join(path, name));
}

/** Throws config.untrusted, config.unreadable and expectations.invalid. */
function readTexts(path: string): readonly (readonly [file: string, text: string])[] {
  requireTrusted(path);
  const files = namesIn(path);
  if (files.length > fileLimits.filesMax) {
    const problem = `has ${files.length} files, more than ${fileLimits.filesMax}`;
    throw new OperatorError('config.invalid', { file: path, problem });
  }
  return files.map((file) => {
    const text = readNamedFile(file);
    if (text.length <= fileLimits.bytesMax) return [basename(file), text];
    const problem = `is larger than ${fileLimits.bytesMax} bytes`;
    throw new OperatorError('config.invalid', { file, problem });
  });
}

function parseTexts(texts: ReturnType<typeof readTexts>, path: string): Expectation[] {
  const all = texts.flatMap(([file, text]) => parseExpectations(text, file));
  if (all.length <= fileLimits.entriesMax) return all;
  const problem = `has ${all.length} entries, more than ${fileLimits.entriesMax}`;
  throw new OperatorError('config.invalid', { file: path, problem });
}

/** Of a file or a folder. Throws what an operator can mend. */
export function readExpectations(path: string): Expectation[] {
  return parseTexts(readTexts(path), path);
}

export function stateOf({ review, expires }: Expectation, nowMs: number): ExpectationState {
  if (expires !== undefined && Date.parse(expires) <= nowMs) return 'expired';
  return Date.parse(review) <= nowMs ? 'due' : 'current';
}

function noteOf({ label, owner, review, expires = '' }: Expectation, state: ExpectationState): string {
  return state === 'expired'
    ? `expectation ${label} expired on ${expires} and counts no more: renew or remove it (${owner})`
    : `expectation ${label} is to be reviewed since ${review}, and still counts (${owner})`;
}

function notesOf(expectations: readonly Expectation[], nowMs: number): string[] {
  const states = expectations.map((each) => [each, stateOf(each, nowMs)] as const);
  const of = (state: ExpectationState) =>
    states.flatMap(([each, found]) => (found === state ? [noteOf(each, state)] : []));
  const notes = [...of('expired'), ...of('due')];
  const rest = notes.length - notesMax;
  return rest > 1 ? [...notes.slice(0, notesMax), `${rest} more expectations are expired or due`] : notes;
}

export interface ExpectationsOptions {
  /** A file or a folder; nothing is expected without it. */
  readonly files: string | undefined;
  /** Puts rows into the store. */
  readonly note: (rows: readonly ExpectationRow[]) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Expectations {
  /** What counts now; the store has it. */
  inForce(): Promise<InForce>;
  list(): ExpectationList;
}

/** Throws what an operator can mend. */
export function openExpectations({ files, note, clock, log }: ExpectationsOptions): Expectations {
  let read = '';
  let expectations: readonly Expectation[] = [];
  let problem = '';
  let noted: Promise<void> = Promise.resolve();
  let notedDigest = '';

  function look(path: string): void {
    const texts = readTexts(path);
    const now = JSON.stringify(texts);
    if (now === read && problem === '') return;
    expectations = parseTexts(texts, path);
    if (read !== '' && now !== read) log.info(`${path}: ${expectations.length} expectations count now`);
    read = now;
    for (const line of notesOf(expectations, clock.wallMs())) log.warn(line);
  }

  function lookAgain(): void {
    if (files === undefined) return;
    try {
      look(files);
      problem = '';
    } catch (error) {
      if (!isOperatorError(error)) throw error;
      if (error.message !== problem)
        log.warn(`${error.message}; the ${expectations.length} expectations before still count`);
      problem = error.message;
    }
  }

  if (files !== undefined) look(files);
  return {
    async inForce() {
      lookAgain();
      const nowMs = clock.wallMs();
      const { digest, rows } = rowsOf(expectations.filter((each) => stateOf(each, nowMs) !== 'expired'));
      if (digest !== notedDigest) {
        notedDigest = digest;
        noted = note(rows);
        noted.catch(() => {
          if (notedDigest === digest) notedDigest = '';
        });
      }
      await noted;
      const broken = problem === '' ? [] : [`${problem}; the expectations before still count`];
      return { digest, notes: [...broken, ...notesOf(expectations, nowMs)] };
    },
    list() {
      lookAgain();
      const nowMs = clock.wallMs();
      return {
        expectations: expectations.map((each) => ({
          label: each.label,
          state: stateOf(each, nowMs),
          whom: each.whom,
          why: each.why,
          owner: each.owner,
          review: each.review,
          expires: each.expires ?? null,
        })),
        problem: problem === '' ? null : problem,
      };
    },
  };
}
