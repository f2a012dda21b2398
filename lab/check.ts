/** What the kernel's own counters must say when a truth is true: the identities of KERNEL.md §4. */
import type { Counters } from './namespaces.ts';
import type { ExpectedEnd, Truth } from './scenario.ts';

/** The counters that follow from the ends alone. */
export type Derived = Pick<Counters, 'ActiveOpens' | 'PassiveOpens' | 'AttemptFails' | 'EstabResets'>;

/**
 * For the ends of one namespace. `embryonic`: its EmbryonicRsts, which are failed attempts without a socket.
 */
export function derivedCounters(ends: readonly ExpectedEnd[], embryonic: number): Derived {
  const count = (is: (end: ExpectedEnd) => boolean): number => ends.filter(is).length;
  const gaveUpByKernel = (end: ExpectedEnd): boolean =>
    end.state === 'timed_out' && end.timeoutBy === 'kernel';
  return {
    ActiveOpens: count((end) => end.direction === 'egress' && end.state !== 'failed'),
    PassiveOpens: count((end) => end.direction === 'ingress'),
    AttemptFails:
      embryonic +
      count(
        (end) =>
          !end.established &&
          !end.softError &&
          (end.state === 'refused' ||
            end.state === 'unreachable' ||
            end.state === 'reset' ||
            gaveUpByKernel(end)),
      ),
    EstabResets: count(
      (end) => end.established && !end.finSent && (end.state === 'reset' || gaveUpByKernel(end)),
    ),
  };
}

/** What differs in one namespace, in words; empty when the truth and the kernel agree. */
export function disagreements(truth: Truth, netns: number, counters: Counters): string[] {
  const ends = truth.ends.filter((end) => end.netns === netns);
  const derived = derivedCounters(ends, counters.EmbryonicRsts);
  const wrong = Object.entries(derived).flatMap(([name, expected]) => {
    const found = counters[name as keyof Derived];
    return found === expected ? [] : [`${name}: the truth says ${expected}, the kernel ${found}`];
  });
  for (const { atLeast } of truth.evidence?.filter((piece) => piece.netns === netns) ?? [])
    for (const [name, least] of Object.entries(atLeast)) {
      const found = counters[name as keyof Counters];
      if (found < least) wrong.push(`${name}: at least ${least} was to be seen, the kernel has ${found}`);
    }
  return wrong;
}
