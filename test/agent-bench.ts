/** An agent of which everything but the agent itself is the test's. */

import { manualClock, type ManualClock } from '../src/lib/clock.ts';
import { createAgent, type Agent, type AgentParts } from '../src/agent/agent.ts';
import type { Delivery } from '../src/agent/deliver/delivery.ts';
import type { Position, Stopped } from '../src/agent/kernel/control.ts';
import type { Lookups } from '../src/agent/lookups/lookups.ts';
import { newMemory, windowCloser } from '../src/agent/window/closing.ts';
import { keepsAll } from '../src/agent/window/policy/policy.ts';
import type { ConnectionEvent, FlowRow } from '../src/model/observation.ts';
import type { ConnectionRecord, SondeRecord, WindowRecord } from '../src/model/record.ts';
import { signalNames } from '../src/model/signals.ts';
import { closingOptions, curl, node, nothingFar } from './observations.ts';

/** RFC 3339 of a wall time. */
export const iso = (ms: number): string => new Date(ms).toISOString();

/** One that is never exceeded. */
export function budgetOf(plan: { allEvents?: boolean } = {}): AgentParts['budget'] {
  return {
    plan: {
      allEvents: false,
      events: { perSecond: 1000, burst: 1000 },
      windowMs: 1000,
      essentialOnly: false,
      counting: true,
      ...plan,
    },
    tick: () => Promise.resolve(false),
    signals: (wanted) => wanted,
    takeMoves: () => [],
    status: () => ({ step: 'everything', since: null, usage: null, limits: { cpu: 1, memory: 1e9 } }),
  };
}

/** Nobody asks for a name. */
export const quietLookups: Lookups = {
  tick: () => undefined,
  endWindow: () => [],
  losses: () => ({}),
  state: () => ({ consumed: 0, pending: 0 }),
};

/** An agent on parts that write down what is done to them, in order. */
export class Bench implements AsyncDisposable {
  readonly clock: ManualClock;
  readonly agent: Agent;
  /** `drain N`, `close N`, `deliver N`, `commit N`, `clear N`, `detach`, `trace on`, `trace off`. */
  readonly done: string[] = [];
  readonly delivered: SondeRecord[] = [];
  readonly kernelLosses: Record<string, number> = {};
  /** In the ring now. */
  events: ConnectionEvent[] = [];
  /** Called before each drain. */
  refill: () => void = () => undefined;
  /** Rows of the next window. */
  rows: FlowRow[] = [];
  lost = 0;
  position: Position = { window: 0, cleared: 0, closedAtMs: 0 };
  stopped: Stopped = 'no';
  readonly memory = newMemory();
  /** Resolves when it may go on. */
  slow: Promise<unknown> | undefined;
  /** How often the disk does not take a window. */
  refusals = 0;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  readonly delivery: Delivery = {
    deliver: (records) => (records.length === 0 ? Promise.resolve() : this.#take('deliver', records)),
    commit: async ({ records, closing }, again) => {
      for (; this.refusals > 0; this.refusals--) {
        this.done.push('refused');
        if ((await again?.()) !== true) return;
      }
      await this.#take('commit', [...records, closing]);
    },
    resumed: () => undefined,
    losses: (): Record<string, number> => (this.lost === 0 ? {} : { 'deliver.probe.refused': this.lost }),
    status: () => ({}),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };

  constructor(change: Partial<AgentParts> & { wallMs?: number } = {}) {
    this.clock = manualClock({ wallMs: change.wallMs ?? 100_000, monotonicNs: 5_000_000_000n });
    this.agent = createAgent({ ...this.#parts(), ...change });
  }

  #parts(): AgentParts {
    const view = new DataView(new ArrayBuffer(0));
    return {
      clock: this.clock,
      lookups: quietLookups,
      kernel: {
        ring: {
          drain: (visit, eventsMax) => {
            this.refill();
            const count = Math.min(this.events.length, eventsMax);
            for (let i = 0; i < count; i++) visit(view, i);
            if (count > 0) this.done.push(`drain ${count}`);
            this.events.splice(0, count);
            return count;
          },
          backlog: () => this.events.length,
        },
        pinned: undefined,
        losses: () => this.kernelLosses,
        resets: () => undefined,
        numbers: { owners: { inUse: () => 1 }, namespaces: { inUse: () => 1 } },
        control: {
          position: () => this.position,
          seen: () => undefined,
          set: ({ trace }) => void this.done.push(`trace ${trace === true ? 'on' : 'off'}`),
          stopped: () => this.stopped,
        },
        close: (number) => {
          this.done.push(`close ${number}`);
          return Promise.resolve({ count: number, keys: view, values: view });
        },
        clear: ({ count }) => {
          this.done.push(`clear ${count}`);
          return Promise.resolve();
        },
        detach: () => void this.done.push('detach'),
        unpin: () => void this.done.push('unpin'),
        signals: signalNames,
        switchTo: () => new Map(),
      },
      decodeEvent: (_, offset) => this.events[offset]!,
      decodeFlows: () => this.rows.splice(0),
      decodeListeners: () => [],
      owners: {
        refresh: () => undefined,
        labels: () => curl,
        commandLine: () => undefined,
        recycle: () => Promise.resolve(),
      },
      far: nothingFar,
      own: { look: () => Promise.resolve([]), losses: () => ({}) },
      namespaces: {
        start: () => Promise.resolve(new Map()),
        resume: () => undefined,
        state: () => ({ vanished: [] }),
        observe: () => Promise.resolve([]),
        path: () => undefined,
        inode: () => 7,
        recycle: () => Promise.resolve([]),
      },
      closeWindow: windowCloser(node, closingOptions, this.memory),
      memory: this.memory,
      begin: { since: iso(this.clock.wallMs()), window: 0, end: iso(this.clock.wallMs()) },
      delivery: this.delivery,
      node,
      policy: keepsAll,
      signals: signalNames,
      budget: budgetOf(),
      beat: () => undefined,
      profile: () => Promise.reject(new Error('nothing is measured here')),
    };
  }

  async #take(verb: string, records: readonly SondeRecord[]): Promise<void> {
    await this.slow;
    this.done.push(`${verb} ${records.length}`);
    this.delivered.push(...records);
  }

  start(): this {
    this.#running = this.agent.run(this.#stop.signal);
    return this;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.clock.advance(0);
    await this.#running;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  windows(): WindowRecord[] {
    return this.delivered.filter((record) => record['event.name'] === 'sonde.window');
  }

  connections(): ConnectionRecord[] {
    return this.delivered.filter((record) => record['event.name'] === 'sonde.connection');
  }
}
