/** Labels of the node itself, the same on every record of one generation of counting. */

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { packageVersion } from '../../lib/version.ts';
import { unknownLabel, type NodeIdentity } from '../../model/record.ts';

/** Of this boot of the kernel. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** `agentId`: of the generation that goes on; a new one without it. */
export function nodeLabels(options: {
  instance: string;
  environment?: string | undefined;
  agentId?: string | undefined;
  /** Where Kubernetes is asked. */
  place?: Pick<NodeIdentity, 'k8s.node' | 'k8s.cluster'> | undefined;
}): NodeIdentity {
  return {
    'host.name': hostname() || unknownLabel,
    environment: options.environment ?? unknownLabel,
    'agent.instance': options.instance,
    'agent.version': packageVersion(),
    'agent.id': options.agentId ?? randomUUID(),
    'boot.id': bootId(),
    ...options.place,
  };
}
