/**
 * Where Debian's packages come from: the mirror in the machine's own apt configuration, for any suite of it.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Debian 13 renamed it; both are the archive's keys and nobody else's. */
const keyrings = ['gpg', 'pgp'].map((e) => `/usr/share/keyrings/debian-archive-keyring.${e}`);

/**
 * Address by suite, for what the machine takes from `main`. Other archives use Debian's suite names too, but
 * not that.
 */
async function machineSuites(): Promise<ReadonlyMap<string, string>> {
  const format = '$(COMPONENT) $(RELEASE) $(REPO_URI)';
  const { stdout } = await run('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']);
  const rows = stdout.split('\n').map((line) => line.split(' '));
  return new Map(
    rows.flatMap(([component, suite, uri]) => (component === 'main' && suite && uri ? [[suite, uri]] : [])),
  );
}

/**
 * The text of a sources.list for one suite, with its security suite when the machine has one of its own.
 * Always checked with Debian's own keys, whatever the machine's entries say.
 */
export async function debianSources(suite: string): Promise<string> {
  const release = /^VERSION_CODENAME=(\w+)/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1];
  if (release === undefined)
    throw new Error('guests take their kernels from Debian, and this machine is not one');
  const keyring = keyrings.find(existsSync);
  if (keyring === undefined) throw new Error('debian-archive-keyring is not installed');
  const machine = await machineSuites();
  const line = (uri: string, name: string): string =>
    `deb [arch=amd64 signed-by=${keyring}] ${uri} ${name} main`;
  const mirror = machine.get(release);
  if (mirror === undefined) throw new Error(`apt on this machine has no source for ${release} main`);
  const security = machine.get(`${release}-security`);
  // Backports and releases past their end have no security suite.
  const isCurrent = ['bookworm', 'trixie'].includes(suite);
  const lines = [
    line(mirror, suite),
    ...(security && isCurrent ? [line(security, `${suite}-security`)] : []),
  ];
  return `${lines.join('\n')}\n`;
}
