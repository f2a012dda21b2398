/** The chart of deploy/helm/sonde: its values, what it becomes, and what Kubernetes and the agent say to that. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import {
  chartFolder,
  chartTemplates,
  chartValues,
  parseManifests,
  renderChart,
  renderDefaults,
  type Manifest,
} from '../packaging/chart/render.ts';
import { renderTemplates } from '../packaging/chart/template.ts';
import { parseConfig } from '../src/agent/config.ts';
import { agentCapabilities } from '../src/lib/capabilities.ts';
import { parseHubConfig } from '../src/hub/config.ts';
import { misfitsOf, validateManifest } from './manifests.ts';

const root = join(import.meta.dirname, '..');

type Values = Readonly<Record<string, unknown>>;

interface Container {
  readonly name: string;
  readonly command?: readonly string[];
  readonly args: readonly string[];
  readonly ports?: unknown;
  readonly livenessProbe?: unknown;
  readonly readinessProbe?: unknown;
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

interface Pod {
  readonly containers: readonly Container[];
  readonly volumes: readonly { readonly name: string }[];
  readonly automountServiceAccountToken: boolean;
  readonly [key: string]: unknown;
}

function manifestsOf(over: Values = {}): Manifest[] {
  return [...renderChart(over)]
    .filter(([file]) => file.endsWith('.yaml'))
    .flatMap(([, text]) => parseManifests(text));
}

function only(manifests: readonly Manifest[], kind: string): Manifest {
  const found = manifests.filter((manifest) => manifest.kind === kind);
  assert.equal(found.length, 1, kind);
  return found[0]!;
}

function podOf(manifests: readonly Manifest[], kind = 'DaemonSet'): Pod {
  return (only(manifests, kind)['spec'] as { template: { spec: Pod } }).template.spec;
}

const validate = new Ajv({ strictTypes: false, allowUnionTypes: true }).compile(
  JSON.parse(readFileSync(join(chartFolder, 'values.schema.json'), 'utf8')) as object,
);

/** All that a template looks at. */
const full: Values = {
  agent: {
    image: { tag: 'test' },
    imagePullSecrets: [{ name: 'registry' }],
    config: { exporters: { prometheus: { listen: '[::1]:9500' } } },
    secretName: 'certificates',
    seLinuxOptions: { type: 'spc_t' },
    tolerations: [{ operator: 'Exists' }],
    affinity: { nodeAffinity: {} },
    priorityClassName: 'system-node-critical',
    podAnnotations: { 'example.com/a': 'b' },
  },
  hub: {
    enabled: true,
    imagePullSecrets: [{ name: 'registry' }],
    secretName: 'passwords',
    proxy: [{ name: 'proxy', image: 'proxy:1', ports: [{ name: 'https', containerPort: 8443 }] }],
    proxyVolumes: [{ name: 'certificates', secret: { secretName: 'proxy' } }],
    service: { enabled: true },
    storage: { className: 'fast' },
    tolerations: [{ operator: 'Exists' }],
    affinity: { nodeAffinity: {} },
    podAnnotations: { 'example.com/a': 'b' },
  },
};

describe('values', () => {
  test('those of the chart are as the schema says', () => {
    assert.ok(validate(chartValues()), JSON.stringify(validate.errors));
    assert.ok(validate(chartValues(full)), JSON.stringify(validate.errors));
  });

  test('the schema refuses what cannot be', () => {
    const bad: readonly Values[] = [
      { agent: { hostPid: true } },
      { agent: { capabilities: ['NET_RAW'] } },
      { agent: { capabilities: ['BPF'] } }, // the control groups' namespace cannot be entered
      { agent: { config: { exporters: '' } } },
      { agent: { statePath: 'var/lib' } },
      { hub: { enabled: true, service: { enabled: true } } }, // it would lead nowhere
      { hub: { image: { pullPolicy: 'Sometimes' } } },
      { agents: {} },
    ];
    for (const values of bad) assert.ok(!validate(chartValues(values)), JSON.stringify(values));
    assert.ok(validate(chartValues({ agent: { hostCgroups: false, capabilities: ['BPF'] } })));
  });

  test('each is named in a template, and those that are named are there', () => {
    const aliases = { $agent: '.Values.agent', $hub: '.Values.hub' };
    const named = new Set<string>();
    for (const text of chartTemplates().values()) {
      const spelled = Object.entries(aliases).reduce((all, [from, to]) => all.replaceAll(from, to), text);
      for (const [, path = ''] of spelled.matchAll(/\.Values((?:\.\w+)+)/g)) named.add(path.slice(1));
    }
    /** What is handed on as it is. */
    const whole =
      /^(agent\.(config|\w+Profile|nodeSelector|updateStrategy|resources)|hub\.(nodeSelector|resources))\./;
    const there: string[] = [];
    const walk = (value: unknown, path: string) => {
      const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
      if (isMap && Object.keys(value).length > 0 && !whole.test(`${path}.`))
        for (const [key, below] of Object.entries(value)) walk(below, path === '' ? key : `${path}.${key}`);
      else there.push(path);
    };
    walk(chartValues(), '');
    const names = [...named].filter((path) => !whole.test(path) && !/^(agent|hub)$/.test(path));
    assert.deepEqual(names.sort(), there.sort());
  });

  test('agent and hub take their configurations', async () => {
    for (const values of [{}, full]) {
      const { agent, hub } = chartValues(values) as Record<'agent' | 'hub', { config: unknown }>;
      await parseConfig(agent.config, 'values.yaml');
      parseHubConfig(hub.config, 'values.yaml');
    }
    const maps = manifestsOf().filter(({ kind }) => kind === 'ConfigMap');
    const text = (maps[0]?.['data'] as { 'agent.yaml': string })['agent.yaml'];
    assert.deepEqual(parse(text), (chartValues()['agent'] as Values)['config']);
  });
});

