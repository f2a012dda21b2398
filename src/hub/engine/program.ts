/** Which ClickHouse runs: one that is installed here, else the packaged library. */
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { OperatorError } from '../../lib/errors.ts';
import type { EngineFiles } from './configuration.ts';

const run = promisify(execFile);

/** Older ones lack what the migrations use. */
const oldest: Release = { major: 24, minor: 8 };

export const launcher = join(import.meta.dirname, '../../../build/sonde-engine');

export interface Release {
  readonly major: number;
  readonly minor: number;
}

export interface EngineProgram {
  readonly kind: 'installed' | 'packaged';
  /** Path of the program or of the library. */
  readonly path: string;
  readonly release: Release;
}

function findOnPath(name: string): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' && code !== 'EACCES' && code !== 'ENOTDIR') throw error;
    }
  }
  return undefined;
}

/** `ClickHouse server version 24.8.4.13 (official build).`, or `26.7`. */
export function parseRelease(text: string): Release | undefined {
  const match = /(\d+)\.(\d+)/.exec(text);
  return match === null ? undefined : { major: Number(match[1]), minor: Number(match[2]) };
}

export function isOlder(release: Release, than: Release): boolean {
  return release.major < than.major || (release.major === than.major && release.minor < than.minor);
}

async function installedProgram(): Promise<EngineProgram | undefined> {
  const path = findOnPath('clickhouse');
  if (path === undefined) return undefined;
  const release = parseRelease((await run(path, ['server', '--version'])).stdout);
  if (release === undefined || isOlder(release, oldest)) return undefined;
  return { kind: 'installed', path, release };
}

function packagedProgram(): EngineProgram | undefined {
  const name = `@chdb/lib-linux-${process.arch}-gnu/package.json`;
  try {
    const manifest = createRequire(import.meta.url).resolve(name);
    const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
    const release = parseRelease(version) ?? oldest;
    return { kind: 'packaged', path: join(dirname(manifest), 'libchdb.so'), release };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

export async function findProgram(): Promise<EngineProgram> {
  const program = (await installedProgram()) ?? packagedProgram();
  if (program !== undefined) return program;
  throw new OperatorError('engine.no_program', { machine: `${process.platform} on ${process.arch}` });
}

/**
 * clickhouse-local ends with its queries, so the last one goes on until it is cancelled. It looks whether
 * it was only when a sleep is over.
 */
const wait =
  'SELECT sleepEachRow(0.5) FROM system.numbers ' +
  'SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 0 FORMAT Null';

export interface Ports {
  readonly httpPort: number;
  /** For the shards of one cluster among each other. */
  readonly tcpPort?: number | undefined;
}

export interface Command {
  readonly command: string;
  readonly args: readonly string[];
}

export function engineCommand(program: EngineProgram, files: EngineFiles, ports: Ports): Command {
  const { httpPort, tcpPort } = ports;
  if (program.kind === 'installed') {
    return {
      command: launcher,
      args: ['--program', program.path, 'server', `--config-file=${files.server}`],
    };
  }
  const listenTcp = tcpPort === undefined ? [] : ['SYSTEM START LISTEN TCP'];
  return {
    command: launcher,
    args: [
      program.path,
      `--path=${files.data}`,
      '--listen_host=127.0.0.1',
      `--http_port=${httpPort}`,
      ...(tcpPort === undefined ? [] : [`--tcp_port=${tcpPort}`]),
      '--log-level=warning',
      `--config-file=${files.server}`,
      '--query',
      ['SYSTEM START LISTEN HTTP', ...listenTcp, wait].join('; '),
    ],
  };
}
