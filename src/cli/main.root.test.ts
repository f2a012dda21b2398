/** What ends an agent on a real kernel, as an operator sees it: exit code, one line, no stack. */
import assert from 'node:assert/strict';
import { spawn, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { eventually } from '../../test/rig.ts';
import { bpffsPath } from '../agent/kernel/pins.ts';
import { localSocketPath } from '../lib/local-socket.ts';

const sonde = join(import.meta.dirname, '../../bin/sonde');
const folder = mkdtempSync(join(tmpdir(), 'sonde-cli-root-'));
const environment = { ...process.env, SONDE_RUN: join(folder, 'run'), SONDE_STATE: join(folder, 'state') };
after(() => {
  rmSync(folder, { recursive: true });
});

function run(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = environment,
): SpawnSyncReturns<string> {
  return spawnSync(program, args, { encoding: 'utf8', env, timeout: 60_000 });
}

function fails(ran: SpawnSyncReturns<string>, code: number, line: RegExp): void {
  assert.match(ran.stderr, line);
  assert.match(ran.stderr, /^sonde: [^\n]+; [^\n]+\n$/, 'exactly one line, what is wrong and what to do');
  assert.equal(ran.stdout, '');
  assert.equal(ran.status, code);
}

function configuration(
  instance: string,
  exporters: unknown = { jsonl: { path: join(folder, `${instance}.jsonl`) } },
): string {
  const file = join(folder, `${instance}.yaml`);
  writeFileSync(file, JSON.stringify({ instance, window: '1s', exporters }));
  return file;
}

const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups', '--', sonde];

describe('privileges', () => {
  test('somebody who may not make the socket', () => {
    const env = { ...environment, SONDE_RUN: '' };
    fails(
      run('setpriv', [...asNobody, 'agent'], env),
      4,
      /^sonde: not allowed to create \/run\/sonde\/main\.sock; run it as root/,
    );
  });

  test('somebody who may make the socket and not load programs', (t) => {
    const own = mkdtempSync(join(tmpdir(), 'sonde-nobody-'));
    t.after(() => {
      rmSync(own, { recursive: true });
    });
    spawnSync('chown', ['65534', own]);
    const file = join(own, 'agent.yaml');
    writeFileSync(file, JSON.stringify({ instance: 'nobody', exporters: { jsonl: {} } }));
    const env = { ...environment, SONDE_RUN: own, SONDE_STATE: own };
    fails(
      run('setpriv', [...asNobody, 'agent', '--config', file], env),
      4,
      /^sonde: not allowed to load BPF/,
    );
    assert.equal(existsSync(join(own, 'nobody.sock')), false, 'it leaves no socket behind');
  });

  test('somebody who may not ask', async (t) => {
    const agent = await startedAgent('closed');
    t.after(() => agent.stop());
    fails(
      run('setpriv', [...asNobody, 'status', '--instance', 'closed']),
      4,
      /^sonde: not allowed to ask the agent on .*closed\.sock/,
    );
  });
});

test('a kernel without type information', () => {
  const hide = 'mount -t tmpfs none /sys/kernel/btf && exec "$@"';
  const ran = run('unshare', [
    '-m',
    'sh',
    '-c',
    hide,
    'sh',
    sonde,
    'agent',
    '--config',
    configuration('no-btf'),
  ]);
  fails(ran, 5, /^sonde: this kernel has no type information \(\/sys\/kernel\/btf\/vmlinux is missing\)/);
});

test('a network namespace that is not there', () => {
  const file = join(folder, 'namespace.yaml');
  writeFileSync(file, JSON.stringify({ instance: 'namespace', namespaces: ['no-such-namespace'] }));
  fails(run(sonde, ['agent', '--config', file]), 2, /^sonde: no network namespace no-such-namespace/);
});

test('an exporter that cannot be opened', () => {
  const file = configuration('no-exporter', { jsonl: { path: '/etc/hostname/below.jsonl' } });
  fails(run(sonde, ['agent', '--config', file]), 2, /^sonde: exporter jsonl cannot be opened \(ENOTDIR/);
});

interface StartedAgent {
  readonly pid: number;
  readonly stop: (signal?: NodeJS.Signals) => Promise<number | null>;
}

/** An agent that answers. */
async function startedAgent(instance: string): Promise<StartedAgent> {
  const child = spawn(sonde, ['agent', '--config', configuration(instance)], {
    env: environment,
    stdio: 'inherit',
  });
  const ended = once(child, 'exit');
  const answers = (): boolean => run(sonde, ['status', '--instance', instance]).status === 0;
  const up = await eventually(() => child.exitCode !== null || answers(), 30_000);
  assert.ok(up && child.exitCode === null, 'the agent did not come up');
  return {
    pid: child.pid!,
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      const [code] = (await ended) as [number | null];
      return code;
    },
  };
}

describe('an agent that runs', () => {
  test('keeps a second one of its instance out, and goes on', async (t) => {
    const agent = await startedAgent('only');
    t.after(() => agent.stop());
    fails(
      run(sonde, ['agent', '--config', configuration('only')]),
      7,
      /^sonde: an agent of instance only runs already \(.*only\.sock\); stop it first/,
    );
    const status = run(sonde, ['status', '--instance', 'only', '--json']);
    assert.equal(status.status, 0, status.stderr);
    assert.equal(
      (JSON.parse(status.stdout) as { node: Record<string, unknown> }).node['agent.instance'],
      'only',
    );
  });

  test('ends at SIGTERM with 0, its last window written, nothing left behind', async () => {
    const agent = await startedAgent('ends');
    assert.equal(await agent.stop(), 0);
    const lines = readFileSync(join(folder, 'ends.jsonl'), 'utf8').trimEnd().split('\n');
    assert.match(lines.at(-1) ?? '', /^\{"event\.name":"sonde\.window"/);
    assert.equal(existsSync(localSocketPath('ends', environment)), false);
  });

  test('killed, it keeps nobody from starting again', async () => {
    const first = await startedAgent('again');
    await first.stop('SIGKILL');
    assert.ok(existsSync(localSocketPath('again', environment)));
    const second = await startedAgent('again');
    assert.equal(await second.stop(), 0);
  });

  test('killed, what it left is removed by agent --detach; not while it runs', async () => {
    const pins = `${bpffsPath()}/sonde/left`;
    const detach = () => run(sonde, ['agent', '--detach', '--config', configuration('left')]);
    const agent = await startedAgent('left');
    fails(detach(), 7, /^sonde: an agent of instance left runs already/);
    await agent.stop('SIGKILL');
    assert.equal(readdirSync(pins).length, 1);
    const ran = detach();
    assert.match(
      ran.stderr,
      /^sonde: warning: removed [1-9]\d* attached programs and \d+ maps of instance left/,
    );
    assert.deepEqual([ran.status, ran.stdout, existsSync(pins)], [0, '', false]);
    assert.match(detach().stderr, /^sonde: nothing of instance left is attached\n$/);
  });
});
