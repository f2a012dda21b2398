/**
 * The embedded ClickHouse: a child process on loopback that is started, watched, started again when it dies,
 * and stopped with the hub. It owns its folder; what is in `data` there outlives everything else.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../../lib/clock.ts';
import { OperatorError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import { engineFiles, makeUsers, removeConfiguration, writeConfiguration } from './configuration.ts';
import type { ClusterPart, Credentials, EngineConfiguration } from './configuration.ts';
import { engineCommand, findProgram, isOlder } from './program.ts';
import type { Command, EngineProgram } from './program.ts';
import { keepVersionNote } from './version-note.ts';

export const engineLimits = {
  /** From the start of the process to its first answer; a big journal of parts takes a while to load. */
  startMsMax: 60_000,
  startPollMs: 50,
  pingMs: 2000,
  pingMsMax: 10_000,
  /** Pings in a row without an answer, then it is ended and started again. */
  pingsMissedMax: 6,
  /** Its own way out takes 5 s more once all queries are over; being killed then loses nothing. */
  stopMsMax: 2000,
  backOffMsMin: 200,
  backOffMsMax: 10_000,
  /** A run this many times longer than the pause before the next one makes that pause short again. */
  livedLongPerBackOff: 4,
} as const;

export interface EngineOptions {
  /** Only this engine may write here. */
  readonly folder: string;
  readonly memoryMaxBytes: number;
  readonly log: Log;
  readonly clock: Clock;
  /** Found on this machine when it is not given. */
  readonly program?: EngineProgram;
  /** For trials that kill it often. */
  readonly backOffMsMax?: number;
  /** It is one of several that know each other. */
  readonly cluster?: ClusterPart;
}

export interface Engine {
  readonly kind: EngineProgram['kind'];
  /** Stays the same when the engine is started again. */
  readonly url: string;
  /** Creates and fills the tables. */
  readonly hub: Credentials;
  /** May only read. */
  readonly ask: Credentials;
  pid(): number | undefined;
  ready(): boolean;
  /** Starts after the first one. */
  restarts(): number;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Free a moment ago: somebody else may be quicker, and then the engine does not start. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function ping(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/ping`, { signal: AbortSignal.timeout(engineLimits.pingMsMax) });
    return (await response.text()).startsWith('Ok');
  } catch {
    // Not listening yet, or not any more.
    return false;
  }
}

function lastLine(file: string): string {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  return lines.at(-1) ?? 'it said nothing';
}

interface Run {
  readonly child: ChildProcess;
  /** Resolves with how it ended. */
  readonly ended: Promise<string>;
}

function start({ command, args }: Command, file: string): Run {
  const output = openSync(file, 'w', 0o600);
  // A group of its own: the Ctrl-C that stops the hub is not to end the engine before the hub has finished.
  const env = { ...process.env, SONDE_ENGINE_PARENT: String(process.pid) };
  const child = spawn(command, args, { stdio: ['ignore', output, output], detached: true, env });
  closeSync(output);
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  return { child, ended };
}

class SupervisedEngine implements Engine {
  readonly kind: EngineProgram['kind'];
  readonly url: string;
  readonly hub: Credentials;
  readonly ask: Credentials;
  readonly #options: EngineOptions;
  readonly #configuration: EngineConfiguration;
  readonly #program: EngineProgram;
  readonly #closing = new AbortController();
  #run: Run | undefined;
  #ready = false;
  #starts = 0;
  #supervision: Promise<void> = Promise.resolve();

  constructor(options: EngineOptions, program: EngineProgram, configuration: EngineConfiguration) {
    this.#options = options;
    this.#program = program;
    this.#configuration = configuration;
    this.kind = program.kind;
    this.url = `http://127.0.0.1:${configuration.httpPort}`;
    this.hub = configuration.users.hub;
    this.ask = configuration.users.ask;
  }

  pid(): number | undefined {
    return this.#run?.child.pid;
  }

  ready(): boolean {
    return this.#ready;
  }

