/** What is known of owners, namespaces and other ends, over one generation of counting. */

import { systemClock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { AgentParts } from '../agent.ts';
import type { AgentConfig } from '../config.ts';
import { conntrack } from '../decode/conntrack.ts';
import { addressMessages } from '../decode/own-addresses.ts';
import { decodersOf, type Decoders } from '../decode/decoders.ts';
import { openFar } from '../enrich/far/far.ts';
import type { Kubernetes } from '../enrich/kubernetes/kubernetes.ts';
import { openOwnAddresses } from '../enrich/own-addresses.ts';
import { openOwners, ownerParts } from '../enrich/owners.ts';
import { findNamespaces, openNamespaces } from '../kernel/namespaces.ts';
import type { Native } from '../kernel/native.ts';
import type { OpenedKernel } from '../kernel/open.ts';
import { askAddresses } from '../kernel/own-addresses.ts';
import { askTranslations } from '../kernel/translations.ts';
import { parseKernelCounters } from '../window/reconcile.ts';

export interface TableSources {
  readonly config: AgentConfig;
  readonly log: Log;
  readonly native: Native;
  readonly kubernetes: Kubernetes | undefined;
}

export type Tables = Pick<AgentParts, 'owners' | 'namespaces' | 'own' | 'far'> & {
  readonly decode: Decoders;
};

export async function openTables(sources: TableSources, { kernel, scope }: OpenedKernel): Promise<Tables> {
  const { native, config, log, kubernetes } = sources;
  const decode = decodersOf(kernel.types, native.tickNs());
  const namespaces = openNamespaces({
    native,
    numbers: kernel.numbers.namespaces,
    read: (id) => decode.netns(kernel.namespaces, id),
    find: findNamespaces,
    parse: parseKernelCounters,
    scope,
    full: () => kernel.control.losses()['namespaces_full'] ?? 0,
  });
  const { inode, path } = namespaces;
  const ask = askTranslations({ native, path, conntrack });
  const far = { config, log, clock: systemClock, inode, ask, cluster: kubernetes?.addresses };
  const met = { numbers: kernel.numbers.owners, read: (id: number) => decode.owner(kernel.owners, id) };
  const addresses = askAddresses({ native, path, messages: addressMessages });
  const own = openOwnAddresses({ ask: addresses, clock: systemClock });
  const owners = openOwners(met, ownerParts(sources));
  return { decode, namespaces, own, owners, far: await openFar(far) };
}
