import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { formatOperatorError, isOperatorError } from '../lib/errors.ts';
import { commandHelp, loadCommand, loadCommands, optionsFor, parseWords, type Command } from './command.ts';

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

async function problemOf(act: () => Promise<unknown>): Promise<string> {
  try {
    await act();
  } catch (error) {
    assert.ok(isOperatorError(error), String(error));
    return formatOperatorError(error);
  }
  return assert.fail('it was taken');
}

describe('parseWords', () => {
  test('values as they were written; what is not there is not set', async () => {
    const { values, word } = await parseWords(sample, ['--file', 'a b', '--count=3', '--json']);
    assert.deepEqual({ ...values }, { file: 'a b', count: '3', json: true });
    assert.equal(word, undefined);
    assert.deepEqual({ ...(await parseWords(sample, [])).values }, {});
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
    test(`refused: ${words.join(' ')}`, async () =>
      assert.equal(await problemOf(() => parseWords(sample, words)), line));
  }
});

describe('a word, and the options that it brings', () => {
  const shop: Command = {
    ...sample,
    word: { name: 'ID', help: 'what to do' },
    moreOptions: async ({ word, values }) => ({
      ...(word === 'buy' ? { coins: { type: 'string', value: 'N', help: 'how many' } } : {}),
      ...(values['file'] === 'x' ? { extra: { type: 'boolean', help: 'more' } } : {}),
      json: { type: 'string', help: 'never seen: the command has its own' },
    }),
  };

  test('are parsed like its own', async () => {
    const parsed = await parseWords(shop, ['--file', 'x', 'buy', '--coins', '3', '--json', '--extra']);
    assert.deepEqual({ ...parsed.values }, { file: 'x', coins: '3', json: true, extra: true });
    assert.equal(parsed.word, 'buy');
    assert.equal((await parseWords(shop, ['--coins=3', 'buy'])).word, 'buy');
  });

  test('are refused with another word, and there is only one word', async () => {
    const unknown = 'sonde: unknown option --coins; see sonde sample --help';
    assert.equal(await problemOf(() => parseWords(shop, ['sell', '--coins', '3'])), unknown);
    const two = "sonde: Unexpected argument 'more'; see sonde sample --help";
    assert.equal(await problemOf(() => parseWords(shop, ['buy', 'more'])), two);
  });

  test('one more for a command that says so', async () => {
    const buyer: Command = { ...shop, argument: { name: 'WHAT', help: 'how it is called' } };
    assert.equal((await parseWords(buyer, ['buy', 'more'])).argument, 'more');
    assert.equal((await parseWords(buyer, ['buy'])).argument, undefined);
    const three = "sonde: Unexpected argument 'and'; see sonde sample --help";
    assert.equal(await problemOf(() => parseWords(buyer, ['buy', 'more', 'and'])), three);
    assert.match(commandHelp(buyer), /^ {2}ID +what to do\n {2}WHAT +how it is called\n\n/m);
  });

  test('many for a command that takes many', async () => {
    const many: Command = { ...sample, word: { name: 'FILE…', help: 'what to read', many: true } };
    const { word, more } = await parseWords(many, ['a', '--json', 'b', 'c']);
    assert.deepEqual([word, more], ['a', ['b', 'c']]);
    assert.deepEqual((await parseWords(many, ['a'])).more, []);
  });

  test('are in the help', async () => {
    const help = commandHelp(shop, await optionsFor(shop, ['buy']));
    assert.match(help, /^ {2}ID +what to do$/m);
    assert.match(help, /^ {2}--coins N +how many$/m);
    assert.doesNotMatch(commandHelp(shop), /coins/);
  });
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
    (file) => file.endsWith('.ts') && !file.endsWith('.test.ts'),
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
