/** Errors as HTTP says them: problem+json from the one table of errors. */

import { formatWhatToDo, httpStatusOf, isOperatorError } from '../../lib/errors.ts';
import type { Problem } from './route.ts';

/** `undefined` for an error that is a fault of ours. */
function operatorProblem(error: unknown): Problem | undefined {
  if (!isOperatorError(error)) return undefined;
  return {
    type: 'about:blank',
    title: error.message,
    status: httpStatusOf(error),
    code: error.code,
    detail: error.message,
    what_to_do: formatWhatToDo(error),
  };
}

/** Says nothing of a fault of ours but that it is one: its stack belongs in the log. */
export function problemOf(error: unknown): Problem {
  return (
    operatorProblem(error) ?? {
      type: 'about:blank',
      title: 'a fault of the hub',
      status: 500,
      code: 'hub.internal',
      detail: 'a fault of the hub',
      what_to_do: 'see its log for the stack, and report it',
    }
  );
}