describe('manifests', () => {
  test('deploy/helm/rendered is up to date (npm run docs)', () => {
    assert.equal(readFileSync(join(root, 'deploy/helm/rendered/defaults.yaml'), 'utf8'), renderDefaults());
    assert.deepEqual(
      parseManifests(renderDefaults()).map(({ kind }) => kind),
      ['ServiceAccount', 'ClusterRole', 'ClusterRoleBinding', 'ConfigMap', 'DaemonSet'],
    );
  });

  test('Kubernetes takes them, and knows every field', async () => {
    const all = [manifestsOf(), manifestsOf(full)].flat();
    for (const manifest of all) await validateManifest(manifest);
    assert.deepEqual(misfitsOf(all), []);
    const odd = { ...only(manifestsOf(), 'ServiceAccount'), automountToken: false };
    assert.match(misfitsOf([odd]).join(), /automountToken/);
    await assert.rejects(validateManifest({ ...odd, automountServiceAccountToken: 'no' }));
  });

  test('the agent has the five capabilities, is not privileged, and listens nowhere', () => {
    const pod = podOf(manifestsOf());
    const [agent] = pod.containers;
    const { capabilities, ...rest } = agent!.securityContext as {
      capabilities: { add: string[]; drop: string[] };
    };
    const needed = agentCapabilities.map(({ name }) => name.replace('CAP_', ''));
    assert.deepEqual([...capabilities.add].sort(), needed.sort());
    assert.deepEqual(capabilities.drop, ['ALL']);
    assert.deepEqual(rest, {
      runAsUser: 0,
      runAsGroup: 0,
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      appArmorProfile: { type: 'Unconfined' },
      seccompProfile: { type: 'RuntimeDefault' },
    });
    assert.deepEqual(
      [agent!.ports, agent!.livenessProbe, agent!.readinessProbe],
      [undefined, undefined, undefined],
    );
  });

  test('with the Prometheus exporter there are probes, where it listens', () => {
    const probed = (prometheus: Values) => {
      const [agent] = podOf(manifestsOf({ agent: { config: { exporters: { prometheus } } } })).containers;
      return [agent!.livenessProbe, agent!.readinessProbe];
    };
    const probes = (host: string, port: number) => [
      { httpGet: { host, port, path: '/healthz' }, periodSeconds: 30 },
      { httpGet: { host, port, path: '/readyz' }, periodSeconds: 10 },
    ];
    assert.deepEqual(probed({}), probes('127.0.0.1', 9464));
    assert.deepEqual(probed({ listen: '[::1]:9500' }), probes('::1', 9500));
  });

  test('the API server is asked what the docs say, and only if it is', () => {
    const docs = readFileSync(join(root, 'docs/operating/kubernetes.md'), 'utf8');
    const [, written = ''] =
      /^ {4}kind: ClusterRole\n[\s\S]*?( {4}rules:\n[\s\S]*?) {4}---/m.exec(docs) ?? [];
    const grants = (rules: unknown) =>
      (rules as { apiGroups: string[]; resources: string[]; verbs: string[] }[]).flatMap((rule) =>
        rule.resources.map((resource) => `${rule.apiGroups.join()}/${resource}: ${rule.verbs.join()}`),
      );
    const told = grants((parse(written) as { rules: unknown }).rules);
    assert.deepEqual(grants(only(manifestsOf(), 'ClusterRole')['rules']).sort(), told.sort());
    const granted = (kubernetes: Values) => {
      const role = manifestsOf({ agent: { config: { kubernetes } } }).find(
        ({ kind }) => kind === 'ClusterRole',
      );
      return role && grants(role['rules']);
    };
    const without = (...resources: string[]) =>
      told.filter((grant) => !resources.some((resource) => grant.includes(resource)));
    assert.deepEqual(granted({ destinations: 'services' }), without('endpointslices'));
    assert.deepEqual(granted({ destinations: 'off' }), without('endpointslices', 'services'));
    assert.equal(granted({ access: 'off' }), undefined);
    assert.equal(podOf(manifestsOf()).automountServiceAccountToken, true);
    const off = manifestsOf({ agent: { config: { kubernetes: { access: 'off' } } } });
    assert.equal(podOf(off).automountServiceAccountToken, false);
  });

  test('what is mounted is there, and what is there is mounted', () => {
    const all = manifestsOf(full);
    for (const kind of ['DaemonSet', 'StatefulSet']) {
      const { containers, volumes } = podOf(all, kind);
      const claims = kind === 'StatefulSet' ? ['data'] : [];
      const there = [...volumes.map(({ name }) => name), ...claims].filter((name) => name !== 'certificates');
      assert.deepEqual(containers[0]!.volumeMounts.map(({ name }) => name).sort(), there.sort());
    }
  });

  test('a changed configuration is another pod', () => {
    const sumOf = (over: Values) => {
      const spec = only(manifestsOf(over), 'DaemonSet')['spec'] as {
        template: { metadata: { annotations: Record<string, string> } };
      };
      return spec.template.metadata.annotations['checksum/config'];
    };
    assert.match(sumOf({}) ?? '', /^[0-9a-f]{64}$/);
    assert.notEqual(sumOf({ agent: { config: { window: '5s' } } }), sumOf({}));
  });

  test('versions are those of the program', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    const chart = parse(readFileSync(join(chartFolder, 'Chart.yaml'), 'utf8')) as Record<string, string>;
    assert.deepEqual([chart['version'], chart['appVersion']], [version, version]);
  });
});

