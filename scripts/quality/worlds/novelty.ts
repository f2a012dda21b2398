/** Destinations of workloads. */
import type { Seen } from '../../../src/hub/detect/method.ts';
import { rhythm } from '../chance.ts';
import { week, type World } from '../world.ts';

function group(name: string, port = '443'): Seen {
  return { 'destination.group': name, 'destination.port': port, opened: 1, hosts: 1 };
}

export const world: World = {
  ordinary:
    '2 to 30 destinations, the first in most steps and the last in few, and a job once a week; one key in ten meets new ones all day',
  key(random, stepMs) {
    const groups = 2 + random.below(29);
    const isRestless = random.unit() < 0.1;
    const jobMs = random.below(week / stepMs) * stepMs;
    let strangers = 0;
    return (atMs) => {
      const seen: Seen[] = [];
      for (let n = 0; n < groups; n++) {
        if (random.unit() < Math.min(0.9, rhythm(atMs) / (n + 1))) seen.push(group(`g${n}.example`));
      }
      if (isRestless && random.unit() < 0.3) seen.push(group(`s${strangers++}.example`));
      if (atMs % week === jobMs) seen.push(group('weekly.example'));
      return seen;
    };
  },
  faults: [
    { name: 'one connection to a new name', change: (seen) => [...seen, group('new.example')] },
    {
      name: 'the same to an address without a name, on a port that is new',
      change: (seen) => [...seen, { ...group('198.51.100.0/24', '4444'), nameless: 1 }],
    },
  ],
};