  restarts(): number {
    return Math.max(0, this.#starts - 1);
  }

  /** Resolves when the engine answers; from then on it is kept running. */
  async open(): Promise<void> {
    const run = this.#start();
    if (!(await this.#becomesReady(run))) {
      await this.#kill(run);
      const { output, log } = this.#configuration.files;
      throw new OperatorError('engine.not_started', { reason: lastLine(output), log });
    }
    this.#supervision = this.#supervise(run);
  }

  #start(): Run {
    writeConfiguration(this.#configuration);
    this.#starts++;
    const { files } = this.#configuration;
    this.#run = start(engineCommand(this.#program, files, this.#configuration), files.output);
    return this.#run;
  }

  async #becomesReady(run: Run): Promise<boolean> {
    const { clock } = this.#options;
    const endMs = clock.bootMs() + engineLimits.startMsMax;
    const ended = run.ended.then(() => true);
    while (clock.bootMs() < endMs && !this.#closing.signal.aborted) {
      if (await ping(this.url)) {
        // Whoever asks may read any file with file('…'), and it reads these at start only.
        if (this.kind === 'packaged') removeConfiguration(this.#configuration.files);
        return (this.#ready = true);
      }
      if (await Promise.race([ended, clock.sleep(engineLimits.startPollMs).then(() => false)])) return false;
    }
    return false;
  }

  async #supervise(first: Run): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#closing;
    const { backOffMsMax = engineLimits.backOffMsMax } = this.#options;
    let backOffMs: number = engineLimits.backOffMsMin;
    for (let run = first; ; run = this.#start()) {
      const startMs = clock.bootMs();
      const why = (await this.#becomesReady(run)) ? await this.#watch(run) : 'did not start';
      if (signal.aborted) return;
      this.#ready = false;
      await this.#kill(run);
      const livedLong = clock.bootMs() - startMs > backOffMs * engineLimits.livedLongPerBackOff;
      if (livedLong) backOffMs = engineLimits.backOffMsMin;
      log.warn(`engine: ${why}; it is started again in ${backOffMs} ms`);
      const slept = clock.sleep(backOffMs, signal).then(() => true);
      if (!(await slept.catch(() => false))) return;
      backOffMs = Math.min(backOffMs * 2, backOffMsMax);
    }
  }

  /** Resolves with the reason why this run is over. */
  async #watch(run: Run): Promise<string> {
    const { clock } = this.#options;
    const { signal } = this.#closing;
    let missed = 0;
    const over = Promise.race([run.ended, once(signal, 'abort').then(() => 'it is stopped')]);
    while (!signal.aborted && missed < engineLimits.pingsMissedMax) {
      const ended = await Promise.race([over, clock.sleep(engineLimits.pingMs).then(() => undefined)]);
      if (ended !== undefined) return `ended (${ended})`;
      missed = (await ping(this.url)) ? 0 : missed + 1;
      this.#ready = missed === 0;
    }
    return signal.aborted ? 'it is stopped' : `did not answer ${missed} times`;
  }

  /** Lets what runs end: first asked, then made to. */
  async #stop(run: Run): Promise<void> {
    if (this.kind === 'installed') run.child.kill('SIGTERM');
    else await this.#cancelBootstrap();
    const { clock } = this.#options;
    await Promise.race([run.ended, clock.sleep(engineLimits.stopMsMax)]);
  }

  async #cancelBootstrap(): Promise<void> {
    // Never SYNC: it would wait for a query that ends with the process.
    const query = "KILL QUERY WHERE user = '' AND is_initial_query ASYNC";
    const { username, password } = this.hub;
    const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    const signal = AbortSignal.timeout(engineLimits.pingMsMax);
    await fetch(this.url, { method: 'POST', body: query, headers: { authorization }, signal }).catch(
      (error: unknown) => this.#options.log.warn(`engine: cannot be asked to stop (${String(error)})`),
    );
  }

  async #kill(run: Run): Promise<void> {
    run.child.kill('SIGKILL');
    await run.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#supervision;
    if (this.#run === undefined) return;
    if (this.#ready) await this.#stop(this.#run);
    this.#ready = false;
    await this.#kill(this.#run);
  }
}

export async function openEngine(options: EngineOptions): Promise<Engine> {
  mkdirSync(options.folder, { recursive: true, mode: 0o700 });
  const program = options.program ?? (await findProgram());
  keepVersionNote(options.folder, program.release);
  const { cluster } = options;
  const engine = new SupervisedEngine(options, program, {
    files: engineFiles(options.folder),
    users: cluster?.users ?? makeUsers(),
    httpPort: await freePort(),
    memoryMaxBytes: options.memoryMaxBytes,
    isNew: !isOlder(program.release, { major: 26, minor: 7 }),
    ...(cluster === undefined ? {} : { tcpPort: cluster.tcpPort, cluster }),
  });
  await engine.open();
  return engine;
}
