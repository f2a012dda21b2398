/**
 * The kernel programs of one generation of counting, and the maps behind them: opened, sized, loaded and
 * attached by the agent that begins it, taken over from their pins by the next.
 *
 * Owns the addon's object and the two flow maps' roles. At most one window is being closed at a time. Must
 * never read or clear the live map.
 */

import assert from 'node:assert/strict';
import { release } from 'node:os';
import type { TypeInformation } from '../../lib/btf.ts';
import { numberFormat } from '../../lib/numbers.ts';
import type { SignalName } from '../../model/signals.ts';
import { attachmentsOf, isWhole, type Attachments, type Pinned } from './attachments.ts';
import { openControl, type ControlWords } from './control.ts';
import { readBirth, writeBirth, type Birth, type KernelLimits } from './generation.ts';
import { openLeftOut, type LeftOut } from './left-out.ts';
import { openListeners, type Listeners } from './listeners.ts';
import type { Native, NativeObject, ProgramStatistics } from './native.ts';
import { flowMaps, loadObject, openObject, setConstants, sizeMaps } from './object.ts';
import type { Pins } from './pins.ts';
import { nodeRows } from './node-rows.ts';
import { openNumberTables } from './number-tables.ts';
import type { NumberTable, TableName } from './numbers.ts';
import { resetReader, type ReadResets, type ResetCounts } from './reset-reasons.ts';
import { openRing, type Ring } from './ring.ts';
import { rowReader, type RawRows, type ReadRows } from './rows.ts';
import { allPrograms, allSweeps, leavesOut, programsOf, signalPrograms } from './signals.ts';
import { leaveOutSweeps, openSweep, wantsSweepInTwo, type Sweep } from './sweep.ts';

/** One window's rows as the kernel left them, in arrays that are reused for the next window. */
export interface RawWindow extends RawRows {
  /** The inventory of listeners at its end. Left out where it is not to be told. */
  readonly listeners?: RawRows;
}

export interface KernelOptions {
  readonly limits: KernelLimits;
  /** Their programs are loaded, and may be attached. */
  readonly signals: readonly SignalName[];
  /** What the kernel has against others. */
  readonly refused?: ReadonlyMap<SignalName, string>;
  /**
   * These programs may ask for a packet's network namespace. A kernel before 6.15 refuses those that do; they
   * then know it from the socket's sender.
   */
  readonly netnsOfPackets?: boolean;
  /** Whether the kernel leaves out runs, so that others must stand in; without it, by its release. */
  readonly leavesOut?: boolean;
  /** Whether the sweep of sockets has two parts; without it, as the kernel wants it. */
  readonly sweepsInTwo?: boolean;
  /** Its maps and links are taken over as they are; `limits` must be theirs. */
  readonly pinned?: Pinned | undefined;
  /** It counts too until this one has begun; then this one goes on alone (`succeed`). */
  readonly predecessor?: Pinned | undefined;
}

const slots = { live: 0, closing: 1 } as const;
/** Counts go here once the closing of this window has begun: the number's parity decides. */
function liveDuring(window: number): string {
  return flowMaps[window % 2 === 0 ? 0 : 1];
}

function closedBy(window: number): string {
  return liveDuring(window + 1);
}

export class Kernel implements AsyncDisposable {
  readonly types: TypeInformation;
  readonly ring: Ring;
  /** DNS messages. */
  readonly dns: Ring;
  /** In place: the kernel writes them while we read. */
  readonly owners: DataView;
  readonly namespaces: DataView;
  readonly limits: KernelLimits;
  readonly control: ControlWords;
  readonly numbers: Readonly<Record<TableName, NumberTable>>;
  readonly #native: Native;
  readonly #object: NativeObject;
  readonly #generation: DataView;
  readonly #attachments: Attachments;
  #succeeds = false;
  readonly #sweep: Sweep;
  /** Besides that of sockets. */
  #sweeps: readonly string[] = [];
  #pinned: Pinned | undefined;
  readonly #leftOut: LeftOut;
  #wantStatistics = 0;
  readonly #listeners: Listeners;
  readonly #read: ReadRows;
  readonly #readResets: ReadResets;
  readonly #refused: ReadonlyMap<SignalName, string>;

