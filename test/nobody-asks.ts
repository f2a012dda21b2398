/** Where a hub's questions go in tests of what is not about them. */
import type { HubParts } from '../src/hub/http/parts.ts';

const refuse = () => Promise.reject(new Error('not asked here'));

export const nobodyAsks: HubParts['ask'] = {
  questions: () => [],
  answer: refuse,
  edges: refuse,
  nodes: refuse,
  search: refuse,
  facets: refuse,
  destinations: refuse,
  overview: refuse,
};
