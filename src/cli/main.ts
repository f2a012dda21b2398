/**
 * The map of the command line: words → command → exit code. One line of error, no stack, for what an operator
 * can mend.
 */

import { inspect } from 'node:util';
import { exitCodeOf, formatOperatorError, isOperatorError } from '../lib/errors.ts';
import { packageVersion } from '../lib/version.ts';
import { commandHelp, loadCommand, loadCommands, optionsFor, parseWords } from './command.ts';
import type { Command, Options } from './command.ts';

async function help(): Promise<string> {
  const commands = await loadCommands();
  const lines = commands.map((c) => `  ${c.name.padEnd(8)} ${c.summary}`);
  return [
    "sonde: what this node's processes do on the network, from the kernel's own signals",
    '',
    ...lines,
    '',
    'sonde COMMAND --help says more. Exit codes: docs/reference/errors.md.',
    '',
  ].join('\n');
}

/** Help is for when nothing runs yet, too: then a command's own options, and why there are no more. */
async function helpOptions(command: Command, words: readonly string[]): Promise<Options> {
  try {
    return await optionsFor(command, words);
  } catch (error) {
    if (!isOperatorError(error)) throw error;
    process.stderr.write(`${formatOperatorError(error)}\n`);
    return command.options;
  }
}

async function run(words: readonly string[]): Promise<number> {
  const [name, ...rest] = words;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(await help());
    return name === undefined ? 2 : 0;
  }
  if (name === '--version') {
    process.stdout.write(`sonde ${packageVersion()}\n`);
    return 0;
  }
  const command = await loadCommand(name);
  if (rest.includes('--help') || rest.includes('-h')) {
    const others = rest.filter((word) => word !== '--help' && word !== '-h');
    process.stdout.write(commandHelp(command, await helpOptions(command, others)));
    return 0;
  }
  const stop = new AbortController();
  const end = (): void => {
    stop.abort();
  };
  let hangup = end;
  process.once('SIGINT', end).once('SIGTERM', end);
  process.on('SIGHUP', () => {
    hangup();
  });
  process.stdout.on('error', () => {
    stop.abort(); // whoever read us has gone: `sonde trace | head`
  });
  return command.run({
    ...(await parseWords(command, rest)),
    stdout: {
      write: (text) => process.stdout.write(text),
      isTerminal: process.stdout.isTTY,
      columns: process.stdout.isTTY ? process.stdout.columns : 120,
    },
    say: (line) => process.stderr.write(`${line}\n`),
    signal: stop.signal,
    onHangup: (does) => (hangup = does),
  });
}

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${isOperatorError(error) ? formatOperatorError(error) : inspect(error)}\n`);
  process.exitCode = exitCodeOf(error);
}
