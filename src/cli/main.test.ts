/** The command line as people run it: a process, its two streams, its exit code. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';

const sonde = join(import.meta.dirname, '../../bin/sonde');
const realBuild = join(import.meta.dirname, '../../build');
const folder = mkdtempSync(join(tmpdir(), 'sonde-cli-'));
after(() => {
  rmSync(folder, { recursive: true });
});

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(words: readonly string[], environment: NodeJS.ProcessEnv = {}): Ran {
  const env = { ...process.env, SONDE_RUN: folder, SONDE_STATE: folder, ...environment };
  const { status, stdout, stderr } = spawnSync(sonde, words, {
    encoding: 'utf8',
    env,
    cwd: folder,
    timeout: 30_000,
  });
  return { code: status, stdout, stderr };
}

/** An instance of its own: an agent may be running on this machine. */
const agentFile = join(folder, 'alone.yaml');
writeFileSync(agentFile, JSON.stringify({ instance: `unit-${process.pid}`, exporters: { jsonl: {} } }));
const agent = ['agent', '--config', agentFile];

/** It ends with that code, says nothing but one line, and shows no stack. */
function fails(ran: Ran, code: number, line: RegExp): void {
  assert.match(ran.stderr, line);
  assert.match(ran.stderr, /^sonde: [^\n]+; [^\n]+\n$/, 'exactly one line, what is wrong and what to do');
  assert.equal(ran.stdout, '');
  assert.equal(ran.code, code);
}

describe('help', () => {
  test('of sonde: every command, on standard output', () => {
    for (const word of ['--help', '-h', 'help']) {
      const { code, stdout, stderr } = run([word]);
      assert.equal(code, 0);
      assert.equal(stderr, '');
      for (const name of ['agent', 'check', 'status', 'trace', 'up'])
        assert.match(stdout, new RegExp(`^  ${name} `, 'm'));
    }
  });

  test('of a command, wherever the word stands', () => {
    const { code, stdout, stderr } = run(['trace', '--process', 'curl', '--help']);
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^sonde trace: /);
    assert.match(stdout, /^ {2}--destination CIDR /m);
  });

  test('of a question while no hub answers: what is known, and why not more', () => {
    const { code, stdout, stderr } = run(['ask', 'any', '--help'], { SONDE_HUB: 'http://127.0.0.1:9' });
    assert.equal(code, 0);
    assert.match(stdout, /^ {2}--since TIME /m);
    assert.match(stderr, /^sonde: no hub answers on http:\/\/127\.0\.0\.1:9 [^\n]+\n$/);
  });

  test('without a word it is shown too, and was not asked for', () => {
    const { code, stdout } = run([]);
    assert.equal(code, 2);
    assert.match(stdout, /sonde COMMAND --help/);
  });

  test('through a link, from another folder', () => {
    const link = join(folder, 'linked');
    symlinkSync(sonde, link);
    const { status } = spawnSync(link, ['--help'], { cwd: '/' });
    assert.equal(status, 0);
  });
});

