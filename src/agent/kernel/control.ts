/**
 * The words that the agent and the programs share, mapped: what the agent may change while they run, and what
 * they count for it.
 *
 * A word that an agent killed at any moment leaves behind is one that it has written whole: 32 and 64 bits go
 * by Atomics. (A DataView writes byte by byte.)
 */

import type { TypeInformation } from '../../lib/btf.ts';
import type { Profile } from '../../model/signals.ts';

export interface Control {
  seeding: boolean;
  scoped: boolean;
  detailClosed: boolean;
  trace: boolean;
  slowUs: number;
  /** How long a UDP flow may be quiet until it has ended. */
  udpIdleMs: number;
  /** The sweep names holders of UDP sockets … */
  udp: boolean;
  /** … and of those that speak DNS. */
  dns: boolean;
  /** Another generation is attached too, or was: what it has counted is not counted again … */
  succeeding: boolean;
  /** … and the sweep removes what that one kept with each socket. */
  forgetting: boolean;
}

export interface EventBudget {
  readonly perSecond: number;
  readonly burst: number;
}

/**
 * How far windows have come. `window` is the newest whose closing has begun, `cleared` the newest whose rows
 * are gone from the kernel: the same one at rest. Each step is one write of one word, so a new agent finds
 * either the state before it or the one after it.
 */
export interface Position {
  readonly window: number;
  readonly cleared: number;
  /** Wall time at which the closing of `window` began. */
  readonly closedAtMs: number;
}

export type Stopped = 'no' | 'by_agent' | 'orphaned';

export interface ControlWords {
  set(change: Partial<Control>): void;
  /**
   * Token buckets of the events that the policy wants, of the rest for a live trace, and of DNS messages: as
   * many queries, and as many responses.
   */
  budget(detail: EventBudget, trace: EventBudget, dns: EventBudget): void;
  /** Where DNS is spoken. */
  dnsPorts(ports: readonly number[]): void;
  position(): Position;
  beginClosing(window: number, atMs: number): void;
  endClearing(window: number): void;
  /** An agent is here. CLOCK_MONOTONIC. */
  seen(nowNs: bigint): void;
  /**
   * How long without an agent until the programs go idle; 0: never. `nowNs`: one is here now, which the
   * programs must know before they know how long to wait.
   */
  orphanAfter(times: { readonly idleNs: bigint; readonly nowNs: bigint }): void;
  /** The sweep of UDP flows has more to do. */
  udpUnswept(): boolean;
  stop(): void;
  stopped(): Stopped;
  /** Counts since load, by the names of `enum loss`. */
  losses(): Record<string, number>;
  /** Resets sent since load, by the kernel's number of the reason. */
  resets(): readonly number[];
  /** DNS messages that were put into the ring. */
  dnsTold(): number;
  /** What the programs that stand in have counted for those that were left out. */
  stoodIn(): number;
}

const names = {
  seeding: 'seeding',
  scoped: 'scoped',
  detailClosed: 'detail_closed',
  trace: 'trace',
  slowUs: 'slow_us',
  udpIdleMs: 'udp_idle_ms',
  udp: 'udp',
  dns: 'dns',
  succeeding: 'succeeding',
  forgetting: 'forgetting',
} as const satisfies Record<keyof Control, string>;

export function openControl(types: TypeInformation, shared: ArrayBuffer): ControlWords {
  const [outer, inner] = [types.layout('shared'), types.layout('control')];
  const words = new Int32Array(shared);
  const longs = new BigUint64Array(shared);
  const at = (name: string) => outer.field('control').offset + inner.field(name).offset;
  const read = (name: string) => Atomics.load(words, at(name) / 4);
  const write = (name: string, value: number) => Atomics.store(words, at(name) / 4, value);
  const writeLong = (name: string, value: bigint) => Atomics.store(longs, at(name) / 8, value);
  const reasons = types.words('stopped', 'STOPPED_') as readonly Stopped[];
  const lossNames = types.words('loss', 'LOSS_').filter((name) => name !== 'count');

  return {
    set(change) {
      for (const [key, value] of Object.entries(change)) write(names[key as keyof Control], Number(value));
    },
    budget(detail, trace, dns) {
      [detail, trace, dns, dns].forEach(({ perSecond, burst }, index) => {
        const gapNs = BigInt(Math.max(1, Math.round(1e9 / perSecond)));
        Atomics.store(longs, at('event_gap_ns') / 8 + index, gapNs);
        Atomics.store(longs, at('event_burst_ns') / 8 + index, gapNs * BigInt(burst));
      });
    },
    dnsPorts(ports) {
      const { count } = inner.field('dns_ports');
      for (let i = 0; i < count; i++) Atomics.store(words, at('dns_ports') / 4 + i, ports[i] ?? 0);
    },
    position: () => ({
      window: read('window'),
      cleared: read('cleared'),
      closedAtMs: Number(Atomics.load(longs, at('closed_at_ms') / 8)),
    }),
    beginClosing(window, atMs) {
      if (read('window') !== window) writeLong('closed_at_ms', BigInt(Math.round(atMs)));
      write('window', window);
    },
    endClearing: (window) => void write('cleared', window),
    seen: (nowNs) => void writeLong('seen_ns', nowNs),
    orphanAfter({ idleNs, nowNs }) {
      writeLong('seen_ns', nowNs);
      writeLong('orphan_ns', idleNs);
    },
    udpUnswept: () => Atomics.load(words, outer.field('udp_unswept').offset / 4) !== 0,
    stop: () => void write('stopped', reasons.indexOf('by_agent')),
    stopped: () => reasons[read('stopped')] ?? 'by_agent',
    losses() {
      const first = outer.field('losses').offset / 8;
      return Object.fromEntries(
        lossNames.map((name, index) => [name, Number(Atomics.load(longs, first + index))]),
      );
    },
    resets() {
      const { offset, count } = outer.field('resets');
      return Array.from({ length: count }, (_, reason) => Number(Atomics.load(longs, offset / 8 + reason)));
    },
    dnsTold: () => Number(Atomics.load(longs, outer.field('dns_told').offset / 8)),
    stoodIn: () => Number(Atomics.load(longs, outer.field('stood_in').offset / 8)),
  };
}

/** The parts of the configuration that the programs are told. */
export interface ControlConfig {
  readonly profile: Profile;
  /** In milliseconds. */
  readonly slow: number;
  /** In milliseconds. */
  readonly udp_idle: number;
  readonly dns: { readonly ports: readonly number[] };
  readonly limits: {
    readonly events_per_second: number;
    readonly trace_events_per_second: number;
    readonly dns_messages_per_second: number;
  };
}

export function configure(control: ControlWords, config: ControlConfig): void {
  const { profile, slow, dns, limits } = config;
  const bucket = (perSecond: number) => ({ perSecond, burst: perSecond });
  control.set({ detailClosed: profile !== 'failures', trace: profile === 'full', slowUs: slow * 1000 });
  control.budget(
    bucket(limits.events_per_second),
    bucket(limits.trace_events_per_second),
    bucket(limits.dns_messages_per_second),
  );
  control.set({ udpIdleMs: config.udp_idle });
  control.dnsPorts(dns.ports);
}
