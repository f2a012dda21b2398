/**
 * Runs in a guest: the test files it is given, one after the other, and prints what happens as it happens, a
 * line of JSON each (`GuestLine`). So that a guest which dies has told what it was doing.
 */
import { existsSync, readFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { run, type EventData } from 'node:test';

type Complete = EventData.TestComplete;

/** Of what the runner streams, what is told. Completions come as they happen; passes and failures later. */
type Event =
  | { readonly type: 'test:dequeue'; readonly data: EventData.TestDequeue }
  | { readonly type: 'test:complete'; readonly data: Complete }
  | { readonly type: 'test:diagnostic'; readonly data: EventData.TestDiagnostic }
  | { readonly type: 'test:stdout' | 'test:stderr'; readonly data: EventData.TestStdout };

interface Named {
  readonly name: string;
  readonly file: string;
}

export type GuestLine =
  | { readonly is: 'guest'; readonly lockdown: string }
  /** Of a test, or of a suite of tests. */
  | ({ readonly is: 'begin' } & Named)
  | ({ readonly is: 'passed' } & Named)
  | ({ readonly is: 'skipped'; readonly reason: string } & Named)
  | ({ readonly is: 'failed'; readonly error: string } & Named)
  /** A suite that has no failure of its own, or a file. */
  | ({ readonly is: 'left' } & Named)
  | { readonly is: 'said'; readonly text: string };

/** The end of an assertion on large objects is what nobody reads. */
const errorLengthMax = 6000;

function print(line: GuestLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Without securityfs or the LSM there is none. */
function lockdown(): string {
  const path = '/sys/kernel/security/lockdown';
  const text = existsSync(path) ? readFileSync(path, 'latin1') : '';
  return /\[(\w+)\]/.exec(text)?.[1] ?? 'none';
}

function errorText(error: Error | undefined): string {
  const { cause = error } = error ?? {};
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  return text.slice(0, errorLengthMax);
}

/** A suite or a file: told for a fault of its own only, not for those of its tests. */
function isAround({ name, file, details }: Complete): boolean {
  return details.type === 'suite' || resolve(name) === file;
}

function completed(data: Complete): GuestLine {
  const { skip, details } = data;
  const [name, file] = [data.name, relative('', data.file ?? '')];
  const byTests = (details.error as { failureType?: string } | undefined)?.failureType === 'subtestsFailed';
  if (!details.passed && !byTests) return { is: 'failed', name, file, error: errorText(details.error) };
  if (isAround(data)) return { is: 'left', name, file };
  if (skip === undefined || skip === false) return { is: 'passed', name, file };
  return { is: 'skipped', name, file, reason: String(skip) };
}

let failed = false;
print({ is: 'guest', lockdown: lockdown() });
for await (const streamed of run({ files: process.argv.slice(2), concurrency: 1 })) {
  const event = streamed as Event;
  switch (event.type) {
    case 'test:dequeue':
      print({ is: 'begin', name: event.data.name, file: relative('', event.data.file ?? '') });
      break;
    case 'test:complete':
      failed ||= !event.data.details.passed;
      print(completed(event.data));
      break;
    case 'test:diagnostic':
      if (event.data.file !== undefined) print({ is: 'said', text: event.data.message });
      break;
    case 'test:stdout':
    case 'test:stderr':
      print({ is: 'said', text: event.data.message.trimEnd() });
      break;
    default:
  }
}
process.exitCode = failed ? 1 : 0;
