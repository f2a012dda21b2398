/** The look at a node under real faults: each is caused, and what is said of it and the exit code are checked. */
import assert from 'node:assert/strict';
import { spawn, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { Report } from '../../agent/check/report.ts';
import { artefacts, loadNative } from '../../agent/kernel/native.ts';
import { cgroupRoot, signalPrograms } from '../../agent/kernel/signals.ts';
import { leaveOutSweeps, wantsSweepInTwo } from '../../agent/kernel/sweep.ts';
import { optionalSignals, signalNames } from '../../model/signals.ts';

const sonde = join(import.meta.dirname, '../../../bin/sonde');
const folder = mkdtempSync(join(tmpdir(), 'sonde-check-'));
chmodSync(folder, 0o755); // a plain user asks, too
after(() => {
  rmSync(folder, { recursive: true });
});

/** A question that needs `signals`, and nothing else. */
function writeQuestion(questions: string, id: string, signals: readonly string[]): void {
  mkdirSync(join(questions, id), { recursive: true });
  const manifest = {
    title: id,
    asks: `What of ${id}?`,
    reads: ['flows'],
    signals,
    columns: [{ name: 'n', type: 'count', title: 'N', description: 'how many' }],
  };
  writeFileSync(join(questions, id, 'manifest.yaml'), JSON.stringify(manifest));
  const sql =
    "SELECT count(process_name) AS n FROM flows WHERE window_start BETWEEN {from:DateTime64(3, 'UTC')} AND {to:DateTime64(3, 'UTC')} AND {host:String} = '' AND {environment:String} = '' AND {own:Bool} LIMIT {limit:UInt32}\n";
  writeFileSync(join(questions, id, 'ask.sql'), sql);
}

const questions = join(folder, 'questions');
writeQuestion(questions, 'base', ['lifecycle']);
for (const name of optionalSignals) writeQuestion(questions, `of-${name}`, [name]);

interface Ran extends SpawnSyncReturns<string> {
  readonly report: Report;
}

const environment = { ...process.env, SONDE_QUESTIONS: questions };

/** `prefix` runs it as another user, in another namespace, with less. */
function check(
  prefix: readonly string[],
  { env = environment, args = [] }: { env?: NodeJS.ProcessEnv; args?: readonly string[] } = {},
): Ran {
  const [program = sonde, ...words] = [...prefix, sonde, 'check', '--json', ...args];
  const ran = spawnSync(program, words, { encoding: 'utf8', env, timeout: 60_000 });
  assert.equal(ran.stderr, '');
  return { ...ran, report: JSON.parse(ran.stdout) as Report };
}

function findingOf({ report }: Ran, name: string): string {
  const found = report.findings.find(({ probe }) => probe === name);
  return found ? `${found.result}: ${found.detail}` : 'none';
}

function answers({ report }: Ran): Record<string, string> {
  return Object.fromEntries(report.questions.map(({ question, result }) => [question, result]));
}

/** What every question of ours comes to, when all come to the same. */
function all(result: string): Record<string, string> {
  return Object.fromEntries(
    ['base', ...optionalSignals.map((name) => `of-${name}`)].map((id) => [id, result]),
  );
}

const inMountNamespace = (script: string): string[] => [
  'unshare',
  '-m',
  'sh',
  '-c',
  `set -e; ${script}; exec "$@"`,
  'sh',
];

test('all is tried, and works', () => {
  const ran = check([]);
  for (const probe of ['btf', 'socketStorage', 'ring', 'iterator', 'batches', 'capabilities', 'user'])
    assert.match(findingOf(ran, probe), /^ok: /, probe);
  assert.deepEqual(
    ran.report.signals.map(({ signal }) => signal),
    signalNames,
  );
  assert.deepEqual(answers(ran), all('answerable'));
  const expected = ran.report.findings.some(({ result }) => result === 'degraded') ? 1 : 0;
  assert.equal(ran.status, expected);
});

test('a plain user is told what could not be looked at, and why', () => {
  const ran = check(['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--']);
  assert.equal(ran.status, 2);
  assert.match(findingOf(ran, 'capabilities'), /^missing: nothing loads without CAP_BPF, CAP_PERFMON/);
  assert.equal(
    findingOf(ran, 'tracepoints'),
    'unknown: it takes CAP_SYS_ADMIN to look at programs of others',
  );
  assert.equal(findingOf(ran, 'iterator'), 'none', 'what cannot be tried is not');
  assert.deepEqual(answers(ran), all('not'));
  assert.deepEqual(
    ran.report.signals.map(({ result }) => result),
    signalNames.map(() => 'unknown'),
  );
});

describe('capabilities', () => {
  const without = (...names: string[]): Ran =>
    check(['setpriv', '--bounding-set', names.map((name) => `-${name}`).join(','), '--']);

  test('without CAP_BPF and what stands for it', () => {
    const ran = without('bpf', 'sys_admin');
    assert.equal(ran.status, 2);
    assert.equal(findingOf(ran, 'capabilities'), 'missing: nothing loads without CAP_BPF, CAP_SYS_ADMIN');
    assert.match(ran.report.summary, /^This node cannot be rolled out: .*CAP_BPF/);
  });

  test('without CAP_BPF alone, everything loads', () => {
    const ran = without('bpf', 'perfmon');
    assert.equal(findingOf(ran, 'capabilities'), 'ok: all, CAP_SYS_ADMIN stands for CAP_BPF, CAP_PERFMON');
    assert.deepEqual(answers(ran), all('answerable'));
  });

  test('without CAP_SYS_ADMIN programs load, and less is told', () => {
    const ran = without('sys_admin');
    assert.equal(ran.status, 1);
    assert.match(findingOf(ran, 'capabilities'), /^degraded: without CAP_SYS_ADMIN other network namespaces/);
    assert.deepEqual(answers(ran), all('degraded'));
    assert.match(findingOf(ran, 'batches'), /^ok/);
  });

  test('of a user namespace are worth nothing', () => {
    const ran = check(['unshare', '-r']);
    assert.equal(ran.status, 2);
    assert.match(findingOf(ran, 'user'), /^missing: root of a user namespace/);
    assert.match(findingOf(ran, 'capabilities'), /^ok/);
  });
});

describe('the kernel', () => {
  test('without type information', () => {
    const ran = check(inMountNamespace('mount -t tmpfs none /sys/kernel/btf'));
    assert.equal(ran.status, 2);
    assert.equal(findingOf(ran, 'btf'), 'missing: /sys/kernel/btf/vmlinux is not there');
    assert.deepEqual(answers(ran), all('not'));
    assert.match(ran.report.summary, /kernel types: .* is not there/);
  });

  test('its security modules are seen where securityfs is mounted, and else it says that it is not', () => {
    const path = '/sys/kernel/security';
    const mounted = check(inMountNamespace(`mountpoint -q ${path} || mount -t securityfs none ${path}`));
    assert.match(findingOf(mounted, 'lsms'), /^(?:ok|note): .*\bcapability\b/);
    const hidden = check(inMountNamespace(`umount -q -l ${path} || true`));
    assert.equal(findingOf(hidden, 'lsms'), `unknown: securityfs is not mounted on ${path}`);
    assert.equal(mounted.status, hidden.status, 'and that nobody could look there changes nothing');
  });
});

test('a private pid namespace: every answer lacks owners; --strict refuses that', () => {
  const prefix = ['unshare', '--pid', '--fork', '--mount-proc'];
  const ran = check(prefix);
  assert.equal(ran.status, 1);
  assert.match(findingOf(ran, 'pidNamespace'), /^degraded: not the host's/);
  assert.deepEqual(
    ran.report.signals.map(({ result }) => result),
    signalNames.map(() => 'degraded'),
  );
  assert.equal(check(prefix, { args: ['--strict'] }).status, 2);
});

test('no control groups of the second version', () => {
  const root = cgroupRoot();
  const ran = check(inMountNamespace(root === undefined ? 'true' : `umount -l ${root}`));
  const needing = signalNames.filter((name) => signalPrograms[name].onCgroup);
  assert.match(findingOf(ran, 'cgroups'), /^(?:note|degraded): none of the second version is mounted/);
  assert.deepEqual(
    ran.report.signals.filter(({ result }) => result === 'missing').map(({ signal }) => signal),
    needing,
  );
  for (const name of optionalSignals)
    assert.equal(answers(ran)[`of-${name}`], needing.includes(name) ? 'not' : 'answerable', name);
});

/** A build whose object wants a tracepoint that no kernel has, in place of this one. */
function buildWithout(tracepoint: string): string {
  const build = mkdtempSync(join(folder, 'build-'));
  const { addon, object } = artefacts();
  mkdirSync(join(build, 'bpf'));
  copyFileSync(addon, join(build, 'sonde.node'));
  const bytes = readFileSync(object);
  const [from, to] = [tracepoint, tracepoint.replace(/..$/, 'zz')].map((name) =>
    Buffer.from(`tp_btf/${name}\0`),
  );
  const at = bytes.indexOf(from ?? '');
  assert.ok(at > 0, `${tracepoint} is in the object`);
  bytes.set(to ?? [], at);
  writeFileSync(join(build, 'bpf/sonde.bpf.o'), bytes);
  return build;
}

describe('a signal that the kernel refuses', () => {
  test('takes the questions that cannot do without it, and no others', () => {
    const env = { ...environment, SONDE_BUILD: buildWithout('tcp_retransmit_synack') };
    const ran = check([], { env });
    assert.equal(ran.status, 1);
    assert.deepEqual(answers(ran), { ...all('answerable'), 'of-retransmits': 'not' });
    const [reason] =
      ran.report.questions.find(({ question }) => question === 'of-retransmits')?.reasons ?? [];
    assert.equal(reason?.because, 'retransmits');
    assert.match(
      reason.detail,
      /^this kernel refused the programs \(tcp_synack_retransmitted: failed to find .*'tcp_retransmit_synazz'\)$/,
    );
    assert.match(ran.report.summary, /not at all: of-retransmits/);
  });

  test('and that must be there takes all of them', () => {
    const env = { ...environment, SONDE_BUILD: buildWithout('inet_sock_set_state') };
    const ran = check([], { env });
    assert.equal(ran.status, 2);
    assert.deepEqual(answers(ran), all('not'));
  });
});

test('a question whose folder is broken is named', () => {
  const broken = join(folder, 'broken');
  writeQuestion(broken, 'whole', ['lifecycle']);
  writeQuestion(broken, 'torn', ['no-such-signal']);
  const ran = check([], { env: { ...environment, SONDE_QUESTIONS: broken } });
  assert.equal(ran.status, 1);
  assert.deepEqual(answers(ran), { torn: 'not', whole: 'answerable' });
});

test('no build says how to make one', () => {
  const ran = check([], { env: { ...environment, SONDE_BUILD: join(folder, 'nothing') } });
  assert.equal(ran.status, 2);
  assert.match(findingOf(ran, 'build'), /^missing: the kernel programs are not built/);
});

test('a build that is broken is named', () => {
  const build = buildWithout('tcp_retransmit_synack');
  writeFileSync(join(build, 'bpf/sonde.bpf.o'), 'no object');
  const ran = check([], { env: { ...environment, SONDE_BUILD: build } });
  assert.equal(ran.status, 2);
  assert.match(findingOf(ran, 'build'), /^missing: the kernel programs in .* cannot be read/);
});

test('a program of somebody else on a hook of ours', () => {
  const { addon, object: path } = artefacts();
  const native = loadNative({ addon, object: path });
  const object = native.open(path);
  try {
    leaveOutSweeps(native, object, wantsSweepInTwo(native, path));
    native.load(object);
    native.attach(object, 'tcp_reset_received');
    const { report } = check([]);
    const mine = report.neighbours.filter(({ heldBy }) =>
      heldBy.some((holder) => holder.endsWith(`[${String(process.pid)}]`)),
    );
    assert.deepEqual(
      mine.map(({ hook, name, type, user }) => ({ hook, name, type, user })),
      [{ hook: 'tcp_receive_reset', name: 'tcp_reset_recei', type: 'tracing', user: 0 }],
    );
  } finally {
    native.close(object);
  }
});

/** Ids of the links that a process holds. */
function linksOf(pid: number): number[] {
  const ids: number[] = [];
  try {
    for (const fd of readdirSync(`/proc/${String(pid)}/fd`)) {
      if (!/bpf[-_]link/.test(readlinkSync(`/proc/${String(pid)}/fd/${fd}`))) continue;
      const about = readFileSync(`/proc/${String(pid)}/fdinfo/${fd}`, 'utf8');
      ids.push(Number(/^link_id:\s*(\d+)$/m.exec(about)?.[1]));
    }
  } catch (error) {
    assert.match(String((error as NodeJS.ErrnoException).code), /^(?:ENOENT|ESRCH)$/); // closed just now
  }
  return ids;
}

describe('while something is attached', () => {
  const native = loadNative(artefacts());

  /** Ends it by `signal` when it holds a link, which it does for a moment only. */
  async function endedBy(
    signal: NodeJS.Signals,
  ): Promise<{ code: number | null; stderr: string; held: number[] }> {
    const child = spawn(sonde, ['check'], { env: environment });
    const stderr: string[] = [];
    child.stderr.setEncoding('utf8').on('data', (text: string) => stderr.push(text));
    const exited = once(child, 'close') as Promise<[number | null]>;
    let held: number[] = [];
    while (held.length === 0 && child.exitCode === null) {
      held = linksOf(child.pid!);
      await new Promise(setImmediate);
    }
    child.kill(signal);
    const [code] = await exited;
    return { code, stderr: stderr.join(''), held };
  }

  for (const [signal, code, says] of [
    ['SIGINT', 2, 'sonde: interrupted; nothing stays attached\n'],
    ['SIGKILL', null, ''],
  ] as const) {
    test(`${signal} leaves nothing of it`, async () => {
      let ended = await endedBy(signal);
      // It may have done its work before the signal was heard; then the next one is asked.
      for (let more = 10; ended.code === 0 && more > 0; more--) ended = await endedBy(signal);
      assert.deepEqual([ended.code, ended.stderr], [code, says]);
      assert.ok(ended.held.length > 0);
      const left = new Set(native.linked().map(({ link }) => link));
      assert.deepEqual(
        ended.held.filter((link) => left.has(link)),
        [],
      );
    });
  }
});

test('for people: sections, and one sentence at the end', () => {
  const { stdout, stderr } = spawnSync(sonde, ['check'], { encoding: 'utf8', env: environment });
  assert.equal(stderr, '');
  const heads = stdout.split('\n').filter((line) => /^\w+ {2}/.test(line));
  assert.deepEqual(
    heads.map((line) => line.split(' ')[0]),
    ['kernel', 'machine', 'privileges', 'neighbours', 'signals', 'questions'],
  );
  assert.match(stdout.trimEnd().split('\n').at(-1) ?? '', /^This node can be rolled out/);
});
