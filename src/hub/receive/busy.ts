import { OperatorError } from '../../lib/errors.ts';

const retryAfterS = 5;

/** The sender shall keep what it has, and send it again. */
export function busy(reason: string): OperatorError {
  return new OperatorError('hub.busy', { reason, retryAfterS });
}
