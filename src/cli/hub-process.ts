/**
 * The hub as a child of `sonde up`: started again when it dies, stopped when we do.
 *
 * Owns the child. Started by root it runs as user `sonde` without capabilities, in a mount namespace of its
 * own where the checkout is read-only at a path that this user can reach (root's home is closed to it). It
 * lives in a session of its own: Ctrl-C reaches us alone, so that the agent's last window still finds a hub.
 * It stops when its standard input ends, which also happens when we are killed.
 */

import { execFileSync, spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../lib/clock.ts';
import { exitCodes, OperatorError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';

export const hubProcessLimits = {
  /** From asking it to stop to ending it: it stores what it has and stops its engine. */
  stopMsMax: 20_000,
  /** Between its death and its next start; doubles up to the second, from the first. */
  restartMsMin: 250,
  restartMsMax: 10_000,
  /** A hub that lived so long was no failed start: the next delay is the smallest again. */
  settledMs: 60_000,
  readyMsMax: 60_000,
  readyPollMs: 100,
} as const;

/** What it ends with when starting it again would not help: configuration, privileges, a missing part. */
const permanentCodes: ReadonlySet<number | null> = new Set(
  (['usage', 'privileges', 'build', 'alreadyRunning'] as const).map((name) => exitCodes[name]),
);

const user = 'sonde';
const root = fileURLToPath(new URL('../..', import.meta.url));
/** Where the child finds the checkout, in its own mount namespace only. */
const mountPoint = '/run/sonde/checkout';

/**
 * Read-only and without set-uid programs; then the user changes, and nothing of root's is left: no
 * capability, no group, no way to get one back.
 */
const unprivileged = `
mount --bind "$1" "$2" && mount -o remount,bind,ro,nosuid "$2" && cd / && shift && root=$1 && shift &&
exec setpriv --reuid=${user} --regid=${user} --init-groups --inh-caps=-all --ambient-caps=-all \\
  --bounding-set=-all --no-new-privs -- "$root/bin/sonde" "$@"`;

export interface HubProcessOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Its page and interface. */
  readonly url: string;
  /** hub.yaml; defaults without it. */
  readonly config?: string;
  /** Its folder, made and given to its user here. */
  readonly data: string;
}

export interface HubProcess extends AsyncDisposable {
  /** Undefined between its death and its next start. */
  pid(): number | undefined;
  /**
   * Resolves when it answers questions. Throws hub.cannot_listen where another
   * one does already, and hub.not_started when it does not in time, or was stopped.
   */
  ready(signal: AbortSignal): Promise<void>;
}

function idOf(flag: '-u' | '-g'): number {
  try {
    return Number(
      execFileSync('id', [flag, user], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
    );
  } catch (error) {
    throw new OperatorError('hub.no_user', { user }, { cause: error });
  }
}

/** The hub's user may enter its own folder, and nobody else may. */
function giveFolder(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  mkdirSync(path, { recursive: true, mode: 0o700 });
  chmodSync(path, 0o700);
  chownSync(path, idOf('-u'), idOf('-g'));
}

/** It starts in another folder: what names a file from this one must still find it. */
function spawnHub(words: readonly string[], asRoot: boolean): ChildProcess {
  const state = process.env['SONDE_STATE'];
  const env = state ? { ...process.env, SONDE_STATE: resolve(state) } : process.env;
  const options: SpawnOptions = { stdio: ['pipe', 'ignore', 'pipe'], detached: true, env };
  if (!asRoot) return spawn(join(root, 'bin/sonde'), words, options);
  mkdirSync(mountPoint, { recursive: true });
  const shell = ['--mount', '--propagation', 'private', '--', 'sh', '-c', unprivileged, 'sh'];
  return spawn('unshare', [...shell, root, mountPoint, ...words], options);
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(new URL('/readyz', url))).ok;
  } catch {
    return false; // not listening yet
  }
}

export function startHub(options: HubProcessOptions): HubProcess {
  const { clock, log, url, config, data } = options;
  const asRoot = process.getuid?.() === 0;
  if (asRoot) giveFolder(data);
  const words = ['hub', '--until-eof', ...(config === undefined ? [] : ['--config', resolve(config)])];
  const stopped = new AbortController();
  // Another hub there would be taken for ours.
  const isTaken = answers(url);
  let child: ChildProcess | undefined;

  async function runOnce(): Promise<void> {
    const started = spawnHub(words, asRoot);
    child = started;
    const ended = Promise.withResolvers<undefined>();
    started.once('error', (error) => {
      log.warn(`the hub does not start: ${error.message}`);
      ended.resolve(undefined);
    });
    started.once('exit', (code, signal) => {
      if (!stopped.signal.aborted || code !== 0)
        log.warn(`the hub ended (${signal ?? `exit ${String(code)}`})`);
      if (permanentCodes.has(code)) stopped.abort();
      ended.resolve(undefined);
    });
    started.stdin?.on('error', () => undefined); // it is gone; exit tells
    if (started.stderr) {
      createInterface(started.stderr).on('line', (line) => {
        log.info(`hub: ${line.replace(/^sonde: /, '')}`);
      });
    }
    await ended.promise;
    child = undefined;
  }

  async function supervise(): Promise<void> {
    let delayMs: number = hubProcessLimits.restartMsMin;
    if (await isTaken) return;
    while (!stopped.signal.aborted) {
      const startedNs = clock.monotonicNs();
      await runOnce();
      const livedMs = Number(clock.monotonicNs() - startedNs) / 1e6;
      if (livedMs > hubProcessLimits.settledMs) delayMs = hubProcessLimits.restartMsMin;
      await clock.sleep(delayMs, stopped.signal).catch(() => undefined); // stopped: the loop ends
      delayMs = Math.min(2 * delayMs, hubProcessLimits.restartMsMax);
    }
  }

  const supervised = supervise();

  return {
    pid: () => child?.pid,
    async ready(signal) {
      if (await isTaken)
        throw new OperatorError('hub.cannot_listen', { listen: url, reason: 'a hub answers there already' });
      const deadlineNs = clock.monotonicNs() + BigInt(hubProcessLimits.readyMsMax) * 1_000_000n;
      for (;;) {
        const isAnswered = await answers(url);
        signal.throwIfAborted();
        // Once ours has given up, who answers is another one's.
        if (stopped.signal.aborted || (!isAnswered && clock.monotonicNs() > deadlineNs))
          throw new OperatorError('hub.not_started', { url });
        if (isAnswered) return;
        await clock.sleep(hubProcessLimits.readyPollMs, signal);
      }
    },
    async [Symbol.asyncDispose]() {
      stopped.abort();
      child?.stdin?.end();
      const timer = setTimeout(() => child?.kill('SIGKILL'), hubProcessLimits.stopMsMax);
      await supervised;
      clearTimeout(timer);
    },
  };
}
