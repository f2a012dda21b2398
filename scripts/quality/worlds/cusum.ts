/** Destinations whose connections are reset now and then. */
import { binomial, now, poisson, rhythm, wandering } from '../chance.ts';
import { count, minute, spread, week, type World } from '../world.ts';

export const world: World = {
  times: 2,
  ordinary:
    '5 to 200 closes in 10 s at noon, of which 0.05 to 5 % are reset, a share that wanders by half; once a week a deployment with twice as many for five minutes',
  key(random, stepMs) {
    const perStep = spread(random, 5, 200);
    const share = spread(random, 0.0005, 0.05);
    const noise = wandering(random, { sigma: 0.5, steps: 60 });
    const drift = wandering(random, { sigma: 0.4, steps: 120 });
    let deployedMs = -Infinity;
    return (atMs) => {
      if (now(random, { stepMs, everyMs: week })) deployedMs = atMs;
      const isDeployment = atMs - deployedMs < 5 * minute;
      const n = poisson(random, perStep * rhythm(atMs) * noise());
      const x = binomial(random, n, Math.min(1, share * drift() * (isDeployment ? 2 : 1)));
      return n === 0 ? [] : [{ n, x }];
    };
  },
  faults: [0.1, 0.3, 0.8].map((share) => ({
    name: `${share * 100} % of what ends is reset`,
    change: (seen, random) => {
      const n = count(seen, 'n');
      return n === 0 ? [] : [{ n, x: Math.max(count(seen, 'x'), binomial(random, n, share)) }];
    },
  })),
};
