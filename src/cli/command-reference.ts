/** docs/reference/commands.md, from the commands' own tables. */

import { commandHelp, loadCommands } from './command.ts';

export async function renderCommandReference(): Promise<string> {
  const commands = await loadCommands();
  return [
    '# Commands',
    '',
    'Made from the tables in `src/cli/commands/` by `npm run docs`. Data goes to standard output, talk to standard error; exit',
    'codes are in [errors.md](errors.md).',
    '',
    ...commands.flatMap((command) => [
      `## sonde ${command.name}`,
      '',
      '```text',
      commandHelp(command).trimEnd(),
      '```',
      '',
    ]),
  ].join('\n');
}
