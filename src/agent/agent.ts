/**
 * The agent, from injected parts: drain → decode → enrich → window → deliver, at its own pace.
 *
 * Owns the tick. One window is closed at a time; a slow disk makes windows longer, never wrong: the kernel
 * goes on counting. Must never do work per event outside `drain`.
 *
 * Killed at any moment, it leaves nothing out of the windows and nothing twice: a window's rows stay in the
 * kernel until it is committed, and what is committed is known to the next agent. Single events are detail
 * and go at most once: the ring is consumed before they are delivered, so those of the last tick may be
 * missing. (The other way round they would come twice, and nothing at a receiver could tell.)
 */

import { ownPrivileges, type Privileges } from '../lib/capabilities.ts';
import type { Clock } from '../lib/clock.ts';
import type { LookupRow } from '../model/dns.ts';
import type { ConnectionEvent, FlowRow, Listener, NamespaceObservation } from '../model/observation.ts';
import type { RecentLabels } from '../model/local.ts';
import type { ConnectionRecord, NodeLabels, RowRecord, WindowRecord } from '../model/record.ts';
import type { SignalName } from '../model/signals.ts';
import type { BudgetStatus, Governor, Plan } from './budget/governor.ts';
import type { Profile, ProfileSource } from './budget/profile.ts';
import type { RawRows } from './decode/flows.ts';
import type { Delivery } from './deliver/delivery.ts';
import { farEndOf } from './enrich/far/ends.ts';
import type { Far, FarStatus } from './enrich/far/far.ts';
import { labelling } from './enrich/labelling.ts';
import type { Kubernetes, KubernetesStatus } from './enrich/kubernetes/kubernetes.ts';
import { reachable, type OwnAddresses } from './enrich/own-addresses.ts';
import type { OwnerTable } from './enrich/owners.ts';
import type { ControlWords } from './kernel/control.ts';
import type { Namespaces } from './kernel/namespaces.ts';
import type { NumberTable, TableName } from './kernel/numbers.ts';
import type { Kernel } from './kernel/programs.ts';
import type { Lookups } from './lookups/lookups.ts';
import type { AgentState, Begin } from './begin/main.ts';
import {
  forgetNamespace,
  type ClosedWindow,
  type ClosingMemory,
  type WindowParts,
} from './window/closing.ts';
import { lossesOf } from './losses.ts';
import { agentLimits, nextBorder, rest, untilTickMs } from './pace.ts';
import { selfLabels } from './self.ts';
import { switchingOf, type Refusals, type Switching } from './switching.ts';
import type { Inventory } from './window/listeners.ts';
import type { FieldPolicy } from './window/policy/policy.ts';
import { newRecent } from './window/recent.ts';
import { connectionRecord } from './window/records.ts';
import { bootedAtMs, wallTimes, windowStart } from './window/time.ts';

export interface AgentParts {
  readonly clock: Clock;
  readonly kernel: Pick<
    Kernel,
    'ring' | 'pinned' | 'losses' | 'resets' | 'close' | 'clear' | 'detach' | 'unpin' | 'signals' | 'switchTo'
  > & {
    readonly control: Pick<ControlWords, 'position' | 'seen' | 'set' | 'stopped'>;
    readonly numbers: Readonly<Record<TableName, Pick<NumberTable, 'inUse'>>>;
  };
  readonly decodeEvent: (view: DataView, offset: number) => ConnectionEvent;
  readonly decodeFlows: (raw: RawRows) => FlowRow[];
  readonly decodeListeners: (raw: RawRows) => Listener[];
  readonly lookups: Lookups;
  readonly owners: OwnerTable;
  readonly kubernetes?: Pick<Kubernetes, 'status' | 'losses'> | undefined;
  readonly far: Far;
  readonly namespaces: Namespaces;
  readonly own: OwnAddresses;
  readonly closeWindow: (parts: WindowParts) => ClosedWindow;
  /** What `closeWindow` remembers. */
  readonly memory: ClosingMemory;
  readonly begin: Begin;
  readonly delivery: Delivery;
  /** Has been through the policy. */
  readonly node: NodeLabels;
  readonly policy: FieldPolicy;
  /** To be on, of those that this kernel takes. */
  readonly signals: readonly SignalName[];
  /** Called with each tick: the loop comes round. */
  readonly beat: () => void;
  /** Measures what the agent costs. */
  readonly profile: (
    options: { readonly clock: Clock; readonly forMs: number } & Pick<ProfileSource, 'exporters'>,
    signal: AbortSignal,
  ) => Promise<Profile>;
  readonly budget: Pick<Governor, 'tick' | 'signals' | 'status' | 'takeMoves'> & {
    readonly plan: Pick<Plan, 'allEvents' | 'events' | 'windowMs' | 'essentialOnly' | 'counting'>;
  };
}

