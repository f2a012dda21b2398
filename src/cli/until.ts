/** `--for`: how long a command goes on. */

import { sleepMsMax } from '../lib/clock.ts';
import { OperatorError } from '../lib/errors.ts';
import { parseDurationMs } from '../lib/units.ts';
import type { Values } from './command.ts';

/** A signal that also comes after `--for`. Throws usage.bad_value. */
export function untilOf(command: string, { for: value }: Values, signal: AbortSignal): AbortSignal {
  if (typeof value !== 'string') return signal;
  const bad = (problem: string) => new OperatorError('usage.bad_value', { command, problem });
  const ms = parseDurationMs(value);
  if (ms === undefined) throw bad(`--for ${value} is no duration such as 30s`);
  if (ms > sleepMsMax) throw bad(`--for ${value} is longer than 24d`);
  return AbortSignal.any([signal, AbortSignal.timeout(Math.round(ms))]);
}
