/** Closes by the hour. */
import { now, poisson, rhythm, wandering } from '../chance.ts';
import { count, spread, week, type World } from '../world.ts';

export const world: World = {
  ordinary:
    '30 to 30,000 closes in five minutes at noon, which wander by a fifth; once a week a deployment: two or three times as many, of half of the keys, whose images are known, for a quarter of an hour, of the others for one step; and for good up to a fifth more or less each second time',
  key(random, stepMs) {
    const perStep = spread(random, 30, 30_000);
    const noise = wandering(random, { sigma: 0.2, steps: 3 });
    const hasImages = random.unit() < 0.5;
    const burstSteps = hasImages ? 3 : 1;
    let [level, burst, left, version] = [1, 1, 0, 0];
    return (atMs) => {
      left -= 1;
      if (now(random, { stepMs, everyMs: week })) {
        if (random.unit() < 0.5) level *= 0.8 + 0.4 * random.unit();
        [burst, left, version] = [2 + random.unit(), burstSteps, version + 1];
      }
      const closes = poisson(random, perStep * rhythm(atMs) * noise() * level * (left > 0 ? burst : 1));
      return [{ closes, images: hasImages ? `app:${version}` : '' }];
    };
  },
  faults: [0.2, 3, 10].map((factor) => ({
    name: `${factor} times as many closes`,
    change: (seen) => seen.map((each) => ({ ...each, closes: Math.round(count(seen, 'closes') * factor) })),
  })),
};