describe("templates, as Go's", () => {
  const rendered = (text: string, values: Values = {}) =>
    renderTemplates(new Map([['t', text]]), values).get('t');

  test('actions', () => {
    assert.equal(rendered('a {{- /* b */ -}} c'), 'ac');
    assert.equal(rendered('{{ .a.b | default "c" | quote }}', { a: {} }), '"c"');
    assert.equal(
      rendered('{{ if eq .a 1 }}one{{ else if .b }}b{{ else }}else{{ end }}', { a: 2, b: [] }),
      'else',
    );
    assert.equal(rendered('{{ range .a }}<{{ . }}{{ $.b }}>{{ end }}', { a: [1, 2], b: 3 }), '<13><23>');
    assert.equal(rendered('{{ with .a }}{{ .b }}{{ end }}{{ with .c }}c{{ end }}', { a: { b: 1 } }), '1');
    assert.equal(rendered('{{ $x := .a }}{{ not (eq $x true) }}', { a: true }), 'false');
    assert.equal(
      rendered('{{ define "d" }}[{{ . }}]{{ end }}{{ include "d" .a | nindent 2 }}', { a: 1 }),
      '\n  [1]',
    );
    assert.equal(
      rendered('{{ toYaml .a | nindent 0 }}', { a: { c: 'off', b: [1] } }),
      '\nb:\n  - 1\nc: "off"',
    );
  });

  test('what is not there or not known is an error', () => {
    const bad: readonly (readonly [text: string, error: RegExp])[] = [
      ['{{ .a }}', /^t: not a text: undefined$/],
      ['{{ .a.b }}', /^t: \.a\.b: nothing has b$/],
      ['{{ $a }}', /^t: there is no \$a$/],
      ['{{ upper "a" }}', /^t: this knows no function upper$/],
      ['{{ include "a" . }}', /^t: nothing is defined as a$/],
      ['{{ if true }}', /^\{\{ if true \}\} is not ended/],
      ['{{ end }}', /^t: \{\{ end \}\} ends nothing$/],
      ['{{ "a" "b" }}', /^t: 2 values where there is one$/],
    ];
    for (const [text, message] of bad) assert.throws(() => rendered(text), { message });
  });
});
