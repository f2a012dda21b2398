/**
 * The Debian packages: built, installed into a copy of this machine that nothing else sees (an overlay on its
 * root in a mount namespace of its own, with a dpkg database of its own), run, upgraded, removed, purged.
 */

import assert from 'node:assert/strict';
import { execFileSync, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { buildPackage, packageNamed } from '../packaging/build.ts';
import { contentsOf } from '../packaging/contents.ts';
import { repacked } from './repacked.ts';

const folder = mkdtempSync(join(tmpdir(), 'sonde-packages-'));
const root = join(import.meta.dirname, '..');
/** The library of the engine, 543 MB: not packed for a test, and put where the package has it. */
const chdb = join(root, 'node_modules/@chdb');
after(() => {
  rmSync(folder, { recursive: true });
});

/** An installed size may be so far from what the docs say. */
const sizeMbMax = 10;

function build(name: string, version: string, out = join(folder, version)): string {
  return buildPackage(packageNamed(name), { out, level: 1, version });
}

/** The copy is of a machine on which Sonde never was, whatever was tried on this one. */
const neverHere = `PATH=/usr/sbin:/usr/bin:/sbin:/bin
rm -rf /etc/sonde /var/{lib,log,cache}/sonde /var/cache/sonde-hub
userdel sonde; groupdel sonde; rm -f /etc/{passwd,shadow,group,gshadow}-; true`;

/** Runs bash where the copy is the root, `$debs` what was built, `$changed` what is new or gone below it. */
function inCopy(script: string): SpawnSyncReturns<string> {
  const around = `
set -e
ip link set lo up
mount -t tmpfs -o size=3g tmpfs "$1/copy"
mkdir "$1/copy/"{before,cleaning,upper,work,root}
mount -t overlay -o "lowerdir=/,upperdir=$1/copy/before,workdir=$1/copy/cleaning" overlay "$1/copy/root"
chroot "$1/copy/root" bash -c '${neverHere}'
umount "$1/copy/root"
layers="lowerdir=$1/copy/before:/,upperdir=$1/copy/upper,workdir=$1/copy/work"
mount -t overlay -o "$layers" overlay "$1/copy/root"
cd "$1/copy/root"
for each in proc sys dev; do mount --rbind "/$each" "$each"; done
mount -t tmpfs tmpfs run
mkdir -p debs upper
mount --bind "$1" debs
mount --bind "$1/copy/upper" upper
mkdir chdb
mount --bind "$2" chdb
export DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin SONDE_BPFFS= SONDE_STATE= SONDE_RUN=
exec chroot . bash -ec "$3"`;
  return spawnSync(
    'unshare',
    ['--mount', '--net', '--propagation', 'private', 'bash', '-c', around, 'bash', folder, chdb, script],
    {
      encoding: 'utf8',
      timeout: 120_000,
    },
  );
}

function succeeds(script: string): string[] {
  const { status, stdout, stderr } = inCopy(script);
  assert.equal(status, 0, `${stdout}\n${stderr}`);
  return stdout.split('\n').slice(0, -1);
}

const dpkg = 'dpkg --force-unsafe-io --force-confold';
const install = (deb: string) => `${dpkg} --install ${deb.replace(folder, '/debs')} >/dev/null`;
/** What is below the copy's root and was not before. dpkg keeps its database and its log. */
const left = `cd /upper; find . ! -type d ! -path './var/lib/dpkg/*' ! -path './var/log/*' \\
  ! -path './etc/*-' ! -path './etc/*.lock' ! -path './var/cache/ldconfig/*' ! -path './chdb' -print`;

/** Says `sound` for a unit that systemd takes, and that leaves less open than most (from 0 to 100). */
const unit = (name: string) => `
systemd-analyze verify --man=no --recursive-errors=no ${name}.service
systemd-analyze security --offline=true --threshold=40 /usr/lib/systemd/system/${name}.service >/dev/null
echo sound`;

const agentProgram = `
instance=packages-$$
cat >/etc/sonde/agent.yaml <<Y
instance: $instance
window: 1s
exporters: { jsonl: { path: /var/log/records.jsonl } }
Y
sonde agent --config /etc/sonde/agent.yaml &
agent=$!
trap 'kill $agent' ERR
for ((i = 0; i < 600; i++)); do ! grep -qs sonde.window /var/log/records.jsonl || break; sleep 0.1; done
sonde status --instance $instance | grep '^runs as' || true
kill $agent
wait $agent
grep -c sonde.window /var/log/records.jsonl`;

describe('packages', () => {
  let agent = '';
  before(() => {
    mkdirSync(join(folder, 'copy'));
    agent = build('sonde-agent', '0.1.0');
  });

  test('the same checkout gives the same bytes', () => {
    const again = build('sonde-agent', '0.1.0', join(folder, 'again'));
    assert.ok(readFileSync(agent).equals(readFileSync(again)));
    rmSync(again);
  });

  test("the agent's has nothing of hub, page and engine; its size is in the docs", () => {
    const listed = execFileSync('dpkg-deb', ['--contents', agent], { encoding: 'utf8' }).split('\n');
    const foreign = [
      /\/sonde-agent\/(src\/hub|web|build\/web|lab|native|bpf)\//,
      /\/(@chdb|fastify|react-dom)\/|\/sonde-engine|\.test\./,
    ];
    assert.deepEqual(
      listed.filter((line) => foreign.some((of) => of.test(line))),
      [],
    );
    assert.equal(
      listed.filter((line) => /^-rwxr-xr-x root\/root .* \.\/usr\/bin\/sonde$/.test(line)).length,
      1,
    );
    const kib = Number(execFileSync('dpkg-deb', ['--field', agent, 'Installed-Size'], { encoding: 'utf8' }));
    const docs = readFileSync(join(root, 'docs/operating/install.md'), 'utf8');
    const told = Number(/`sonde-agent` takes (\d+) MB installed/.exec(docs)?.[1]);
    assert.ok(Math.abs((kib * 1024) / 1e6 - told) < sizeMbMax, `${String(kib)} KiB`);
  });

  test('it installs, runs, keeps its configuration when upgraded, leaves nothing when purged', () => {
    const newer = repacked(agent, { version: '0.1.1', configuration: '# another text\n' });
    const script = `
${install(agent)}
sonde --version
sonde check --json >/tmp/check.json || [ $? = 1 ]
${agentProgram}
${unit('sonde-agent')}
dpkg --verify sonde-agent | grep -v agent.yaml || true
${install(newer)}
dpkg-query -W -f '\${Version}\n' sonde-agent
head -n 1 /etc/sonde/agent.yaml
dpkg --remove sonde-agent >/dev/null 2>&1
ls -d /etc/sonde/agent.yaml /usr/lib/sonde-agent /usr/bin/sonde 2>/dev/null || true
dpkg --purge sonde-agent >/dev/null 2>&1
rm /tmp/check.json /var/log/records.jsonl
echo left:
${left}`;
    const [version, runs, windows, sound, upgraded, configured, kept, ...rest] = succeeds(script);
    assert.match(version ?? '', /^sonde \d+\.\d+\.\d+$/);
    assert.match(runs ?? '', /^runs as root with CAP_NET_ADMIN, .*, CAP_BPF and nothing else, for good$/);
    assert.ok(Number(windows) > 0);
    assert.equal(sound, 'sound');
    assert.equal(upgraded, '0.1.1');
    assert.match(configured ?? '', /^instance: packages-/);
    assert.equal(kept, '/etc/sonde/agent.yaml', 'removed, the configuration stays');
    // The group stays, as Debian's packages leave it: files of its may be anywhere.
    const accounts = ['./etc/group', './etc/gshadow'];
    assert.deepEqual(
      rest.filter((line) => !accounts.includes(line)),
      ['left:'],
    );
  });

  test("the hub's: its user, its unit, and it answers", () => {
    const spec = { ...packageNamed('sonde-hub'), modules: [] };
    const deb = buildPackage(spec, { out: join(folder, 'hub'), level: 1, version: '0.1.0' });
    const script = `
${install(deb)}
getent passwd sonde | cut -d: -f1,6,7
sonde-hub hub --check-config --config /etc/sonde/hub.yaml
sonde-hub --version
ln -s /chdb /usr/lib/sonde-hub/node_modules/@chdb
install -d -o sonde -g sonde /var/lib/sonde/hub
setpriv --reuid=sonde --regid=sonde --init-groups --bounding-set=-all --no-new-privs sonde-hub hub &
hub=$!
trap 'kill $hub' ERR
for ((i = 0; i < 600; i++)); do ! curl -sf http://127.0.0.1:7400/readyz >/dev/null || break; sleep 0.1; done
curl -s -o /dev/null -w '%{http_code} ready\n' http://127.0.0.1:7400/readyz
curl -s -o /dev/null -w '%{http_code} page\n' http://127.0.0.1:7400/
sonde-hub ask timeouts --json | grep -oF '"rows":[]'
kill $hub
wait $hub
rm /usr/lib/sonde-hub/node_modules/@chdb
${unit('sonde-hub')}
dpkg --purge sonde-hub >/dev/null 2>&1
echo left:
${left}`;
    const accounts = /^\.\/etc\/(passwd|group|g?shadow|subuid|subgid)$/;
    assert.deepEqual(
      succeeds(script)
        .filter((line) => !accounts.test(line))
        .map((line) => line.replace(/\d+\.\d+\.\d+/, 'N')),
      [
        'sonde:/nonexistent:/usr/sbin/nologin',
        'sonde N',
        '200 ready',
        '200 page',
        '"rows":[]',
        'sound',
        'left:',
      ],
    );
    const { files, modules } = contentsOf(root, packageNamed('sonde-hub'));
    assert.ok(modules.includes('node_modules/@chdb/lib-linux-x64-gnu') || process.arch !== 'x64');
    assert.ok(!files.some((path) => path.startsWith('src/agent/') || path.startsWith('bpf/')));
  });
});