/** Somebody who watches live. Must not block; `record` is called for every connection and every window. */
export interface Watcher {
  record(record: ConnectionRecord | WindowRecord): void;
}

/** Somebody who only wants the records of every window, when it has closed: costs nothing. */
export type WindowObserver = (closing: WindowRecord, rows: readonly RowRecord[]) => void;

export interface AgentStatus {
  readonly node: NodeLabels;
  readonly since: string;
  readonly lost: Readonly<Record<string, number>>;
  readonly owners: number;
  readonly namespaces: number;
  readonly signals: readonly SignalName[];
  readonly far: FarStatus;
  readonly watchers: number;
  readonly budget: BudgetStatus;
  readonly memoryBytes: number;
  readonly privileges: Privileges;
  readonly lastWindow: WindowRecord | null;
  /** How far behind each exporter is. */
  readonly exporters: ReturnType<Delivery['status']>;
  /** Null where it is not asked. */
  readonly kubernetes: KubernetesStatus | null;
}

/** How an agent stood at its end. */
export interface LastSeen {
  readonly status: AgentStatus;
  readonly labels: RecentLabels;
}

/** Reason of a signal that ends an agent for another one to go on at once. */
export const handOver = Symbol('hand over');

export interface Agent {
  /**
   * Runs until the signal, or until nothing is counted any more; then closes the last window and delivers it.
   * Handed over, counting goes on in the kernel, if it is pinned there, and that window is none of the last.
   */
  run(signal: AbortSignal): Promise<void>;
  watch(watcher: Watcher): () => void;
  observe(observer: WindowObserver): () => void;
  status(): AgentStatus;
  /** What fell short of the labelling standard in the last windows. */
  labels(): RecentLabels;
  /** What it costs, measured for so long, or until the signal. */
  profile(forMs: number, signal: AbortSignal): Promise<Profile>;
  /** Leaves exactly these signals on, from the next tick; what the kernel refuses is off, and named. */
  switchTo(wanted: readonly SignalName[]): Promise<Refusals>;
}

/** Behind what else was drained: an answer was there before whoever asked could connect. */
function takeLookups({ lookups, clock, kernel }: AgentParts): void {
  lookups.tick({ monotonicNs: clock.monotonicNs(), on: kernel.signals.includes('dns') });
}

/** One tick: events out of the ring, labelled, to exporters and watchers. Returns how many there were. */
async function drainEvents(
  parts: AgentParts,
  { watchers, bootedAt }: { watchers: ReadonlySet<Watcher>; bootedAt: number },
): Promise<number> {
  const events: ConnectionEvent[] = [];
  parts.kernel.ring.drain(
    (view, offset) => events.push(parts.decodeEvent(view, offset)),
    agentLimits.eventsPerTickMax,
  );
  takeLookups(parts);
  parts.owners.refresh();
  if (events.length === 0) return 0;
  const times = wallTimes(parts.clock, bootedAt);
  const wanted: ConnectionRecord[] = [];
  const labels = labelling(parts);
  for (const event of events) {
    const record = connectionRecord(labels.event(event), parts, times);
    if (event.detail || parts.budget.plan.allEvents) wanted.push(record);
    for (const watcher of watchers) watcher.record(record);
  }
  await parts.delivery.deliver(wanted);
  return events.length;
}

/** Nobody is to think that the agent is gone. */
function alive({ kernel, clock, beat }: AgentParts): void {
  beat();
  kernel.control.seen(clock.monotonicNs());
}

