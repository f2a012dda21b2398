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
 * The text of a sources.list for these suites. A security suite comes from where the machine takes its own,
 * and is left out when it takes none. Always checked with Debian's own keys, whatever the machine's entries
 * say.
 */
export async function debianSources(suites: readonly string[]): Promise<string> {
  const release = /^VERSION_CODENAME=(\w+)/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1];
  if (release === undefined) throw new Error('kernels come from Debian, and this machine is not one');
  const keyring = keyrings.find(existsSync);
  if (keyring === undefined) throw new Error('debian-archive-keyring is not installed');
  const machine = await machineSuites();
  const mirror = machine.get(release);
  if (mirror === undefined) throw new Error(`apt on this machine has no source for ${release} main`);
  const lines = suites.flatMap((suite) => {
    const uri = suite.endsWith('-security') ? machine.get(`${release}-security`) : mirror;
    return uri === undefined ? [] : [`deb [arch=amd64 signed-by=${keyring}] ${uri} ${suite} main\n`];
  });
  return lines.join('');
}
