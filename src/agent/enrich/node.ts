/** Labels of the node itself, the same on every record of one run. */

import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { packageVersion } from '../../lib/version.ts';
import { unknownLabel, type NodeLabels } from '../../model/record.ts';

export function nodeLabels(options: { instance: string; environment: string | undefined }): NodeLabels {
  return {
    'host.name': hostname() || unknownLabel,
    environment: options.environment ?? unknownLabel,
    'agent.instance': options.instance,
    'agent.version': packageVersion(),
    'agent.id': randomUUID(),
    'boot.id': readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
  };
}
