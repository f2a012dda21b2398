/** What enrichment says of an observation: whose socket it is, in which namespace, and what the other end is. */

import type { LookupRow } from '../../model/dns.ts';
import type { FarLabels } from '../../model/far.ts';
import type { ConnectionEvent, FlowRow, Listener } from '../../model/observation.ts';
import type { ProcessLabels } from '../../model/record.ts';
import { farEndOf, farEndOfLookup } from './far/ends.ts';
import type { Far } from './far/far.ts';
import type { OwnerTable } from './owners.ts';

export interface Enriched<T> {
  readonly of: T;
  readonly process: ProcessLabels;
  readonly netnsInode: number;
  readonly far?: FarLabels;
  readonly commandLine?: string | undefined;
}

export interface Labelling {
  readonly row: <T extends FlowRow | LookupRow>(row: T) => Enriched<T>;
  /** With the command line of its one process. */
  readonly event: (event: ConnectionEvent) => Enriched<ConnectionEvent>;
  readonly listener: (listener: Listener) => Enriched<Listener>;
}

export interface LabellingParts {
  readonly owners: Pick<OwnerTable, 'labels' | 'commandLine'>;
  readonly far: Pick<Far, 'labels'>;
  readonly namespaces: {
    inode(netns: number): number;
  };
}

export function labelling({ owners, far, namespaces }: LabellingParts): Labelling {
  function row<T extends FlowRow | LookupRow | ConnectionEvent>(of: T): Enriched<T> {
    const end = 'server' in of ? farEndOfLookup(of) : farEndOf(of);
    return {
      of,
      process: owners.labels(of.owner, of.direction === 'ingress' ? end.port : undefined),
      netnsInode: namespaces.inode(of.netns),
      far: far.labels(end),
    };
  }
  return {
    row,
    event: (of) => ({ ...row(of), commandLine: owners.commandLine(of) }),
    listener: (of) => ({
      of,
      process: owners.labels(of.owner, of.port),
      netnsInode: namespaces.inode(of.netns),
      commandLine: owners.commandLine(of),
    }),
  };
}
