/**
 * Made-up histories, one kind for each method: ordinary traffic with days, weeks, deployments and noise that
 * is not Poisson's, and faults of several strengths. What a step gives has the shape of detect.sql's rows.
 */
import type { Prng } from '../../src/lib/prng.ts';
import type { Seen } from '../../src/hub/detect/method.ts';
import { binomial, now, poisson, rhythm, wandering } from './chance.ts';

export type Steps = (atMs: number) => readonly Seen[];

export interface Fault {
  readonly name: string;
  /** A step of the fault, from the ordinary one. */
  readonly change: (seen: readonly Seen[], random: Prng) => readonly Seen[];
}

export interface World {
  readonly ordinary: string;
  /** One key's traffic. */
  readonly key: (random: Prng, stepMs: number) => Steps;
  readonly faults: readonly Fault[];
}

const [minuteMs, hourMs, dayMs] = [60_000, 3_600_000, 86_400_000];
const weekMs = 7 * dayMs;

/** From `low` to `high`, as likely in each order of magnitude. */
function spread(random: Prng, low: number, high: number): number {
  return low * (high / low) ** random.unit();
}

function count(seen: readonly Seen[], name: string): number {
  return Number(seen[0]?.[name] ?? 0);
}

const pressure: World = {
  ordinary:
    '1 to 300 attempts a minute, of which 1 in 500 fails; once a week a restart of the destination, in which all fail for 10 s; one key in five calls something that never answers, once a minute',
  key(random, stepMs) {
    const perStep = (spread(random, 1, 300) * stepMs) / minuteMs;
    const isHopeless = random.unit() < 0.2;
    const noise = wandering(random, { sigma: 0.5, steps: 20 });
    return (atMs) => {
      const attempts = isHopeless
        ? poisson(random, stepMs / minuteMs)
        : poisson(random, perStep * rhythm(atMs) * noise());
      const isRestart = now(random, { stepMs, everyMs: weekMs });
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

const cusum: World = {
  ordinary:
    '5 to 200 closes in 10 s at noon, of which 0.05 to 5 % are reset, a share that wanders by half; once a week a deployment with twice as many for five minutes',
  key(random, stepMs) {
    const perStep = spread(random, 5, 200);
    const share = spread(random, 0.0005, 0.05);
    const noise = wandering(random, { sigma: 0.5, steps: 60 });
    const drift = wandering(random, { sigma: 0.4, steps: 120 });
    let deployedMs = -Infinity;
    return (atMs) => {
      if (now(random, { stepMs, everyMs: weekMs })) deployedMs = atMs;
      const isDeployment = atMs - deployedMs < 5 * minuteMs;
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

const rhythmWorld: World = {
  ordinary:
    '30 to 30,000 closes in five minutes at noon, which wander by a fifth; a step of two or three times as many when something is deployed, once a week, and for good up to a fifth more or less each second time',
  key(random, stepMs) {
    const perStep = spread(random, 30, 30_000);
    const noise = wandering(random, { sigma: 0.2, steps: 3 });
    let level = 1;
    return (atMs) => {
      const isDeployment = now(random, { stepMs, everyMs: weekMs });
      if (isDeployment && random.unit() < 0.5) level *= 0.8 + 0.4 * random.unit();
      const burst = isDeployment ? 2 + random.unit() : 1;
      return [{ closes: poisson(random, perStep * rhythm(atMs) * noise() * level * burst) }];
    };
  },
  faults: [0.2, 3, 10].map((factor) => ({
    name: `${factor} times as many closes`,
    change: (seen) => [{ closes: Math.round(count(seen, 'closes') * factor) }],
  })),
};

function group(name: string, port = '443'): Seen {
  return { 'destination.group': name, 'destination.port': port, opened: 1, hosts: 1 };
}

const novelty: World = {
  ordinary:
    '2 to 30 destinations, the first in most steps and the last in few, and a job once a week; one key in ten meets new ones all day',
  key(random, stepMs) {
    const groups = 2 + random.below(29);
    const isRestless = random.unit() < 0.1;
    const jobMs = random.below(weekMs / stepMs) * stepMs;
    let strangers = 0;
    return (atMs) => {
      const seen: Seen[] = [];
      for (let n = 0; n < groups; n++) {
        if (random.unit() < Math.min(0.9, rhythm(atMs) / (n + 1))) seen.push(group(`g${n}.example`));
      }
      if (isRestless && random.unit() < 0.3) seen.push(group(`s${strangers++}.example`));
      if (atMs % weekMs === jobMs) seen.push(group('weekly.example'));
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

const walk: World = {
  ordinary:
    'once an hour a handful of first contacts that answer but for one in five; once a week a deployment whose twenty new peers are not up yet, in one of three',
  key(random, stepMs) {
    const contacts = (n: number, failing: number): readonly Seen[] => {
      const failed = binomial(random, n, failing);
      // detect.sql gives sources with three failures in a step, and no others.
      return failed < 3 ? [] : [{ failed, reached: n - failed, destinations: failed, ports: 1 }];
    };
    return () => {
      if (now(random, { stepMs, everyMs: weekMs })) return contacts(20, 1 / 3);
      return now(random, { stepMs, everyMs: hourMs }) ? contacts(poisson(random, 5), 0.2) : [];
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

/** By method. */
export const worlds: Readonly<Record<string, World>> = {
  pressure,
  cusum,
  rhythm: rhythmWorld,
  novelty,
  walk,
};
