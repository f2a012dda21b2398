/** Hosts that administer each other. */
import type { Seen } from '../../../src/hub/detect/method.ts';
import type { Prng } from '../../../src/lib/prng.ts';
import { now } from '../chance.ts';
import { hour, minute, week, type World } from '../world.ts';

const hosts = 50;
const administrators = 5;
const heard = 1000;
const [session, file] = [20_000, 5_000_000];

function edge(from: number, to: string, bytes = session): Seen {
  return {
    direction: 'egress',
    'host.name': `h${from}`,
    'source.ip': `10.0.0.${from}`,
    'destination.ip': to,
    'destination.port': '22',
    who: `h${from}`,
    namespace: '1',
    ...{ bytes, age_ms: 0, heard_h: heard },
  };
}

/** Of the hosts that do not administer. */
const victim = `10.0.0.${administrators}`;

/** A person who does not find it at the first address goes on to another one. */
function errand(random: Prng): number {
  let addresses = 1;
  while (random.unit() < 0.1) addresses++;
  return addresses;
}

/** One in three is one of the fifty. */
function another(random: Prng, from: number, stranger: () => string): string {
  const to = random.below(hosts);
  return random.unit() < 1 / 3 && to !== from ? `10.0.0.${to}` : stranger();
}

export const world: World = {
  ordinary: [
    `environments of ${hosts} hosts; ${administrators} of them administer, and meet three new addresses a day; each of`,
    'the others one in a year, for a reason that nobody wrote down, one time in ten another one a few minutes later,',
    'and one time in four a file goes over it; once a year one of them meets ten in an hour. One new address in three',
    'is a host of the same environment',
  ].join(' '),
  note: 'A single new edge is no finding, whatever goes over it: the answer lists it.',
  sources: hosts,
  times: 30,
  key(random, stepMs) {
    let strangers = 0;
    const stranger = (): string => `10.1.${strangers >> 8}.${strangers++ & 255}`;
    /** Who goes on to whom, later. */
    const due: { readonly atMs: number; readonly from: number }[] = [];
    const plan = (
      from: number,
      atMs: number,
      { addresses, apartMs }: { addresses: number; apartMs: number },
    ) => {
      for (let n = 0; n < addresses; n++) due.push({ atMs: atMs + n * apartMs, from });
    };
    return (atMs) => {
      const seen: Seen[] = [];
      for (let host = 0; host < administrators; host++)
        if (now(random, { stepMs, everyMs: 8 * hour }))
          seen.push(edge(host, another(random, host, stranger)));
      for (let host = administrators; host < hosts; host++)
        if (now(random, { stepMs, everyMs: 52 * week }))
          plan(host, atMs, { addresses: errand(random), apartMs: 5 * minute });
      if (now(random, { stepMs, everyMs: 52 * week })) {
        const host = administrators + random.below(hosts - administrators);
        plan(host, atMs, { addresses: 10, apartMs: 6 * minute });
      }
      while (due.some((each) => each.atMs <= atMs)) {
        const [next] = due.splice(
          due.findIndex((each) => each.atMs <= atMs),
          1,
        );
        if (next)
          seen.push(
            edge(next.from, another(random, next.from, stranger), random.unit() < 1 / 4 ? file : session),
          );
      }
      return seen;
    };
  },
  faults: [
    {
      name: 'a chain of two: the second one, ten minutes later, of a host that has none',
      change: (seen, _, nth) => [
        ...seen,
        ...(nth === 0 ? [edge(0, victim)] : nth === 10 ? [edge(administrators, '10.2.0.2')] : []),
      ],
    },
    {
      name: 'the same through a host that administers',
      change: (seen, _, nth) => [
        ...seen,
        ...(nth === 0 ? [edge(40, '10.0.0.0')] : nth === 10 ? [edge(0, '10.2.0.3', file)] : []),
      ],
    },
    {
      name: 'three new edges of a host that has none, five minutes apart',
      change: (seen, _, nth) => ([0, 5, 10].includes(nth) ? [...seen, edge(40, `10.2.0.${nth}`)] : seen),
    },
    {
      name: 'three at once',
      change: (seen, _, nth) =>
        nth === 0 ? [...seen, ...[0, 1, 2].map((n) => edge(40, `10.2.1.${n}`))] : seen,
    },
    {
      name: 'three, a quarter of an hour apart',
      change: (seen, _, nth) => ([0, 15, 30].includes(nth) ? [...seen, edge(40, `10.2.2.${nth}`)] : seen),
    },
    {
      name: 'one new edge of a host that has none, over which a tool goes',
      change: (seen, _, nth) => (nth === 0 ? [...seen, edge(40, '10.2.0.1', file)] : seen),
    },
  ],
};
