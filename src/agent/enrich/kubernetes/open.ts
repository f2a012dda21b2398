/** Opens what follows the cluster, where that is configured: the rest of this folder is loaded only then. */

import { systemClock } from '../../../lib/clock.ts';
import { entropySeed, prng } from '../../../lib/prng.ts';
import type { KubernetesConfig } from './config.ts';
import type { Kubernetes } from './kubernetes.ts';

/** Undefined where it is off. Throws as openKubernetes does. */
export async function openCluster(
  config: KubernetesConfig,
  addressesMax: number,
): Promise<Kubernetes | undefined> {
  if (config.access === 'off') return undefined;
  const { openKubernetes } = await import('./kubernetes.ts');
  return openKubernetes(config, { clock: systemClock, prng: prng(entropySeed()), addressesMax });
}
