/**
 * The agent's package on a Debian that booted, with systemd as the first process and nothing of this machine
 * but the package: installed, configured, there after the next boot within what its unit allows, reloaded,
 * killed, upgraded, stopped, purged.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { buildPackage, packageNamed } from '../packaging/build.ts';
import { agentCapabilities, maskOf } from '../src/lib/capabilities.ts';
import type { SondeRecord } from '../src/model/record.ts';
import { debianDisk } from './guest/disk.ts';
import { runInGuest, type GuestResult } from './guest/guest.ts';
import { repacked } from './repacked.ts';
import { flowSums } from './truth.ts';

const kernel = '6.1';
const timeoutMs = 600_000;
const records = '/var/log/sonde/records.jsonl';

/** Files that packages bring; what systemd, dpkg and the log write at any time is left out. */
const files = `find / -xdev \\( -path /var/lib/dpkg -o -path /var/lib/systemd -o -path /var/log \\
  -o -path /tmp -o -path /var/tmp -o -path /var/cache/ldconfig \\) -prune \\
  -o ! -type d ! -path '/etc/*-' ! -path '/etc/*.lock' -print | sort`;

const prelude = `
unset NODE_OPTIONS
export DEBIAN_FRONTEND=noninteractive HOME=/root
say() { echo $*; }
until_() {
  for ((i = 0; i < 500; i++)); do ! eval "$1" >/dev/null 2>&1 || return 0; sleep 0.2; done
  echo "never: $1"
  return 1
}
property() { systemctl show --property "$1" --value sonde-agent; }
trap 'journalctl --no-pager --unit sonde-agent | tail -n 40; systemctl status --no-pager sonde-agent' ERR
`;

const install = `set -eE
${prelude}
${files} >/var/lib/systemd/files-before
dpkg --install /sonde/agent.deb >/dev/null
say installed "$(property LoadState) $(property UnitFileState) $(property ActiveState)"
cat >/etc/sonde/agent.yaml <<Y
# of the administrator
environment: first
window: 1s
budget: { cpu: 1000% }
exporters: { jsonl: { path: ${records} } }
Y
systemctl enable --quiet sonde-agent
`;

const service = `set -eE
${prelude}
refused() { for ((i = 0; i < $1; i++)); do (: </dev/tcp/127.0.0.1/81) 2>/dev/null || true; done; }
accepted() { for ((i = 0; i < $1; i++)); do (: </dev/tcp/127.0.0.1/8082); done; }
told() { until_ "grep -q '\\"environment\\":\\"$1\\"' ${records}"; }
busybox nc -ll -p 8082 -e /bin/true &
listener=$!

until_ 'systemctl is-active sonde-agent'
say boot "$(property ActiveState) $(property UnitFileState)"
until_ 'sonde status'
until_ 'ss -Hltn | grep :8082'
pid=$(property MainPID)
say threads "$(ls /proc/$pid/task | wc -l)"
for name in CapInh CapPrm CapEff CapBnd CapAmb NoNewPrivs Seccomp; do
  say $name "$(awk -v name=$name: '$1 == name { print $2 }' /proc/$pid/task/*/status | sort -u | xargs)"
done
for folder in /usr /etc /var/lib /var/log/sonde /var/lib/sonde/agent; do
  say "write $folder" "$(nsenter --target $pid --mount sh -c ": >$folder/tried && rm $folder/tried" 2>&1 |
    grep -o 'Read-only file system' || echo done)"
done
say security "$(systemd-analyze security --no-pager sonde-agent | grep -o 'Overall exposure.*')"
refused 7
accepted 20

sed -i s/first/second/ /etc/sonde/agent.yaml
systemctl reload sonde-agent
refused 5
told second
say reloaded "$(property ActiveState) $([ "$(property MainPID)" = $pid ] && echo 'the same process')"

systemctl kill --signal KILL sonde-agent
refused 3
until_ '[ "$(property MainPID)" != $pid ] && [ "$(property MainPID)" != 0 ] && sonde status'
pid=$(property MainPID)
say killed "$(property ActiveState) $(property NRestarts) restart"

sed -i s/second/third/ /etc/sonde/agent.yaml
dpkg --force-confold --install /sonde/later.deb >/dev/null 2>&1
refused 4
told third
say upgraded "$(dpkg-query -W -f '\${Version}' sonde-agent) $(property ActiveState) \\
$([ "$(property MainPID)" = $pid ] && echo 'the same process') \\
of $(readlink /proc/$pid/exe), $(head -n 1 /etc/sonde/agent.yaml)"

systemctl stop sonde-agent
kill $listener
say stopped "$(property ActiveState) $(property Result)" \\
  "$(find /sys/fs/bpf -mindepth 1 ! -type d | wc -l) pinned"
dpkg --purge sonde-agent >/dev/null 2>&1
say purged "$(property LoadState)"
${files} >/var/lib/systemd/files-after
say left "$(comm -13 /var/lib/systemd/files-before /var/lib/systemd/files-after | xargs)"
`;

