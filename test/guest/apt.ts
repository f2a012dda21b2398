/**
 * A private apt for one suite: its configuration, lists and packages live in a temporary folder, so that
 * nothing of the machine's own is touched. What it says is never passed on as it is: apt names the mirror in
 * every line, and a mirror's name is the machine's own business.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const outputBytesMax = 64 << 20;

/** apt failed in a way that says something about the mirror, and nothing about us. */
export class MirrorError extends Error {
  /** `absent`: the mirror answers, and has no such suite or package. */
  readonly kind: 'down' | 'absent';

  constructor(kind: MirrorError['kind'], message: string) {
    super(message);
    this.kind = kind;
  }
}

/** Without addresses and host names. */
function anonymous(text: string): string {
  return text
    .replace(/\b[a-z+]+:\/\/\S+/g, '<address>')
    .replace(/(resolve|connect to) \S+/g, '$1 <host>')
    .replace(/\b\d+\.\d+\.\d+\.\d+\b/g, '<host>');
}

/**
 * What a failure of apt means. Only what can be the mirror's fault is; a signature that is wrong is not: then
 * somebody else's kernel is on offer, and that must fail.
 */
export function aptFailure(said: string): Error {
  const text = anonymous(said).trim();
  if (/NO_PUBKEY|BADSIG|KEYEXPIRED|EXPKEYSIG|REVKEYSIG|signatures? (were|was)|is not signed/.test(text))
    return new Error(`a signature of the mirror is wrong: ${text}`);
  if (/does not have a Release file|404 +Not Found|Unable to locate package|No packages found/.test(text))
    return new MirrorError('absent', text);
  if (/Failed to fetch|Could not (connect|resolve)|Some index files failed|is expired/.test(text))
    return new MirrorError('down', text);
  return new Error(`apt failed: ${text}`);
}

/**
 * apt's configuration for one use. Read last, so it may clear what the machine's own would run after an
 * update.
 */
function configuration(folder: string): string {
  return [
    `Dir::Etc::sourcelist "${folder}/sources.list";`,
    'Dir::Etc::sourceparts "-";',
    `Dir::State::lists "${folder}/lists";`,
    `Dir::State::status "${folder}/status";`,
    `Dir::Cache "${folder}/cache";`,
    // The folder is root's alone, or the user's alone: apt's own user could not write there.
    'APT::Sandbox::User "root";',
    'APT::Architecture "amd64";',
    '#clear APT::Update::Post-Invoke;',
    '#clear APT::Update::Post-Invoke-Success;',
    '',
  ].join('\n');
}

export interface Apt extends AsyncDisposable {
  readonly suite: string;
  /** Downloads land here. */
  readonly folder: string;
  /** What it printed; throws aptFailure. */
  readonly run: (command: 'get' | 'cache', ...args: string[]) => Promise<string>;
}

/** `sources` is the text of a sources.list. Its lists are read from the mirror. Throws aptFailure. */
export async function openApt(suite: string, sources: string): Promise<Apt> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'sonde-apt-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'lists/partial'), { recursive: true });
  await mkdir(join(folder, 'cache/archives/partial'), { recursive: true });
  await writeFile(join(folder, 'status'), '');
  await writeFile(join(folder, 'sources.list'), sources);
  await writeFile(join(folder, 'apt.conf'), configuration(folder));
  const apt: Apt['run'] = async (command, ...args) => {
    const options = { cwd: folder, maxBuffer: outputBytesMax, env: { ...process.env, LC_ALL: 'C' } };
    const words = ['-c', join(folder, 'apt.conf'), '-q', ...args];
    try {
      return (await run(`apt-${command}`, words, options)).stdout;
    } catch (error) {
      throw aptFailure((error as { stderr?: string }).stderr ?? String(error));
    }
  };
  await apt('get', 'update', '-o', 'APT::Update::Error-Mode=any');
  const owned = stack.move();
  return { suite, folder, run: apt, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
