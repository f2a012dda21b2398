/** Which ClickHouse runs: one that is installed here, else the packaged library. */
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { accessSync, constants } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { OperatorError } from '../../lib/errors.ts';
import type { EngineFiles } from './configuration.ts';

const run = promisify(execFile);

/** Older ones lack what the migrations use. */
const oldest = { major: 24, minor: 8 };

const launcher = join(import.meta.dirname, '../../../build/sonde-engine');

export interface EngineProgram {
  readonly kind: 'installed' | 'packaged';
  readonly command: string;
  /** Path of the program or of the library. */
  readonly path: string;
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

/** `ClickHouse server version 24.8.4.13 (official build).` */
export function isRecentEnough(versionLine: string): boolean {
  const match = /version (\d+)\.(\d+)\./.exec(versionLine);
  if (match === null) return false;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major > oldest.major || (major === oldest.major && minor >= oldest.minor);
}

async function installedProgram(): Promise<string | undefined> {
  const path = findOnPath('clickhouse');
  if (path === undefined) return undefined;
  const { stdout } = await run(path, ['server', '--version']);
  return isRecentEnough(stdout) ? path : undefined;
}

function packagedLibrary(): string | undefined {
  const name = `@chdb/lib-linux-${process.arch}-gnu`;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), 'libchdb.so');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

export async function findProgram(): Promise<EngineProgram> {
  const installed = await installedProgram();
  if (installed !== undefined) return { kind: 'installed', command: launcher, path: installed };
  const library = packagedLibrary();
  if (library !== undefined) return { kind: 'packaged', command: launcher, path: library };
  throw new OperatorError('engine.no_program', { machine: `${process.platform} on ${process.arch}` });
}

/** The query that goes on for as long as the engine does: clickhouse-local ends with its queries. */
const bootstrap = [
  'SYSTEM START LISTEN HTTP',
  'SELECT sleepEachRow(3) FROM system.numbers ' +
    'SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 0 FORMAT Null',
].join('; ');

/** The launcher's arguments. */
export function engineArguments(
  program: EngineProgram,
  { server, data }: EngineFiles,
  port: number,
): string[] {
  if (program.kind === 'installed') {
    return ['--program', program.path, 'server', `--config-file=${server}`];
  }
  return [
    program.path,
    `--path=${data}`,
    '--listen_host=127.0.0.1',
    `--http_port=${port}`,
    `--config-file=${server}`,
    '--query',
    bootstrap,
  ];
}