describe('usage', () => {
  test('an unknown command', () =>
    fails(run(['frobnicate']), 2, /unknown command frobnicate; see sonde --help$/m));

  test('an unknown option in the place of a command', () =>
    fails(run(['--json']), 2, /unknown command --json; see sonde --help$/m));

  test('an unknown option', () =>
    fails(run(['agent', '--frob']), 2, /unknown option --frob; see sonde agent --help$/m));

  test('a bad value', () => fails(run(['trace', '--port', '70000']), 2, /port 70000 is not between/));

  test('words that would move the cursor are shown, not obeyed', () => {
    fails(run(['\u001b[2J']), 2, /unknown command \\u\{1b\}\[2J/);
  });
});

describe('configuration', () => {
  const file = join(folder, 'agent.yaml');

  test('a missing file', () => {
    fails(
      run(['agent', '--config', join(folder, 'missing.yaml')]),
      2,
      /missing\.yaml cannot be read \(ENOENT/,
    );
  });

  test('a bad key', () => {
    writeFileSync(file, 'windows: 10s\n');
    fails(run(['agent', '--config', file]), 2, /agent\.yaml: unknown key windows; correct it/);
  });

  test('YAML that is none', () => {
    writeFileSync(file, 'a: [1\nb: 2\n');
    fails(run(['agent', '--config', file]), 2, /agent\.yaml: .* at line 2/);
  });

  test('--check-config is quiet about a good one, and starts nothing', () => {
    writeFileSync(file, 'window: 5s\n');
    assert.deepEqual(run(['agent', '--check-config', '--config', file]), { code: 0, stdout: '', stderr: '' });
  });
});

describe('sonde hub', () => {
  test('--print-schema prints the tables of the database that is configured, and starts nothing', () => {
    const file = join(folder, 'hub.yaml');
    writeFileSync(file, 'store: { url: http://127.0.0.1:1, database: fleet }\n');
    const { code, stdout, stderr } = run(['hub', '--print-schema', '--config', file]);
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^CREATE DATABASE IF NOT EXISTS fleet\n;\n\nUSE fleet\n;\n/);
    assert.match(stdout, /^CREATE TABLE IF NOT EXISTS flows$/m);
    assert.doesNotMatch(stdout, /\{\w+:(Table|Engine)\}/);
  });
});

describe('the build', () => {
  test('missing kernel programs', () => {
    fails(
      run(agent, { SONDE_BUILD: '/nonexistent' }),
      6,
      /\/nonexistent\/bpf\/sonde\.bpf\.o is missing\); run scripts\/setup/,
    );
  });

  test('an addon that is none', () => {
    const build = join(folder, 'build');
    const made = spawnSync('mkdir', ['-p', join(build, 'bpf')]);
    assert.equal(made.status, 0);
    writeFileSync(join(build, 'bpf/sonde.bpf.o'), '');
    fails(run(agent, { SONDE_BUILD: build }), 6, /native addon cannot be loaded from .* \(no such file\)/);
    writeFileSync(join(build, 'sonde.node'), 'not a library');
    chmodSync(join(build, 'sonde.node'), 0o755);
    fails(run(agent, { SONDE_BUILD: build }), 6, /native addon cannot be loaded from/);
  });
});

describe('without an agent', () => {
  test('status says that there is none', () => {
    fails(
      run(['status', '--instance', 'nobody']),
      1,
      /no agent of instance nobody answers on .*nobody\.sock/,
    );
  });
});

/** A build whose kernel programs are not Sonde's. */
function otherBuild(name: string, object: Buffer | string): string {
  const build = join(folder, name);
  mkdirSync(join(build, 'bpf'), { recursive: true });
  writeFileSync(join(build, 'bpf/sonde.bpf.o'), object);
  symlinkSync(join(realBuild, 'sonde.node'), join(build, 'sonde.node'));
  return build;
}

test('a file that is no object', () => {
  const { code, stderr } = run(agent, { SONDE_BUILD: otherBuild('broken', 'not an object') });
  assert.equal(code, 6);
  assert.match(stderr, /^sonde: the kernel programs in .* cannot be read .*; run scripts\/setup\n$/);
});

test('a fault of ours has its stack and its own exit code', () => {
  const noop = readFileSync(join(realBuild, 'bench/noop.bpf.o')); // an object, without our types
  const { code, stderr } = run(agent, { SONDE_BUILD: otherBuild('other', noop) });
  assert.equal(code, 70);
  assert.match(stderr, /\n {4}at /);
});

test('an agent and a hub have less memory for what is young; others have what Node gives them', () => {
  const [bin, modules] = [join(folder, 'own/bin'), join(folder, 'own/node_modules/.bin')];
  for (const path of [bin, modules]) mkdirSync(path, { recursive: true });
  writeFileSync(join(bin, 'sonde'), readFileSync(sonde), { mode: 0o755 });
  writeFileSync(join(modules, 'node'), '#!/bin/sh\nprintf "%s\\n" "$@"\n', { mode: 0o755 });
  const flags = (...words: string[]): string[] =>
    spawnSync(join(bin, 'sonde'), words, { encoding: 'utf8' })
      .stdout.split('\n')
      .filter((arg) => /^--(max|v8)/.test(arg));
  for (const word of ['agent', 'up']) {
    assert.deepEqual(flags(word), ['--max-semi-space-size=2', '--v8-pool-size=1'], word);
  }
  assert.deepEqual(flags('hub'), ['--max-semi-space-size=8']);
  for (const words of [['ask', 'agent'], []]) assert.deepEqual(flags(...words), [], words.join(' '));
});