/** Places in the kernel's tables that nobody uses any more are free for others. */
async function recycle({ owners, namespaces, memory }: AgentParts, window: number): Promise<void> {
  await owners.recycle(window);
  for (const cookie of await namespaces.recycle()) forgetNamespace(memory, cookie);
}

type Observations = readonly NamespaceObservation[];

interface Windows {
  /**
   * Ends a window. The last one brings its coverage along: once nothing is counted any more, the kernel
   * counts on alone.
   */
  end(atMs: number, signal: AbortSignal, atStop?: Observations): Promise<void>;
  /** The agent before was killed while it closed a window: that window ends when it should have. */
  endCut(signal: AbortSignal): Promise<void>;
}

function windowsOf(
  parts: AgentParts,
  { signals, bootedAt }: { readonly signals: Switching; readonly bootedAt: number },
  onClosed: (closed: ClosedWindow) => void,
): Windows {
  const { clock, kernel, owners, namespaces, delivery, node, memory } = parts;
  const labels = labelling(parts);
  let { window: number, end: lastEnd } = parts.begin;
  /** CLOCK_BOOTTIME of it; undefined as long as it is another agent's. */
  let lastEndBootMs: number | undefined;

  function inventoryOf(raw: RawRows): Inventory {
    const listeners = parts.decodeListeners(raw).map(labels.listener);
    return { listeners, times: wallTimes(clock, bootedAt) };
  }

  async function end(atMs: number, signal: AbortSignal, atStop?: Observations): Promise<void> {
    const bootMs = clock.bootMs();
    const tookMs = lastEndBootMs === undefined ? undefined : bootMs - lastEndBootMs;
    const bounds = {
      number: number + 1,
      start: windowStart(lastEnd, { endMs: atMs, tookMs }),
      end: new Date(atMs).toISOString(),
      last: atStop !== undefined,
    };
    const raw = await kernel.close(bounds.number, atMs);
    takeLookups(parts);
    owners.refresh();
    const resets = kernel.resets();
    const [rows, asked] = [parts.decodeFlows(raw), parts.lookups.endWindow()];
    await parts.far.look(rows.map(farEndOf));
    const observed = atStop ?? (await namespaces.observe());
    const { records, findings, ...told } = parts.closeWindow({
      bounds,
      rows: rows.map(labels.row<FlowRow>),
      ...(raw.listeners ? { inventory: inventoryOf(raw.listeners) } : {}),
      addresses: await parts.own.look(reachable(observed)),
      lookups: asked.map(labels.row<LookupRow>),
      losses: lossesOf(parts),
      ...(resets ? { resets } : {}),
      namespaces: observed,
      signals: signals.endWindow(),
    });
    const closing = { ...told.closing, ...selfLabels(parts) };
    const state: AgentState = {
      format: 1,
      agentId: node['agent.id'],
      last: bounds.last,
      end: bounds.end,
      memory: structuredClone(memory),
      ...namespaces.state(),
      lookups: parts.lookups.state(),
    };
    await delivery.commit({ records, closing, state }, () => {
      alive(parts);
      return rest(clock, signal, agentLimits.diskMs);
    });
    await kernel.clear(raw); // only now: safe, or counted as lost
    await recycle(parts, bounds.number);
    ({ number, end: lastEnd } = bounds);
    lastEndBootMs = bootMs;
    onClosed({ records, closing, findings });
  }

  return {
    end,
    async endCut(signal) {
      const { window, cleared, closedAtMs } = kernel.control.position();
      if (window > cleared) await end(closedAtMs, signal);
      lastEndBootMs = undefined; // it ended before we came
    },
  };
}

/** Whether the kernel tells of every connection: while the plan has that, or somebody watches. */
function tracing({ kernel, budget }: AgentParts, watchers: ReadonlySet<Watcher>): () => void {
  let isOn = budget.plan.allEvents;
  return () => {
    const wanted = budget.plan.allEvents || watchers.size > 0;
    if (wanted !== isOn) kernel.control.set({ trace: wanted });
    isOn = wanted;
  };
}

