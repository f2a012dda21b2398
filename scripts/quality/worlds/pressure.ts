/** Callers whose attempts fail now and then. */
import { binomial, now, poisson, rhythm, wandering } from '../chance.ts';
import { minute, spread, week, type World } from '../world.ts';

export const world: World = {
  ordinary:
    '1 to 300 attempts a minute, of which 1 in 500 fails; once a week a restart of the destination, in which all fail for 10 s; one key in five calls something that never answers, once a minute',
  key(random, stepMs) {
    const perStep = (spread(random, 1, 300) * stepMs) / minute;
    const isHopeless = random.unit() < 0.2;
    const noise = wandering(random, { sigma: 0.5, steps: 20 });
    return (atMs) => {
      const attempts = isHopeless
        ? poisson(random, stepMs / minute)
        : poisson(random, perStep * rhythm(atMs) * noise());
      const isRestart = now(random, { stepMs, everyMs: week });
      const share = isHopeless ? 1 : isRestart ? 10_000 / stepMs : 0.002;
      const failed = binomial(random, attempts, share);
      return failed === 0 ? [] : [{ attempts, established: attempts - failed }];
    };
  },
  faults: [20, 60, 300].map((perMinute) => ({
    name: `${perMinute} attempts a minute, none established`,
    change: (_, random) => [{ attempts: poisson(random, perMinute / 2), established: 0 }],
  })),
};
