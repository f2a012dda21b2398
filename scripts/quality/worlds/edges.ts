/** Hosts that administer each other. */
import type { Seen } from '../../../src/hub/detect/method.ts';
import { now } from '../chance.ts';
import { hour, week, type World } from '../world.ts';

const hosts = 50;
const administrators = 5;
const heard = 1000;

function edge(from: number, to: string, bytes = 20_000): Seen {
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

export const world: World = {
  ordinary: [
    `environments of ${hosts} hosts; ${administrators} of them administer, and meet three new addresses a day;`,
    'each of the others one in a year, for a reason that nobody wrote down',
  ].join(' '),
  note: [
    'What is told here are ordinary new edges of hosts that hardly ever have any, as it must be: this detector has',
    'as many of them as your hosts have new edges. What it keeps silent of is those of whoever always has some.',
  ].join(' '),
  sources: hosts,
  key(random, stepMs) {
    let strangers = 0;
    const fresh = (from: number): Seen => edge(from, `10.1.${strangers >> 8}.${strangers++ & 255}`);
    return () => {
      const seen: Seen[] = [];
      for (let host = 0; host < hosts; host++) {
        const everyMs = host < administrators ? 8 * hour : 52 * week;
        if (now(random, { stepMs, everyMs })) seen.push(fresh(host));
      }
      return seen;
    };
  },
  faults: [
    {
      name: 'one new edge of a host that has none',
      change: (seen, _, nth) => (nth === 0 ? [...seen, edge(40, '10.2.0.1')] : seen),
    },
    {
      name: 'a chain of two: the second one, ten minutes later',
      change: (seen, _, nth) => [
        ...seen,
        ...(nth === 0 ? [edge(0, victim)] : nth === 10 ? [edge(administrators, '10.2.0.2')] : []),
      ],
    },
    {
      name: 'one new edge of a host that administers, over which a tool goes',
      change: (seen, _, nth) => (nth === 0 ? [...seen, edge(0, '10.2.0.3', 5_000_000)] : seen),
    },
  ],
};
