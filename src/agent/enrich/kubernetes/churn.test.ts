import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deploymentPod, service, slice } from '../../../../test/kubernetes-objects.ts';
import { openAddresses } from './addresses.ts';
import { kubernetesSchema } from './config.ts';
import type { Taker } from './follow.ts';
import { openNodePods, podLimits } from './pods.ts';

const churned = 100_000;
const addressesMax = 10_000;
/** Pods that are there at a time, while others come and go. */
const standing = 250;

const addressOf = (at: number): string => `10.${[at >> 16, (at >> 8) & 255, at & 255].join('.')}`;
const podAt = (at: number) => deploymentPod(`app-${String(at % 5000)}`, at, { ips: [addressOf(at)] });

/** Each pod comes, is ready, and goes when `standing` others have come. */
function churn(takers: readonly Taker[], look: () => void): void {
  for (let at = 0; at < churned + standing; at++) {
    const [come, go] = [
      at < churned ? podAt(at) : undefined,
      at < standing ? undefined : podAt(at - standing),
    ];
    for (const taker of takers) {
      if (come) taker.put(come);
      if (go) taker.drop(go);
    }
    if (at % 1000 === 0) look();
  }
  look();
}

test('a hundred thousand pods that come and go leave nothing behind', () => {
  const pods = openNodePods(kubernetesSchema.parse({ labels: ['app'] }));
  const book = openAddresses(addressesMax);
  const most = { pods: 0, gone: 0, news: 0, held: 0, characters: 0 };
  churn([pods.taker, book.pods], () => {
    const [here, far] = [pods.counts(), book.counts()];
    most.pods = Math.max(most.pods, here.pods);
    most.gone = Math.max(most.gone, here.gone);
    most.news = Math.max(most.news, pods.news(new Set()).length);
    most.held = Math.max(most.held, far.pods);
    most.characters = Math.max(most.characters, far.characters);
  });
  assert.deepEqual([most.pods, most.held], [standing, standing]);
  assert.equal(most.gone, podLimits.goneMax);
  assert.ok(most.news <= standing + podLimits.goneMax, String(most.news));
  // A UID, an address and, of its own at most, the name of a workload.
  assert.ok(most.characters <= standing * 100, String(most.characters));
  assert.deepEqual(pods.counts(), { pods: 0, gone: podLimits.goneMax, beyond: 0 });
  assert.deepEqual(book.counts(), { services: 0, pods: 0, endpoints: 0, beyond: 0, characters: 0 });
});

describe('a hundred thousand that stay', () => {
  test('are known as far as there is room, and counted beyond', () => {
    const pods = openNodePods(kubernetesSchema.parse({}));
    const book = openAddresses(addressesMax);
    for (let at = 0; at < churned; at++) for (const taker of [pods.taker, book.pods]) taker.put(podAt(at));
    assert.deepEqual(pods.counts(), {
      pods: podLimits.podsMax,
      gone: 0,
      beyond: churned - podLimits.podsMax,
    });
    assert.equal(pods.news(new Set()).length, podLimits.podsMax);
    const { characters, ...counts } = book.counts();
    assert.deepEqual(counts, {
      services: 0,
      pods: addressesMax,
      endpoints: 0,
      beyond: churned - addressesMax,
    });
    assert.ok(characters <= addressesMax * 100, String(characters));
    assert.equal(book.at(addressOf(addressesMax - 1))?.kind, 'deployment');
    assert.equal(book.at(addressOf(addressesMax)), undefined);
  });

  test('and as many endpoints and Services', () => {
    const book = openAddresses(addressesMax);
    for (let at = 0; at < churned; at += 100) {
      const ips = Array.from({ length: 100 }, (_, i) => addressOf(at + i));
      book.slices.put(slice(`slice-${String(at)}`, `app-${String(at)}`, ips));
    }
    for (let at = 0; at < churned; at++)
      book.services.put(service({ name: `app-${String(at)}` }, [addressOf(at)]));
    const { characters, ...counts } = book.counts();
    const beyond = (churned - addressesMax) / 100 + churned - addressesMax;
    assert.deepEqual(counts, { services: addressesMax, pods: 0, endpoints: addressesMax, beyond });
    assert.ok(characters <= 2 * addressesMax * 100, String(characters));
  });
});