function linesOf({ output, exitCode, kernelLog }: GuestResult): string[] {
  assert.equal(exitCode, 0, `${output}\n${kernelLog.slice(-2000)}`);
  return output.trimEnd().split('\n');
}

const mask = maskOf(agentCapabilities).toString(16).padStart(16, '0');
const home = `/usr/lib/sonde-agent/node_modules/node-linux-${process.arch}/bin`;
const none = '0'.repeat(16);

/** Numbers that may be others the next time are N. */
const expected = [
  'boot active enabled',
  'threads N',
  `CapInh ${none}`,
  `CapPrm ${mask}`,
  `CapEff ${mask}`,
  `CapBnd ${mask}`,
  `CapAmb ${none}`,
  'NoNewPrivs 1',
  'Seccomp 2',
  'write /usr Read-only file system',
  'write /etc Read-only file system',
  'write /var/lib Read-only file system',
  'write /var/log/sonde done',
  'write /var/lib/sonde/agent done',
  'security Overall exposure level for sonde-agent.service: N',
  'reloaded active the same process',
  'killed active 1 restart',
  `upgraded 0.1.1 active the same process of ${home}/node, # of the administrator`,
  'stopped inactive success 0 pinned',
  'purged not-found',
  'left',
];

function withoutNumbers(line: string): string {
  return line.replace(/^(threads|security .*:) .*$/, '$1 N');
}

describe('the package of the agent on a booted Debian', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-booted-'));
  const disk = join(folder, 'disk');
  const debs = { agent: '', later: '' };
  after(() => {
    rmSync(folder, { recursive: true });
  });
  before(async () => {
    const spec = packageNamed('sonde-agent');
    debs.agent = buildPackage(spec, { out: folder, level: 1, version: '0.1.0' });
    debs.later = repacked(debs.agent, { version: '0.1.1', configuration: '# another text\n' });
    const needs = (spec.control['Depends'] ?? '').split(', ').map((name) => name.split(' ')[0] ?? '');
    await debianDisk(disk, needs);
  });

  const boot = (script: string): Promise<GuestResult> =>
    runInGuest({
      ...{ kernel, disk, timeoutMs, init: 'disk', memoryMiB: 2048 },
      files: [
        { from: debs.agent, to: 'agent.deb' },
        { from: debs.later, to: 'later.deb' },
      ],
      command: ['bash', '-c', script],
      artifacts: [records],
      commandLine: 'systemd.getty_auto=no systemd.show_status=no systemd.firstboot=no',
    });

  test('is installed, and waits for the administrator', async () => {
    const { artifactsDir, ...result } = await boot(install);
    rmSync(artifactsDir ?? '', { recursive: true });
    assert.deepEqual(linesOf(result), ['installed loaded disabled inactive']);
  });

  test('runs within its unit from the next boot on, counts on through all, leaves no trace', async (t) => {
    const { artifactsDir = '', ...result } = await boot(service);
    const path = join(artifactsDir, records);
    const flows = readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as SondeRecord)
      .filter((record) => record['event.name'] === 'sonde.flow');
    rmSync(artifactsDir, { recursive: true });
    const lines = linesOf(result);
    t.diagnostic(lines.filter((line) => /^(threads|security)/.test(line)).join('; '));
    assert.deepEqual(lines.map(withoutNumbers), expected);
    const sums = Object.entries(flowSums(flows)).map(([key, { ended }]) => [key, ended] as const);
    assert.deepEqual(sums.filter(([key]) => /^bash egress .*(closed|refused)$/.test(key)).sort(), [
      // Profile failures: what went well, by port only.
      ['bash egress 0.0.0.0/0 8082 closed', 20],
      ['bash egress 127.0.0.1 81 refused', 7 + 5 + 3 + 4],
    ]);
  });
});
