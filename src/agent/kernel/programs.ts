/**
 * The kernel programs of one generation of counting, and the maps behind them: opened, sized, loaded and
 * attached by the agent that begins it, taken over from their pins by the next.
 *
 * Owns the addon's object and the two flow maps' roles. At most one window is being closed at a time. Must
 * never read or clear the live map.
 */

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { parseBtf, type TypeInformation } from '../../lib/btf.ts';
import { OperatorError } from '../../lib/errors.ts';
import { openControl, type ControlWords } from './control.ts';
import { readBirth, writeBirth, type Birth, type KernelLimits } from './generation.ts';
import type { Native, NativeError, NativeObject, ProgramStatistics } from './native.ts';
import type { Pins } from './pins.ts';
import { openRing, type Ring } from './ring.ts';

/** Programs that count; `sweep` is run, not attached to an event. */
const tracepoints = [
  'tcp_state_changed',
  'tcp_reset_received',
  'tcp_reset_sent',
  'tcp_error_noted',
  'tcp_retransmitted',
  'tcp_synack_retransmitted',
] as const;

/**
 * One window's rows as the kernel left them: `count` keys and values, in arrays that are reused for the next
 * window.
 */
export interface RawWindow {
  readonly count: number;
  readonly keys: DataView;
  readonly values: DataView;
}

/** Where a generation is pinned. */
export interface Pinned {
  readonly pins: Pins;
  readonly generation: string;
}

/** The kernel's own types, which the programs' field offsets are taken from. */
const btfPath = '/sys/kernel/btf/vmlinux';

const slots = { live: 0, closing: 1 } as const;
const flowMaps = ['flows_a', 'flows_b'] as const;

/** Counts go here once the closing of this window has begun: the number's parity decides. */
function liveDuring(window: number): string {
  return flowMaps[window % 2 === 0 ? 0 : 1];
}

function closedBy(window: number): string {
  return liveDuring(window + 1);
}

function openObject(native: Native, path: string): { object: NativeObject; types: TypeInformation } {
  try {
    const object = native.open(path);
    return { object, types: parseBtf(native.btf(object)) };
  } catch (error) {
    const { message } = error as Error;
    throw new OperatorError('build.broken_object', { file: path, reason: message }, { cause: error });
  }
}

export class Kernel implements AsyncDisposable {
  readonly types: TypeInformation;
  readonly ring: Ring;
  /** In place: the kernel writes them while we read. */
  readonly owners: DataView;
  readonly namespaces: DataView;
  readonly limits: KernelLimits;
  readonly control: ControlWords;
  readonly #native: Native;
  readonly #object: NativeObject;
  readonly #generation: DataView;
  #pinned: Pinned | undefined;
  #skipped = 0;
  #keys: Uint8Array<ArrayBuffer>;
  #values: Uint8Array<ArrayBuffer>;

