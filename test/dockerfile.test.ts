/** deploy/docker/Dockerfile, as far as it can be judged without an engine. */

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { validate } from 'dockerfile-utils';
import { chartValues } from '../packaging/chart/render.ts';
import { packages } from '../packaging/packages.ts';

const root = join(import.meta.dirname, '..');
const text = readFileSync(join(root, 'deploy/docker/Dockerfile'), 'utf8');

/** Name to its text, in order. */
const stages = new Map(
  text
    .split(/^(?=FROM )/m)
    .slice(1)
    .map((stage) => [/^FROM \S+ AS (\w+)$/m.exec(stage)?.[1] ?? '', stage] as const),
);

test('it is sound', () => {
  assert.deepEqual(validate(text), []);
  assert.notDeepEqual(validate(text.replace('WORKDIR', 'WORKDIRS')), []);
});

test('a stage that builds, and one for each package, which runs its program', () => {
  const names = packages.map(({ name }) => name.replace('sonde-', ''));
  assert.deepEqual([...stages.keys()], ['build', ...names]);
  assert.match(stages.get('build') ?? '', /^RUN npm run package$/m);
  for (const { name, program } of packages) {
    const stage = stages.get(name.replace('sonde-', '')) ?? '';
    assert.match(stage, new RegExp(` /packages/${name}_\\*\\.deb `));
    assert.match(stage, /from=build,source=\/src\/build\/packages,target=\/packages /);
    assert.ok(stage.includes(`ENTRYPOINT ["/usr/bin/${program}"]`));
    const file = /^CMD \["\w+", "--config", "(.*)"\]$/m.exec(stage)?.[1] ?? '';
    assert.ok(existsSync(join(root, 'packaging', name.replace('sonde-', ''), 'files', file)), file);
  }
});

test('no port is opened; the hub is nobody in particular', () => {
  assert.doesNotMatch(text, /^EXPOSE/m);
  const hub = stages.get('hub') ?? '';
  const [, user, group] = /^USER (\d+):(\d+)$/m.exec(hub) ?? [];
  assert.match(hub, new RegExp(`--gid ${group ?? ''} sonde .*\\n.*--uid ${user ?? ''} `));
  const chart = readFileSync(join(root, 'deploy/helm/sonde/templates/hub.yaml'), 'utf8');
  assert.deepEqual(
    [...chart.matchAll(/(?:runAsUser|runAsGroup|fsGroup): (\d+)/g)].map(([, id]) => id),
    [user, group, group],
  );
  // The agent may give its socket to a group that it is in.
  assert.ok(stages.get('agent')?.includes(`--gid ${group ?? ''} sonde`));
  const agent = readFileSync(join(root, 'deploy/helm/sonde/templates/agent.yaml'), 'utf8');
  assert.ok(agent.includes(`supplementalGroups: [${group ?? ''}]`));
});

test('what it is called is what the chart asks for', () => {
  const { agent, hub } = chartValues() as Record<'agent' | 'hub', { image: { repository: string } }>;
  for (const { repository } of [agent.image, hub.image]) assert.ok(text.includes(`--tag ${repository}:`));
});

test('nothing that is packaged is kept from the builder', () => {
  const ignored = readFileSync(join(root, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => /^[\w.]/.test(line));
  const found = packages.flatMap((each) => [...each.found]);
  const folders = new Set([
    ...found,
    'src',
    'scripts',
    'packaging',
    'native',
    'bpf',
    'web',
    'engine',
    'package.json',
  ]);
  for (const line of ignored.filter((name) => name !== 'build'))
    assert.deepEqual(
      [...folders].filter((path) => path.split('/')[0] === line),
      [],
    );
  assert.ok(ignored.includes('node_modules') && ignored.includes('.git'));
});
