/** What an operator is told. */
import assert from 'node:assert/strict';
import { formatOperatorError, isOperatorError } from '../src/lib/errors.ts';

/** Of an act that has to be refused: the one line. */
export function problemOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    assert.ok(isOperatorError(error), String(error));
    return formatOperatorError(error);
  }
  return assert.fail('it was taken');
}