  constructor(native: Native, path: string, options: KernelOptions) {
    const { limits, signals, pinned, leavesOut: leaves = leavesOut(release()) } = options;
    const { sweepsInTwo = wantsSweepInTwo(native, path) } = options;
    this.#native = native;
    this.limits = limits;
    this.#pinned = pinned;
    this.#refused = options.refused ?? new Map();
    ({ object: this.#object, types: this.types } = openObject(native, path));
    this.#attachments = attachmentsOf(native, this.#object, leaves);
    try {
      if (pinned) this.#takeMaps(pinned);
      else sizeMaps(native, this.#object, { limits, sweepsInTwo });
      if (options.predecessor) this.#followOn(options.predecessor);
      const sizes = {
        flowRowsMax: limits.flowRowsMax,
        netnsOfPackets: options.netnsOfPackets === true,
        leaves,
        sweepsInTwo,
      };
      setConstants(native, this.#object, { types: this.types, ...sizes });
      this.#leaveOut(signals, leaves);
      leaveOutSweeps(native, this.#object, sweepsInTwo);
      loadObject(native, this.#object);
      if (pinned) this.#attachments.adopt(pinned);
    } catch (error) {
      native.close(this.#object);
      throw error;
    }
    this.ring = this.#openRing('events');
    this.dns = this.#openRing('dns_packets');
    const tables = { owners: this.#view('owners'), namespaces: this.#view('namespaces') };
    this.owners = new DataView(tables.owners);
    this.namespaces = new DataView(tables.namespaces);
    this.numbers = openNumberTables(native, this.#object, { types: this.types, limits, tables });
    this.control = openControl(this.types, this.#view('shared'));
    this.#generation = new DataView(this.#view('generation'));
    this.#readResets = resetReader(native);
    this.#leftOut = openLeftOut({
      programs: () => this.programs(),
      stoodIn: () => this.control.stoodIn(),
    });
    this.#listeners = openListeners(native, this.#object, this.types);
    const inodeOf = this.#inodes();
    this.#sweep = openSweep({
      native,
      object: this.#object,
      isInTwo: sweepsInTwo,
      met: () =>
        (this.control.losses()['namespaces_full'] ?? 0) > 0
          ? undefined
          : this.numbers.namespaces.known().map(inodeOf),
      signals: () => this.signals,
    });
    this.#read = rowReader(native, this.#object, {
      keySize: this.types.layout('flow_key').size,
      valueSize: this.types.layout('flow').size,
      rowsMax: 2 * limits.flowRowsMax,
    });
  }

  /** From a network namespace's number to its inode. */
  #inodes(): (id: number) => number {
    const [layout, numbers] = [this.types.layout('netns'), numberFormat(this.types)];
    const { offset } = layout.field('inode');
    return (id) => this.namespaces.getUint32(numbers.place(id) * layout.size + offset, true);
  }

  #view(map: string): ArrayBuffer {
    return this.#native.view(this.#object, map);
  }

  #openRing(map: string): Ring {
    return openRing(this.#native.ring(this.#object, map), () => this.#native.ringData(this.#object, map));
  }

  /**
   * The programs are loaded onto the pinned maps. What counts is attached already, and must not be twice:
   * that is up to the links. Loaded once more are those too, so that a signal can be switched on again.
   */
  #takeMaps({ pins, generation }: Pinned): void {
    for (const map of this.#native.maps(this.#object))
      this.#native.reuse(this.#object, map, pins.mapPath(generation, map));
  }

  #followOn({ pins, generation }: Pinned): void {
    this.#native.reuse(this.#object, 'predecessor', pins.mapPath(generation, 'connections'));
    this.#succeeds = true;
  }

  #leaveOut(signals: readonly SignalName[], leaves: boolean): void {
    this.#sweeps = signals.flatMap((name) => signalPrograms[name].sweep ?? []);
    const loaded = new Set([...signals.flatMap((name) => programsOf(name, leaves)), ...this.#sweeps]);
    // Those of another build may be others.
    const names = new Set(this.#native.programs(this.#object).map(({ name }) => name));
    for (const program of [...allPrograms, ...allSweeps])
      if (names.has(program) && !loaded.has(program)) this.#native.skip(this.#object, program);
  }

  /** Lays the node's total rows, which must always exist, and lets the programs run. Seeds older sockets. */
  async start(signals: readonly SignalName[]): Promise<ReadonlyMap<SignalName, string>> {
    for (const map of flowMaps) this.#layNodeRows(map);
    for (const table of Object.values(this.numbers)) table.lay();
    await this.#swap(0);
    this.#attachSweeps();
    this.control.set({ succeeding: this.#succeeds });
    const refused = this.#attachments.switchTo(signals, undefined);
    this.#tellSignals();
    await this.#seed();
    return refused;
  }

  async #seed(): Promise<void> {
    this.control.set({ seeding: true });
    await this.#sweep.seed();
    this.control.set({ seeding: false });
  }

  /**
   * The generation before is detached, and its last window read. What it knew of sockets in file tables goes;
   * of those in none it is still asked when they end.
   */
  async succeed(): Promise<void> {
    this.control.set({ forgetting: true });
    await this.#seed();
    this.control.set({ forgetting: false });
  }

  /**
   * Goes on where the agent before was killed, after `start` of its generation: `committed` is the newest
   * window that is safe. One that was being cleared is cleared; one that was being closed is the caller's to
   * close again, under the same number: then the position still says so.
   */
  async resume(committed: number): Promise<void> {
    this.#attachSweeps();
    this.control.set({ seeding: false });
    const { window, cleared } = this.control.position();
    if (cleared < committed) await this.clear(await this.#read(closedBy(window)));
  }

  #attachSweeps(): void {
    this.#sweep.attach();
    for (const program of this.#sweeps) this.#native.attach(this.#object, program);
  }

  /** Whether the programs of a pinned generation are still held attached. */
  isWhole(): boolean {
    return this.#pinned !== undefined && isWhole(this.#pinned);
  }

  /** Those that are on. */
  get signals(): readonly SignalName[] {
    return this.#attachments.signals();
  }

  /** Leaves exactly these on; what the kernel refuses is off, and named. What was counted stays counted. */
  switchTo(signals: readonly SignalName[]): ReadonlyMap<SignalName, string> {
    this.#leftOut.look();
    const loaded = signals.filter((name) => !this.#refused.has(name));
    const refused = this.#attachments.switchTo(loaded, this.#pinned);
    this.#tellSignals();
    return new Map([...refused, ...[...this.#refused].filter(([name]) => signals.includes(name))]);
  }

  /** The sweep makes nothing for a signal that is off. */
  #tellSignals(): void {
    this.control.set({ udp: this.signals.includes('udp'), dns: this.signals.includes('dns') });
  }

  /** Only these network namespaces, by cookie. Before `start`. */
  scope(cookies: readonly bigint[]): void {
    this.control.set({ scoped: true });
    for (const cookie of cookies) {
      this.#native.write(
        this.#object,
        'scope',
        new Uint8Array(BigUint64Array.of(cookie).buffer),
        Uint8Array.of(1),
      );
    }
  }

  birth(): Birth {
    return readBirth(this.#generation, this.types.layout('generation'));
  }

  /**
   * From here on the kernel goes on counting when this agent is killed. False when what must be written down
   * for the next agent has no room.
   */
  pin(pins: Pins, { name, birth }: { name: string; birth: Birth }): boolean {
    if (!writeBirth(this.#generation, this.types.layout('generation'), birth)) return false;
    const draft = pins.draft();
    for (const map of this.#native.maps(this.#object))
      this.#native.pinMap(this.#object, map, pins.mapPath(draft, map));
    this.#attachments.pinAll({ pins, generation: draft });
    pins.publish(name);
    this.#pinned = { pins, generation: name };
    return true;
  }

  /** Undefined where it is not. */
  get pinned(): Pinned | undefined {
    return this.#pinned;
  }

  /** Nothing is left of this generation but what this process holds. */
  unpin(): void {
    this.#pinned?.pins.remove(this.#pinned.generation);
    this.#pinned = undefined;
  }

  /** Counts go to the other map. Done twice, it changes nothing. Waits until no program uses the closed one. */
  async #swap(window: number): Promise<void> {
    await this.#native.point(this.#object, 'flows', slots.closing, closedBy(window));
    await this.#native.point(this.#object, 'flows', slots.live, liveDuring(window));
  }

  /**
   * Ends a window: new counts go to the other map, and what is still open is reported into the one being
   * closed. The rows stay in the kernel until `clear`. A window whose closing was cut short is closed again:
   * the sweep passes over the sockets that it has reported under that number.
   */
  async close(window: number, atMs: number): Promise<RawWindow> {
    const before = this.control.position();
    assert.ok(before.cleared === window - 1, 'the window before is cleared');
    this.control.beginClosing(window, atMs);
    await this.#swap(window);
    await this.#sweep.run();
    // Behind the swap, which waits for running programs: datagrams of the window have all been added.
    for (const program of this.#sweeps) await this.#runSweep(program);
    const listeners = await this.#listeners.read();
    return { ...(await this.#read(closedBy(window))), listeners };
  }

  /** In portions: other work on that CPU comes in between. */
  async #runSweep(program: string): Promise<void> {
    do await this.#native.run(this.#object, program);
    while (this.control.udpUnswept());
  }

  /** Forgets the closed window's rows, once they are safe. Cut short, it is `resume` that does the rest. */
  async clear(raw: RawWindow): Promise<void> {
    const { window } = this.control.position();
    const closed = closedBy(window);
    await this.#native.remove(this.#object, closed, new Uint8Array(raw.keys.buffer), raw.count);
    this.#layNodeRows(closed);
    if (raw.listeners) await this.#listeners.forgetGone(raw.listeners);
    this.control.endClearing(window);
  }

  /** The rows that hold what no other row has room for, and the node's count of rows. */
  #layNodeRows(map: string): void {
    for (const [key, row] of nodeRows(this.types)) this.#native.write(this.#object, map, key, row);
  }

  /** On as long as somebody wants them: each who did says so when he does no more. */
  statistics(on: boolean): void {
    const before = this.#wantStatistics;
    this.#wantStatistics = Math.max(0, before + (on ? 1 : -1));
    if (before > 0 !== this.#wantStatistics > 0) this.#native.statistics(this.#object, on);
  }

  programs(): ProgramStatistics[] {
    return this.#native.programs(this.#object);
  }

  /**
   * Counts by the names of `enum loss`, and the programs' runs that the kernel left out because that CPU was
   * in the middle of the same program. Since counting began.
   */
  losses(): Record<string, number> {
    return { ...this.control.losses(), runs_skipped: this.#leftOut.count() };
  }

  /** Resets that this host sent since counting began, by the kernel's reason, where it gives one. */
  resets(): ResetCounts | undefined {
    return this.#readResets(this.control.resets());
  }

  /**
   * Nothing is counted any more; what was counted can still be read. The word first: the kernel lets go of a
   * pinned link some time after its last name is gone.
   */
  detach(): void {
    this.control.stop();
    this.#leftOut.look();
    this.#attachments.detachAll(this.#pinned);
  }

  /** Pins stay: without `unpin`, the next agent goes on. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#native.close(this.#object);
    return Promise.resolve();
  }
}
