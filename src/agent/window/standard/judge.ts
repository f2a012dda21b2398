/**
 * What of a window's rows falls short of the labelling standard, judged before the field policy changes their
 * values: a hashed one cannot be compared with anything. What an owner's labels lack is found once for each
 * set of them, and not once for each row.
 */

import type { FarLabels } from '../../../model/far.ts';
import { labels } from '../../../model/labels.ts';
import type { NodeIdentity, ProcessLabels } from '../../../model/record.ts';
import { farFields } from '../../../model/schema/far.ts';
import { ownerFields } from '../../../model/schema/owner.ts';
import {
  checksOf,
  freeLabelOf,
  plainStandard,
  shortfallsOf,
  type Check,
  type Fields,
  type Shortfall,
  type Standard,
} from '../../../model/standard.ts';

/** Whose a row is, and what is at its other end. */
export interface Sides {
  readonly process: ProcessLabels;
  readonly far?: FarLabels | undefined;
}

/** What falls short of one row, by its sides and what else it says. */
export type Judge = (kind: RowKind, sides: Sides, about: Fields) => readonly Shortfall[];
export type RowKind = 'flow' | 'dns';

const onResource: ReadonlySet<string> = new Set(
  labels.filter((label) => label.onResource).map(({ name }) => name),
);

/** Rules give an environment too; how the owner is known differs from row to row. */
function isOfOwner({ label }: Check): boolean {
  const isKnown = Object.hasOwn(ownerFields, label) && label !== 'attribution';
  return isKnown || label === 'environment' || freeLabelOf(label) !== undefined;
}

function isOfNode({ label }: Check): boolean {
  return onResource.has(label) && label !== 'environment';
}

/** `node` has not been through the field policy. */
export function judgeOf(standard: Standard, node: NodeIdentity): Judge {
  // Every row has a latency, or null: it is no label of its, and worked out later.
  const checks = checksOf(standard).filter(({ label }) => label !== 'latency_ms');
  const ofNode = shortfallsOf(checks.filter(isOfNode), { ...node });
  const ofOwner = checks.filter(isOfOwner);
  const isOfFar = ({ label }: Check): boolean => Object.hasOwn(farFields, label);
  const ofFar = checks.filter(isOfFar);
  const ofRow = (kind: RowKind): Check[] =>
    checks.filter(
      (check) => check.kinds.includes(kind) && ![isOfNode, isOfOwner, isOfFar].some((is) => is(check)),
    );
  const ofRows = { flow: ofRow('flow'), dns: ofRow('dns') };
  const owners = new WeakMap<ProcessLabels, readonly Shortfall[]>();
  return (kind, { process, far }, about) => {
    let owner = owners.get(process);
    if (!owner) {
      const fields = { environment: node.environment, ...process };
      owners.set(process, (owner = [...ofNode, ...shortfallsOf(ofOwner, fields)]));
    }
    const row = shortfallsOf(ofRows[kind], about);
    if (ofFar.length > 0) row.push(...shortfallsOf(ofFar, { ...far }));
    return row.length === 0 ? owner : [...owner, ...row];
  };
}

/** For tests of what is not about standards. */
export function plainJudge(node: NodeIdentity): Judge {
  return judgeOf(plainStandard, node);
}
