import { exitCodeMeanings, exitCodes, operatorErrors, type ExitCodeName } from './errors.ts';

/** docs/reference/errors.md. */
export function renderErrorReference(): string {
  const exits = Object.entries(exitCodes).map(
    ([name, code]) => `| ${code} | ${exitCodeMeanings[name as ExitCodeName]} |`,
  );
  const errors = Object.entries(operatorErrors).map(
    ([code, entry]) =>
      `| \`${code}\` | ${exitCodes[entry.exitCode]} | ${entry.message} | ${entry.whatToDo} |`,
  );
  return [
    '# Errors and exit codes',
    '',
    'Made from `src/lib/errors.ts` by `npm run docs`.',
    '',
    'An error that you can do something about is one line on stderr: `sonde: what is wrong; what to do`.',
    'A stack means a fault of ours.',
    '',
    '## Exit codes',
    '',
    '| code | meaning |',
    '| ---: | --- |',
    ...exits,
    '',
    '## Errors',
    '',
    '| error | exit | says | what to do |',
    '| --- | ---: | --- | --- |',
    ...errors,
    '',
  ].join('\n');
}
