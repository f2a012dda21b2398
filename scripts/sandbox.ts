/**
 * A throwaway checkout for the tests of the shell scripts: a copy of scripts/, and a PATH on which nothing is
 * but the ordinary small tools and stand-ins that write down how they were called. So the tests install and
 * compile nothing, and say the same on every machine.
 */
import { spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const ordinaryTools = (
  'bash basename cat chmod cp dirname env flock grep ln mkdir mktemp mv nproc ' +
  'rm sed sha256sum sleep sort stat tail touch uname'
).split(' ');

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Sandbox extends Disposable {
  readonly path: string;
  write(file: string, text: string): void;
  remove(file: string): void;
  /** Puts a program on the PATH: `body` is bash, after a line that notes the call. */
  standIn(name: string, body?: string): void;
  /** How the stand-ins were called since the last time this was asked: `name argument argument`. */
  calls(): readonly string[];
  run(script: string, ...args: readonly string[]): Promise<Outcome>;
}

function findTool(name: string): string {
  const found = ['/usr/bin', '/bin', '/usr/local/bin'].map((folder) => join(folder, name)).find(existsSync);
  if (found === undefined) throw new Error(`${name} is not on this machine`);
  return found;
}

export function makeSandbox(): Sandbox {
  const path = mkdtempSync(join(tmpdir(), 'sonde-scripts-'));
  const bin = join(path, '.bin');
  const log = join(path, '.calls');
  mkdirSync(bin);
  writeFileSync(log, '');
  for (const tool of ordinaryTools) symlinkSync(findTool(tool), join(bin, tool));
  cpSync(import.meta.dirname, join(path, 'scripts'), { recursive: true });

  const write = (file: string, text: string): void => {
    mkdirSync(dirname(join(path, file)), { recursive: true });
    writeFileSync(join(path, file), text);
  };

  return {
    path,
    write,
    remove: (file) => {
      rmSync(join(path, file), { recursive: true, force: true });
    },
    standIn: (name, body = '') => {
      write(`.bin/${name}`, `#!${bin}/bash\nprintf '%s\\n' "${name} $*" >>${log}\n${body}\n`);
      chmodSync(join(bin, name), 0o755);
    },
    calls: () => {
      const lines = readFileSync(log, 'utf8').split('\n').filter(Boolean);
      writeFileSync(log, '');
      return lines;
    },
    run: (script, ...args) =>
      new Promise((resolve, reject) => {
        // SONDE_POLICY: what scripts/setup would write for the whole machine.
        const env = { PATH: bin, HOME: path, TMPDIR: path, SONDE_POLICY: join(path, '.policy') };
        const child = spawn(join(path, script), args, { env });
        let stdout = '';
        let stderr = '';
        child.stdout.on('data', (chunk) => (stdout += String(chunk)));
        child.stderr.on('data', (chunk) => (stderr += String(chunk)));
        child.on('error', reject);
        child.on('close', (code) => {
          resolve({ code: code ?? -1, stdout, stderr });
        });
      }),
    [Symbol.dispose]: () => {
      rmSync(path, { recursive: true, force: true });
    },
  };
}
