/**
 * What the chart's container does, without a container: its command, in a control group namespace of its own
 * and with its capabilities and no other.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseManifests, renderDefaults } from '../packaging/chart/render.ts';
import type { Report } from '../src/agent/check/report.ts';

interface Container {
  readonly command: readonly string[];
  readonly securityContext: { readonly capabilities: { readonly add: readonly string[] } };
}

interface DaemonSet {
  readonly template: { readonly spec: { readonly containers: readonly [Container] } };
}

const sonde = join(import.meta.dirname, '../bin/sonde');
const daemonSet = parseManifests(renderDefaults()).find(({ kind }) => kind === 'DaemonSet');
const [container] = (daemonSet?.['spec'] as DaemonSet).template.spec.containers;

/** As `sonde check` sees it there. */
function check(command: readonly string[]): Report {
  const kept = container.securityContext.capabilities.add.map((name) => `+${name.toLowerCase()}`);
  const only = ['--inh-caps=-all', '--ambient-caps=-all', `--bounding-set=-all,${kept.join()}`];
  const words = ['--cgroup', '--', 'setpriv', '--no-new-privs', ...only, ...command, 'check', '--json'];
  const { stdout, stderr, status } = spawnSync('unshare', words, { encoding: 'utf8', timeout: 60_000 });
  assert.ok(status === 0 || status === 1, stderr);
  return JSON.parse(stdout) as Report;
}

test("the container's command sees the node's control groups, and loads everything", () => {
  // Here the first process is not always one of this machine's namespaces; the test is.
  const command = container.command.map((word) =>
    word === '--target=1' ? `--target=${String(process.pid)}` : word,
  );
  assert.equal(command.pop(), 'sonde');
  assert.ok(command.includes('nsenter'));
  const foreign = (report: Report) =>
    report.findings.filter(({ detail }) => detail.includes("not the host's root but this container's"));
  const [without, within] = [check([sonde]), check([...command, sonde])];
  assert.equal(foreign(without).length, 1);
  assert.deepEqual(foreign(within), []);
  assert.deepEqual(
    within.signals.filter(({ result }) => result === 'missing'),
    [],
  );
});
