/** First contacts of sources. */
import type { Seen } from '../../../src/hub/detect/method.ts';
import { binomial, now, poisson } from '../chance.ts';
import { hour, week, type World } from '../world.ts';

export const world: World = {
  ordinary:
    'once an hour a handful of first contacts that answer but for one in five; once a week a deployment whose twenty new peers are not up yet, in one of three',
  times: 5,
  key(random, stepMs) {
    const contacts = (n: number, failing: number): readonly Seen[] => {
      const failed = binomial(random, n, failing);
      // detect.sql gives sources with three failures in a step, and no others.
      return failed < 3 ? [] : [{ failed, reached: n - failed, destinations: failed, ports: 1 }];
    };
    return () => {
      if (now(random, { stepMs, everyMs: week })) return contacts(20, 1 / 3);
      return now(random, { stepMs, everyMs: hour }) ? contacts(poisson(random, 5), 0.2) : [];
    };
  },
  faults: [3, 10, 100].map((perMinute) => ({
    name: `${perMinute} first contacts a minute, one of ten answers`,
    change: (_, random) => {
      const failed = binomial(random, perMinute, 0.9);
      return failed < 3 ? [] : [{ failed, reached: perMinute - failed, destinations: failed, ports: 1 }];
    },
  })),
};
