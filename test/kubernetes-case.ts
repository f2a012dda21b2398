/** The agent's part that asks an API server, with a server of the test's own. */

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { openAccess } from '../src/agent/enrich/kubernetes/access.ts';
import { clientLimits } from '../src/agent/enrich/kubernetes/client.ts';
import { kubernetesSchema } from '../src/agent/enrich/kubernetes/config.ts';
import { openKubernetes, type Kubernetes } from '../src/agent/enrich/kubernetes/kubernetes.ts';
import { systemClock } from '../src/lib/clock.ts';
import { prng } from '../src/lib/prng.ts';
import { KubernetesApi, type Asked } from './kubernetes-api.ts';
import { eventually } from './rig.ts';

export const patienceMs = 30_000;
export const pods = '/api/v1/pods';
const follow = { pageMax: 3, watchSecondsMin: 240, againMsMin: 2, againMsMax: 20, askedMsMax: 20 };
/** Fast, and patient for so long that only a server that hangs is given up. */
const client = { ...clientLimits, answerMsMax: 500, quietMsMax: 1500 };

export interface Case {
  readonly api: KubernetesApi;
  readonly kubernetes: Kubernetes;
}

export async function start(
  t: TestContext,
  prepare: (api: KubernetesApi) => void = () => undefined,
  settings: object = {},
): Promise<Case> {
  const api = await KubernetesApi.open();
  prepare(api);
  const environment = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(api.port) };
  const access = openAccess({ access: 'in_cluster' }, environment, api.serviceAccount);
  const config = kubernetesSchema.parse({
    access: 'in_cluster',
    node: 'n1',
    destinations: 'off',
    ...settings,
  });
  const kubernetes = openKubernetes(config, {
    clock: systemClock,
    prng: prng(1),
    access,
    addressesMax: 100,
    limits: { client, follow },
  });
  t.after(async () => {
    await kubernetes[Symbol.asyncDispose]();
    await api[Symbol.asyncDispose]();
  });
  return { api, kubernetes };
}

export async function holds(condition: () => boolean, what: string): Promise<void> {
  assert.ok(await eventually(condition, patienceMs), what);
}

export function knows({ kubernetes }: Case, object: { metadata: { uid: string } }): boolean {
  return kubernetes.pod(object.metadata.uid) !== undefined;
}

/** What a test opens itself. */
export const parts = { clock: systemClock, prng: prng(1), addressesMax: 100, limits: { client, follow } };

export const isWatch = ({ query }: Asked): boolean => query['watch'] === '1';
