/**
 * When a workload was deployed, by what records tell of it: an image that was not there in a day before.
 * Without images, as of services of a host, nobody knows, and a finding says so.
 */

import type { Seen } from './method.ts';

export interface Deploying {
  /** When each was seen last. */
  readonly images?: Readonly<Record<string, number>> | undefined;
  readonly deployedMs?: number | undefined;
}

export interface Deployed extends Required<Deploying> {
  readonly deployedMs: number;
  /** Whether this step has images at all. */
  readonly isKnown: boolean;
}

const dayMs = 86_400_000;
const imagesMax = 20;

/** `images` of a step are names between blanks. What a key begins with is no deployment. */
export function deploying(before: Deploying | undefined, seen: Seen, atMs: number): Deployed {
  const all = Object.entries(before?.images ?? {});
  // Time in which there was nothing at all does not count.
  const newestMs = Math.max(0, ...all.map(([, lastMs]) => lastMs));
  const images = new Map(all.filter(([, lastMs]) => newestMs - lastMs <= dayMs));
  const shown = String(seen['images'] ?? '')
    .split(' ')
    .filter((image) => image !== '');
  const isNew = before?.images !== undefined && shown.some((image) => !images.has(image));
  for (const image of shown) images.set(image, atMs);
  const newest = [...images].sort((a, b) => b[1] - a[1]).slice(0, imagesMax);
  return {
    images: newest.length === 0 ? undefined : Object.fromEntries(newest),
    deployedMs: isNew ? atMs : (before?.deployedMs ?? 0),
    isKnown: shown.length > 0,
  };
}
