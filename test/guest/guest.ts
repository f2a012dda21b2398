/**
 * Runs one command in a booted kernel of another version, in a machine that exists only for it: emulated (no
 * /dev/kvm is asked for), without network device, and without a disk unless it is given one. Owns one qemu
 * process per call, which dies with this process; must never leave one behind, nor its folder.
 */
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { runFolder } from './cache.ts';
import type { Console } from './console.ts';
import { openConsole } from './console.ts';
import { writeInitramfs } from './initramfs.ts';
import type { Kernel } from './kernels.ts';
import { fetchKernel } from './kernels.ts';
import type { GuestFile, Init } from './project.ts';
import { findCommand } from './tree.ts';

const run = promisify(execFile);

export interface GuestOptions {
  /** One that was fetched, or the name of one (kernels.ts). */
  readonly kernel: Kernel | string;
  /** Files and folders of the project to have in the guest, under /sonde (project.ts). */
  readonly files: readonly GuestFile[];
  /** Program and arguments; runs in /sonde. */
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Further commands of this machine to have in the guest, by name: `bpftool`. */
  readonly tools?: readonly string[];
  /** Appended to the kernel's command line: `lockdown=confidentiality`. */
  readonly commandLine?: string;
  /**
   * With one processor, the default, the guest's clock counts its instructions, a nanosecond each, and what
   * is idle is skipped: time passes as on a real processor of that speed, whatever else the host does. Two
   * processors run at the same time and by the host's clock, on which each is 10 to 20 times slower.
   */
  readonly smp?: 1 | 2;
  readonly memoryMiB?: number;
  /**
   * An image, ext4 and nothing around it: `/dev/vda`. What the guest has flushed is on it, whatever becomes
   * of qemu. With a disk time passes by the host's clock: the other one would run ahead while the disk is
   * waited for.
   */
  readonly disk?: string;
  /**
   * Whose init is the first process: our own, which runs the command; or that of the disk, a systemd, to
   * which the command is a unit. Then it is the disk's programs that there are.
   */
  readonly init?: Init;
  /** For all of it, boot included; the boot takes 3 to 10 s. */
  readonly timeoutMs: number;
  /** Paths in the guest to bring back. One that is not there is passed over. */
  readonly artifacts?: readonly string[];
  /** The command's output as it comes. */
  readonly onOutput?: (bytes: Buffer) => void;
  readonly signal?: AbortSignal;
}

export interface GuestResult {
  readonly exitCode: number;
  /** stdout and stderr of the command, in the order they came. */
  readonly output: string;
  /** As `dmesg` prints it, after the command. */
  readonly kernelLog: string;
  /** `uname -r`. */
  readonly release: string;
  /** What was brought back, under the same paths; only when asked for. The caller removes it. */
  readonly artifactsDir?: string;
  /** From starting qemu to starting the command. */
  readonly bootMs: number;
}

/** Always there; the caller may contradict them, since the kernel takes the last of each. */
const kernelArguments = [
  'console=ttyS0',
  // A panic ends qemu (-no-reboot), so that it is told at once and not at the timeout.
  'panic=-1',
  // The host may not run the guest for seconds: then the kernel would distrust the clock and fall back to a
  // slow one.
  'tsc=reliable',
  'nowatchdog',
  'rcupdate.rcu_cpu_stall_suppress=1',
  // What kills only the process that met it, on other settings, must not go unnoticed.
  'oops=panic',
];

function machine(options: GuestOptions, kernel: Kernel, initramfs: string, artifacts: string): string[] {
  const { smp = 1, memoryMiB = 1024, commandLine = '' } = options;
  const { disk } = options;
  const clock = smp === 1 && disk === undefined ? ['-icount', 'shift=0,sleep=off'] : [];
  // As real disks do, it keeps what is written until it is told to flush. Commas in a name are doubled.
  const file = disk?.replaceAll(',', ',,');
  const drive = file === undefined ? [] : ['-drive', `file=${file},format=raw,if=virtio,cache=writeback`];
  return [
    // microvm would be less to emulate, but Debian's kernels print nothing on it.
    ...['-machine', 'q35', '-accel', 'tcg', '-cpu', 'max', '-smp', String(smp), '-m', String(memoryMiB)],
    ...clock,
    ...['-nodefaults', '-no-user-config', '-nographic', '-no-reboot', '-nic', 'none'],
    ...['-serial', 'stdio', '-serial', `file:${artifacts}`],
    ...drive,
    ...['-kernel', kernel.image, '-initrd', initramfs],
    ...['-append', [...kernelArguments, commandLine].join(' ').trim()],
  ];
}

/** Ends when qemu does, by itself or because of the timeout, the signal or too much output. */
async function boot(args: readonly string[], options: GuestOptions, view: Console): Promise<void> {
  const limits = [
    AbortSignal.timeout(options.timeoutMs),
    view.signal,
    ...(options.signal ? [options.signal] : []),
  ];
  const stop = AbortSignal.any(limits);
  stop.throwIfAborted();
  // Through setpriv, which asks the kernel to kill qemu should this process die without a chance to. Nice to
  // the tests that run beside it.
  const command = ['nice', '-n', '10', findCommand('qemu-system-x86_64'), ...args];
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...command], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kill = (): void => void child.kill('SIGKILL');
  stop.addEventListener('abort', kill);
  child.stdout.on('data', (bytes: Buffer) => view.take(bytes));
  child.stderr.on('data', (bytes: Buffer) => view.complain(bytes));
  try {
    await new Promise<void>((resolve, reject) => child.once('error', reject).once('close', () => resolve()));
  } finally {
    stop.removeEventListener('abort', kill);
  }
  options.signal?.throwIfAborted();
}

async function unpackArtifacts(tar: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sonde-guest-'));
  try {
    await run('tar', ['-xf', tar, '-C', folder, '--no-same-owner']);
  } catch (error) {
    await rm(folder, { recursive: true });
    throw error;
  }
  return folder;
}

/**
 * Boots, runs, powers off. Resolves whatever the command's exit code is; rejects with a GuestError, which has
 * the end of what the guest printed, when it did not boot, died, or took longer than `timeoutMs`.
 */
export async function runInGuest(options: GuestOptions): Promise<GuestResult> {
  const kernel = typeof options.kernel === 'string' ? await fetchKernel(options.kernel) : options.kernel;
  const { files, command, env = {}, tools = [], artifacts = [], init = 'guest' } = options;
  const token = randomBytes(8).toString('hex');
  const folder = await runFolder();
  try {
    const project = { files, command, env, tools, artifacts, token, init };
    const initramfs = await writeInitramfs(folder, kernel, project);
    const tar = join(folder, 'artifacts.tar');
    const view = openConsole(token, options.onOutput);
    await boot(machine(options, kernel, initramfs, tar), options, view);
    const { exitCode, output, bootMs, release } = view.verdict(kernel.release, options.timeoutMs);
    const unpacked = await unpackArtifacts(tar);
    const kernelLog = await readFile(join(unpacked, 'dmesg'), 'utf8');
    if (artifacts.length > 0) return { exitCode, output, kernelLog, release, bootMs, artifactsDir: unpacked };
    await rm(unpacked, { recursive: true });
    return { exitCode, output, kernelLog, release, bootMs };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
