import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { renderErrorReference } from './error-reference.ts';
import {
  exitCodeMeanings,
  exitCodeOf,
  exitCodes,
  formatOperatorError,
  operatorErrors,
  OperatorError,
} from './errors.ts';

const referencePage = join(import.meta.dirname, '../../docs/reference/errors.md');

describe('operator errors', () => {
  test('are one line: what is wrong, then what to do', () => {
    const error = new OperatorError('usage.bad_value', {
      problem: '--for cannot be 1 fortnight',
      command: 'trace',
    });
    assert.equal(formatOperatorError(error), 'sonde: --for cannot be 1 fortnight; see sonde trace --help');
    assert.equal(error.code, 'usage.bad_value');
    assert.equal(exitCodeOf(error), 2);
  });

  test('parameters are asked for by the table', () => {
    // @ts-expect-error: `command` is missing
    const error = new OperatorError('usage.unknown_flag', { flag: '--x' });
    assert.equal(formatOperatorError(error), 'sonde: unknown option --x; see sonde {command} --help');
  });

  test('text from outside stays one line and does nothing to the terminal', () => {
    const command = 'a\nb\u001b[2Jc\u202ed\u2028';
    const line = formatOperatorError(new OperatorError('usage.unknown_command', { command }));
    assert.equal(line, 'sonde: unknown command a\\u{a}b\\u{1b}[2Jc\\u{202e}d\\u{2028}; see sonde --help');
  });

  test('a parameter is not read as a template, and is cut when it is long', () => {
    const read = (command: string): string => new OperatorError('usage.unknown_command', { command }).message;
    assert.equal(read('{command} $&'), 'unknown command {command} $&');
    assert.equal(read('x'.repeat(1000)), `unknown command ${'x'.repeat(200)}…`);
  });

  test('carry their cause', () => {
    const cause = new Error('EACCES');
    const parameters = { socket: '/run/sonde/main.sock' };
    assert.equal(new OperatorError('socket.denied', parameters, { cause }).cause, cause);
  });

  test('any other error is internal', () => {
    assert.equal(exitCodeOf(new Error('no')), exitCodes.internal);
    assert.equal(exitCodeOf(undefined), exitCodes.internal);
  });

  test('the table keeps its form', () => {
    for (const [code, { message, whatToDo }] of Object.entries(operatorErrors)) {
      assert.match(code, /^[a-z]+\.[a-z_]+$/);
      for (const text of [message, whatToDo]) assert.match(text, /^[^\n|;]*[^\n|;.]$/, code);
    }
    const codes = Object.values(exitCodes);
    assert.equal(new Set(codes).size, codes.length, 'exit codes differ');
    assert.deepEqual(Object.keys(exitCodeMeanings), Object.keys(exitCodes));
  });

  test('docs/reference/errors.md is up to date (npm run docs)', () => {
    assert.equal(readFileSync(referencePage, 'utf8'), renderErrorReference());
  });
});