function statusOf(parts: AgentParts, watchers: ReadonlySet<Watcher>): Omit<AgentStatus, 'lastWindow'> {
  const { node, kernel, delivery } = parts;
  return {
    node,
    since: parts.begin.since,
    lost: lossesOf(parts),
    owners: kernel.numbers.owners.inUse(),
    namespaces: kernel.numbers.namespaces.inUse(),
    signals: kernel.signals,
    far: parts.far.status(),
    watchers: watchers.size,
    budget: parts.budget.status(),
    memoryBytes: process.memoryUsage.rss(),
    privileges: ownPrivileges(),
    exporters: delivery.status(),
    kubernetes: parts.kubernetes?.status() ?? null,
  };
}

interface Ending {
  readonly windows: Windows;
  readonly signal: AbortSignal;
  readonly drain: () => Promise<number>;
}

/** For another agent to go on: up to here everything is told. */
async function leave({ clock }: AgentParts, { windows, drain, signal }: Ending): Promise<void> {
  await drain();
  await windows.end(clock.wallMs(), signal);
}

async function endCounting(parts: AgentParts, { windows, drain, signal }: Ending): Promise<void> {
  const { clock, kernel, namespaces } = parts;
  const coverage = await namespaces.observe();
  kernel.detach();
  while ((await drain()) > 0);
  parts.lookups.tick({ monotonicNs: clock.monotonicNs(), on: false });
  await windows.end(clock.wallMs(), signal, coverage);
  kernel.unpin();
}

export function createAgent(parts: AgentParts): Agent {
  const { clock, kernel, budget } = parts;
  const watchers = new Set<Watcher>();
  const observers = new Set<WindowObserver>();
  let lastWindow: WindowRecord | null = null;
  const recent = newRecent();
  const bootedAt = bootedAtMs(clock);
  const signals = switchingOf(kernel);
  const windows = windowsOf(parts, { signals, bootedAt }, ({ records, closing, findings }) => {
    lastWindow = closing;
    recent.add(closing, findings);
    for (const watcher of watchers) watcher.record(closing);
    for (const observer of observers) observer(closing, records);
  });

  const trace = tracing(parts, watchers);

  /** What the budget allows now. */
  function conform(before: { readonly essentialOnly: boolean }): void {
    trace();
    if (before.essentialOnly !== budget.plan.essentialOnly) void signals.ask(budget.signals(parts.signals));
  }

  async function run(signal: AbortSignal): Promise<void> {
    signals.begin();
    await windows.endCut(signal);
    if (!signal.aborted) void signals.ask(budget.signals(parts.signals));
    let border = nextBorder(clock, budget.plan);
    while (!signal.aborted && budget.plan.counting && kernel.control.stopped() === 'no') {
      alive(parts);
      const { plan } = budget;
      if (await budget.tick()) {
        conform(plan);
        border = nextBorder(clock, budget.plan);
      }
      signals.apply();
      const drained = await drainEvents(parts, { watchers, bootedAt });
      if (clock.monotonicNs() >= border) {
        await windows.end(clock.wallMs(), signal);
        border = nextBorder(clock, budget.plan);
      }
      const busy = watchers.size > 0 || kernel.signals.includes('dns');
      await rest(clock, signal, untilTickMs(clock, border, { drained, busy, plan: budget.plan }));
    }
    const ending = { windows, signal, drain: () => drainEvents(parts, { watchers, bootedAt }) };
    if (signal.reason === handOver && kernel.pinned) await leave(parts, ending);
    else await endCounting(parts, ending);
  }

  function watch(watcher: Watcher): () => void {
    watchers.add(watcher);
    trace();
    return () => {
      watchers.delete(watcher);
      trace();
    };
  }

  return {
    run,
    watch,
    labels: () => recent.told(),
    switchTo: (wanted) => signals.ask(wanted),
    profile: (forMs, until) =>
      parts.profile({ clock, forMs, exporters: () => parts.delivery.status() }, until),
    observe(observer) {
      observers.add(observer);
      return () => observers.delete(observer);
    },
    status: () => ({ ...statusOf(parts, watchers), lastWindow }),
  };
}
