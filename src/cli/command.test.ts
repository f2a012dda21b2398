import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { formatOperatorError, isOperatorError } from '../lib/errors.ts';
import { commandHelp, loadCommand, loadCommands, parseOptions, type Command } from './command.ts';

const sample: Command = {
  name: 'sample',
  summary: 'shows what options do',
  notes: ['It is only here.'],
  options: {
    file: { type: 'string', value: 'FILE', help: 'what to read' },
    count: { type: 'string', help: 'how many' },
    json: { type: 'boolean', help: 'as JSON' },
  },
  run: () => Promise.resolve(0),
};

function problemOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    assert.ok(isOperatorError(error), String(error));
    return formatOperatorError(error);
  }
  return assert.fail('it was taken');
}

describe('parseOptions', () => {
  test('values as they were written; what is not there is not set', () => {
    const values = parseOptions(sample, ['--file', 'a b', '--count=3', '--json']);
    assert.deepEqual({ ...values }, { file: 'a b', count: '3', json: true });
    assert.deepEqual({ ...parseOptions(sample, []) }, {});
  });

  const bad: readonly (readonly [words: readonly string[], line: string])[] = [
    [['--frob'], 'sonde: unknown option --frob; see sonde sample --help'],
    [['--frob=1'], 'sonde: unknown option --frob; see sonde sample --help'],
    [['-x'], 'sonde: unknown option -x; see sonde sample --help'],
    [['--file'], "sonde: Option '--file <value>' argument missing; see sonde sample --help"],
    [['--json=1'], "sonde: Option '--json' does not take an argument; see sonde sample --help"],
    [['--file', '--json'], "sonde: Option '--file' argument is ambiguous; see sonde sample --help"],
    [
      ['extra'],
      "sonde: Unexpected argument 'extra'. This command does not take positional arguments; see sonde sample --help",
    ],
    [["--it's"], "sonde: unknown option --it's; see sonde sample --help"],
  ];
  for (const [words, line] of bad) {
    test(`refused: ${words.join(' ')}`, () =>
      assert.equal(
        problemOf(() => parseOptions(sample, words)),
        line,
      ));
  }
});

describe('loadCommand', () => {
  test('loads the one that is called so', async () =>
    assert.equal((await loadCommand('trace')).name, 'trace'));

  for (const name of ['frob', '', '..', '../main', 'trace.ts', 'trace.test', 'Trace', '--json']) {
    test(`${JSON.stringify(name)} is no command`, async () => {
      await assert.rejects(
        loadCommand(name),
        (error) => isOperatorError(error) && error.code === 'usage.unknown_command',
      );
    });
  }
});

test('help: columns, the value\u2019s word, --help itself, the notes', () => {
  assert.equal(
    commandHelp(sample),
    [
      'sonde sample: shows what options do',
      '',
      '  --file FILE    what to read',
      '  --count VALUE  how many',
      '  --json         as JSON',
      '  --help         this text',
      '',
      'It is only here.',
      '',
    ].join('\n'),
  );
});

test('help: a switch that is the longest takes no more room than it needs', () => {
  const options = { 'as-it-is': { type: 'boolean', help: 'no change' } } as const;
  assert.match(commandHelp({ ...sample, options }), /^ {2}--as-it-is {2}no change$/m);
});

describe('every command', async () => {
  const files = readdirSync(join(import.meta.dirname, 'commands')).filter(
    (file) => !file.endsWith('.test.ts'),
  );
  const commands = await loadCommands();

  test('is a file, and the other way round', () => {
    assert.deepEqual(
      commands.map(({ name }) => `${name}.ts`),
      files.toSorted(),
    );
    assert.ok(commands.length > 0);
  });

  for (const command of commands) {
    test(`${command.name} says what it and its options do, in lines that fit`, () => {
      assert.match(command.summary, /^[^A-Z\n].{9,70}[^.\n]$/);
      for (const [name, option] of Object.entries(command.options)) {
        assert.match(name, /^[a-z][a-z-]*$/);
        assert.notEqual(name, 'help', 'every command has --help already');
        assert.match(option.help, /^[^A-Z\n]{1}.*[^.\n]$|^`/, name);
        assert.equal(
          option.value !== undefined,
          option.type === 'string',
          `${name}: a value has a word, a switch has none`,
        );
      }
      for (const line of commandHelp(command).split('\n')) assert.ok(line.length <= 120, line);
    });
  }
});
