/** Expectations as rows of the store, where statements join them with what was opened. */

import { createHash } from 'node:crypto';
import { networkRange } from '../../question/network.ts';
import type { Expectation, Target } from './file.ts';
import { scopeRanges } from './scopes.ts';

// A type, not an interface: rows are records to whoever stores them.
export type ExpectationRow = {
  readonly digest: string;
  readonly number: number;
  readonly label: string;
  readonly environment: string;
  readonly workload: string;
  readonly process: string;
  readonly host: string;
  readonly namespace: string;
  readonly targets: readonly unknown[];
};

/** For LIKE. All that LIKE would read as special is itself. */
function likeOf(glob = '*'): string {
  return glob
    .replace(/[\\%_]/g, '\\$&')
    .replaceAll('*', '%')
    .replaceAll('?', '_');
}

function targetOf(label: string, { names, networks, scopes, ports, transport }: Target) {
  const ranges = [
    ...networks.flatMap((network) => networkRange(network) ?? []),
    ...scopes.flatMap((scope) => scopeRanges(scope)),
  ];
  return {
    label,
    names: names.map((name) => likeOf(name.toLowerCase())),
    networks: ranges.map(({ first, last }) => [first, last]),
    ports,
    transport: transport ?? '',
  };
}

/** The digest of nothing is empty. */
export function rowsOf(expectations: readonly Expectation[]): {
  readonly digest: string;
  readonly rows: readonly ExpectationRow[];
} {
  if (expectations.length === 0) return { digest: '', rows: [] };
  const plain = expectations.map(({ label, whom, talks_to: targets }, number) => ({
    number,
    label,
    environment: likeOf(whom.environment),
    workload: likeOf(whom.workload),
    process: likeOf(whom.process),
    host: likeOf(whom.host),
    namespace: likeOf(whom.namespace),
    targets: targets.map((target) => targetOf(label, target)),
  }));
  const digest = createHash('sha256').update(JSON.stringify(plain)).digest('hex');
  return { digest, rows: plain.map((row) => ({ digest, ...row })) };
}
