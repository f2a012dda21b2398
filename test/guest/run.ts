/**
 * node test/guest/run.ts --kernel 6.1 [--file PATH[:DEST]] [--env NAME=VALUE] [--tool NAME] [--artifact PATH]
 *   [--append ARGUMENTS] [--smp 2] [--memory MIB] [--timeout SECONDS] -- COMMAND …
 *
 * Exits with the command's code, or 125 when there was no guest to run it in.
 */
import type { ParseArgsOptionsConfig } from 'node:util';
import { parseArgs } from 'node:util';
import type { GuestOptions } from './guest.ts';
import { runInGuest } from './guest.ts';
import { kernelSource } from './kernels.ts';
import type { GuestFile } from './project.ts';

const noGuest = 125;

const options = {
  kernel: { type: 'string' },
  file: { type: 'string', multiple: true },
  env: { type: 'string', multiple: true },
  tool: { type: 'string', multiple: true },
  artifact: { type: 'string', multiple: true },
  append: { type: 'string', default: '' },
  smp: { type: 'string', default: '1' },
  memory: { type: 'string', default: '1024' },
  timeout: { type: 'string', default: '120' },
} satisfies ParseArgsOptionsConfig;

function guestFile(text: string): GuestFile {
  const [from = '', to] = text.split(':');
  return to === undefined ? from : { from, to };
}

function pair(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw new Error(`--env wants NAME=VALUE, not ${text}`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function read(argv: readonly string[]): GuestOptions {
  const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true });
  const { kernel = '' } = values;
  kernelSource(kernel); // throws what names there are
  if (positionals.length === 0) throw new Error('which command? it comes after --');
  return {
    kernel,
    files: (values.file ?? []).map(guestFile),
    command: positionals,
    env: Object.fromEntries((values.env ?? []).map(pair)),
    tools: values.tool ?? [],
    commandLine: values.append,
    smp: values.smp === '2' ? 2 : 1,
    memoryMiB: Number(values.memory),
    timeoutMs: Number(values.timeout) * 1000,
    artifacts: values.artifact ?? [],
    onOutput: (bytes) => void process.stdout.write(bytes),
  };
}

/** Stopped by hand, the guest goes first, and its folder with it. */
const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort(new Error(name)));

try {
  const result = await runInGuest({ ...read(process.argv.slice(2)), signal: stop.signal });
  const where = result.artifactsDir === undefined ? '' : `, artifacts in ${result.artifactsDir}`;
  console.error(`[${result.release}: booted in ${result.bootMs} ms, exit ${result.exitCode}${where}]`);
  process.exitCode = result.exitCode;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = noGuest;
}