  /** With `pinned`, its maps and links are taken over as they are; `limits` must be theirs. */
  constructor(native: Native, path: string, limits: KernelLimits, pinned?: Pinned) {
    this.#native = native;
    this.limits = limits;
    this.#pinned = pinned;
    ({ object: this.#object, types: this.types } = openObject(native, path));
    try {
      if (pinned) this.#takeMaps(pinned);
      else this.#size();
      this.#setConstants();
      this.#load();
      if (pinned) this.#takeLinks(pinned);
    } catch (error) {
      native.close(this.#object);
      throw error;
    }
    this.ring = openRing(native.ring(this.#object, 'events'));
    this.owners = new DataView(native.view(this.#object, 'owners'));
    this.namespaces = new DataView(native.view(this.#object, 'namespaces'));
    this.control = openControl(this.types, native.view(this.#object, 'shared'));
    this.#generation = new DataView(native.view(this.#object, 'generation'));
    this.#keys = new Uint8Array(0);
    this.#values = new Uint8Array(0);
    this.#room(1024);
  }

  #size(): void {
    for (const map of flowMaps) this.#native.resize(this.#object, map, this.limits.flowRowsMax);
    this.#native.resize(this.#object, 'events', this.limits.eventBytesMax);
  }

  /** The running programs go on with the constants that they were loaded with: the sweep gets the same. */
  #setConstants(): void {
    const constants = new Uint8Array(this.#native.constants(this.#object, '.rodata'));
    const { offset } = this.types.section('.rodata', 'flows_max');
    new DataView(constants.buffer).setUint32(offset, this.limits.flowRowsMax, true);
    this.#native.constants(this.#object, '.rodata', constants);
  }

  /** Only the sweep is loaded, onto the pinned maps: what counts is attached already, and must not be twice. */
  #takeMaps({ pins, generation }: Pinned): void {
    for (const map of this.#native.maps(this.#object))
      this.#native.reuse(this.#object, map, pins.mapPath(generation, map));
    for (const program of tracepoints) this.#native.skip(this.#object, program);
  }

  /** A generation that was being ended when its agent was killed lacks some. */
  #takeLinks({ pins, generation }: Pinned): void {
    for (const program of tracepoints) {
      const path = pins.linkPath(generation, program);
      if (existsSync(path)) this.#native.openLink(this.#object, program, path);
    }
  }

  #load(): void {
    try {
      this.#native.load(this.#object);
    } catch (error) {
      const { errno, log } = error as NativeError;
      if (!existsSync(btfPath)) throw new OperatorError('kernel.no_btf', { file: btfPath }, { cause: error });
      if (errno === 1 || errno === 13)
        throw new OperatorError('privileges.missing', { action: 'load BPF programs' }, { cause: error });
      throw new OperatorError(
        'kernel.load_failed',
        { reason: lastLine(log) ?? (error as Error).message },
        { cause: error },
      );
    }
  }

  #room(rows: number): void {
    this.#keys = new Uint8Array(rows * this.types.layout('flow_key').size);
    this.#values = new Uint8Array(rows * this.types.layout('flow').size);
  }

  /** Lays the node's total rows, which must always exist, and lets the programs run. Seeds older sockets. */
  async start(): Promise<void> {
    for (const map of flowMaps) this.#layNodeRows(map);
    await this.#swap(0);
    this.#native.attach(this.#object, 'sweep');
    for (const program of tracepoints) this.#native.attach(this.#object, program);
    this.control.set({ seeding: true });
    await this.#native.run(this.#object, 'sweep');
    this.control.set({ seeding: false });
  }

  /**
   * Goes on where the agent before was killed, after `start` of its generation: `committed` is the newest
   * window that is safe. One that was being cleared is cleared; one that was being closed is the caller's to
   * close again, under the same number: then the position still says so.
   */
  async resume(committed: number): Promise<void> {
    this.#native.attach(this.#object, 'sweep');
    this.control.set({ seeding: false });
    const { window, cleared } = this.control.position();
    if (cleared < committed) await this.clear(await this.#read(closedBy(window)));
  }

  /** Whether all programs of an adopted generation are still held attached. */
  isWhole(): boolean {
    const pinned = this.#pinned;
    return tracepoints.every(
      (program) => pinned && existsSync(pinned.pins.linkPath(pinned.generation, program)),
    );
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
    for (const program of tracepoints)
      this.#native.pinLink(this.#object, program, pins.linkPath(draft, program));
    pins.publish(name);
    this.#pinned = { pins, generation: name };
    return true;
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
    await this.#native.run(this.#object, 'sweep');
    return this.#read(closedBy(window));
  }

  async #read(map: string): Promise<RawWindow> {
    const keySize = this.types.layout('flow_key').size;
    for (;;) {
      try {
        const count = await this.#native.read(this.#object, map, this.#keys, this.#values);
        return { count, keys: new DataView(this.#keys.buffer), values: new DataView(this.#values.buffer) };
      } catch (error) {
        const rows = this.#keys.length / keySize;
        const full = ['E2BIG', 'ENOSPC'].includes(errorName(error as NativeError));
        if (!full || rows >= 2 * this.limits.flowRowsMax) throw error;
        this.#room(Math.min(rows * 4, 2 * this.limits.flowRowsMax));
      }
    }
  }

  /** Forgets the closed window's rows, once they are safe. Cut short, it is `resume` that does the rest. */
  async clear(raw: RawWindow): Promise<void> {
    const { window } = this.control.position();
    const closed = closedBy(window);
    await this.#native.remove(this.#object, closed, new Uint8Array(raw.keys.buffer), raw.count);
    this.#layNodeRows(closed);
    this.control.endClearing(window);
  }

  /** The rows that hold what no other row has room for, and the node's count of rows. */
  #layNodeRows(map: string): void {
    const key = this.types.layout('flow_key');
    const zero = new Uint8Array(this.types.layout('flow').size);
    const forms = this.types.words('form', 'FORM_');
    const states = this.types.words('state', 'STATE_').indexOf('count');
    const bytes = new Uint8Array(key.size);
    const view = new DataView(bytes.buffer);
    view.setUint8(key.field('form').offset, forms.indexOf('meter'));
    view.setUint32(key.field('netns').offset, 0xffff_ffff, true);
    this.#native.write(this.#object, map, bytes, zero);
    view.setUint32(key.field('netns').offset, 0, true);
    view.setUint8(key.field('form').offset, forms.indexOf('folded'));
    view.setUint8(key.field('transport').offset, 6);
    for (const direction of [1, 2]) {
      for (let state = 0; state < states; state++) {
        for (const established of [0, 1]) {
          view.setUint8(key.field('direction').offset, direction);
          view.setUint8(key.field('state').offset, state);
          view.setUint8(key.field('established').offset, established);
          this.#native.write(this.#object, map, bytes, zero);
        }
      }
    }
  }

  statistics(on: boolean): void {
    this.#native.statistics(this.#object, on);
  }

  programs(): ProgramStatistics[] {
    return this.#native.programs(this.#object);
  }

  /**
   * Counts by the names of `enum loss`, and the programs' runs that the kernel skipped: state changes that
   * came in an interrupt of the very program that counts them, and that nobody saw. Since counting began.
   */
  losses(): Record<string, number> {
    this.#lookForSkipped();
    return { ...this.control.losses(), runs_skipped: this.#skipped };
  }

  #lookForSkipped(): void {
    let sum = 0;
    for (const { name, skipped = 0n } of this.programs())
      if (tracepoints.some((tracepoint) => tracepoint === name)) sum += Number(skipped);
    this.#skipped = Math.max(this.#skipped, sum); // of a detached program nothing is known any more
  }

  /**
   * Nothing is counted any more; what was counted can still be read. The word first: the kernel lets go of a
   * pinned link some time after its last name is gone.
   */
  detach(): void {
    this.control.stop();
    this.#lookForSkipped();
    this.#pinned?.pins.dropLinks(this.#pinned.generation);
    for (const program of tracepoints) this.#native.detach(this.#object, program);
  }

  /** Pins stay: without `unpin`, the next agent goes on. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#native.close(this.#object);
    return Promise.resolve();
  }
}

function errorName(error: NativeError): string {
  return error.errno === 7 ? 'E2BIG' : error.errno === 28 ? 'ENOSPC' : '';
}

/** libbpf's own lines, not the verifier's listing: the last one that says something. */
function lastLine(log: string | undefined): string | undefined {
  return log
    ?.split('\n')
    .filter((line) => line.startsWith('libbpf:'))
    .at(-1)
    ?.replace(/^libbpf: /, '');
}
