/**
 * The kernel programs of one agent: opened, sized, loaded, attached, and the maps behind them.
 *
 * Owns the addon's object and the two flow maps' roles. At most one window is being closed at a time. Must
 * never read or clear the live map.
 */

import { existsSync } from 'node:fs';
import { parseBtf, type Layout, type TypeInformation } from '../../lib/btf.ts';
import { OperatorError } from '../../lib/errors.ts';
import type { Native, NativeError, NativeObject, ProgramStatistics } from './native.ts';
import { openRing, type Ring } from './ring.ts';

export interface KernelLimits {
  /** Rows of one window. Beyond it rows fold. A power of two. */
  readonly flowRowsMax: number;
  /**
   * Bytes of the ring of single connections; a power of two and of pages. Beyond it events are lost, and
   * counted.
   */
  readonly eventBytesMax: number;
}

export const kernelLimits: KernelLimits = { flowRowsMax: 65_536, eventBytesMax: 4 << 20 };

/** Programs that count; `sweep` is run, not attached to an event. */
const tracepoints = [
  'tcp_state_changed',
  'tcp_reset_received',
  'tcp_reset_sent',
  'tcp_error_noted',
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

export interface Control {
  seeding: boolean;
  scoped: boolean;
  detailClosed: boolean;
  trace: boolean;
  window: number;
  slowUs: number;
}

export interface EventBudget {
  readonly perSecond: number;
  readonly burst: number;
}

/** The kernel's own types, which the programs' field offsets are taken from. */
const btfPath = '/sys/kernel/btf/vmlinux';

const slots = { live: 0, closing: 1 } as const;
const flowMaps = ['flows_a', 'flows_b'] as const;

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
  readonly #native: Native;
  readonly #object: NativeObject;
  readonly #shared: DataView;
  readonly #sharedLayout: Layout;
  readonly #controlLayout: Layout;
  #live: 0 | 1 = 0;
  #keys: Uint8Array<ArrayBuffer>;
  #values: Uint8Array<ArrayBuffer>;

  constructor(native: Native, path: string, limits: KernelLimits) {
    this.#native = native;
    this.limits = limits;
    ({ object: this.#object, types: this.types } = openObject(native, path));
    this.#sharedLayout = this.types.layout('shared');
    this.#controlLayout = this.types.layout('control');
    this.#size();
    this.#load();
    this.ring = openRing(native.ring(this.#object, 'events'));
    this.owners = new DataView(native.view(this.#object, 'owners'));
    this.namespaces = new DataView(native.view(this.#object, 'namespaces'));
    this.#shared = new DataView(native.view(this.#object, 'shared'));
    this.#keys = new Uint8Array(0);
    this.#values = new Uint8Array(0);
    this.#room(1024);
  }

  #size(): void {
    for (const map of flowMaps) this.#native.resize(this.#object, map, this.limits.flowRowsMax);
    this.#native.resize(this.#object, 'events', this.limits.eventBytesMax);
    const constants = new Uint8Array(this.#native.constants(this.#object, '.rodata'));
    const { offset } = this.types.section('.rodata', 'flows_max');
    new DataView(constants.buffer).setUint32(offset, this.limits.flowRowsMax, true);
    this.#native.constants(this.#object, '.rodata', constants);
  }

  #load(): void {
    try {
      this.#native.load(this.#object);
    } catch (error) {
      this.#native.close(this.#object);
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
    await this.#native.point(this.#object, 'flows', slots.closing, flowMaps[1]);
    await this.#native.point(this.#object, 'flows', slots.live, flowMaps[0]);
    this.#native.attach(this.#object, 'sweep');
    for (const program of tracepoints) this.#native.attach(this.#object, program);
    this.set({ seeding: true });
    await this.#native.run(this.#object, 'sweep');
    this.set({ seeding: false });
  }

  /** Only these network namespaces, by cookie. Before `start`. */
  scope(cookies: readonly bigint[]): void {
    this.set({ scoped: true });
    for (const cookie of cookies) {
      this.#native.write(
        this.#object,
        'scope',
        new Uint8Array(BigUint64Array.of(cookie).buffer),
        Uint8Array.of(1),
      );
    }
  }

  set(change: Partial<Control>): void {
    const names = {
      seeding: 'seeding',
      scoped: 'scoped',
      detailClosed: 'detail_closed',
      trace: 'trace',
      window: 'window',
      slowUs: 'slow_us',
    } as const;
    for (const [key, value] of Object.entries(change)) {
      const { offset } = this.#controlLayout.field(names[key as keyof Control]);
      this.#shared.setUint32(this.#control(offset), Number(value), true);
    }
  }

  /** Token buckets of the events that the policy wants, and of the rest for a live trace. */
  budget(detail: EventBudget, trace: EventBudget): void {
    const gap = this.#controlLayout.field('event_gap_ns').offset;
    const burst = this.#controlLayout.field('event_burst_ns').offset;
    [detail, trace].forEach(({ perSecond, burst: events }, index) => {
      const gapNs = BigInt(Math.max(1, Math.round(1e9 / perSecond)));
      this.#shared.setBigUint64(this.#control(gap + 8 * index), gapNs, true);
      this.#shared.setBigUint64(this.#control(burst + 8 * index), gapNs * BigInt(events), true);
    });
  }

  #control(offset: number): number {
    return this.#sharedLayout.field('control').offset + offset;
  }

  /** Counts since load, by the names of `enum loss`. */
  losses(): Record<string, number> {
    const { offset } = this.#sharedLayout.field('losses');
    const losses: Record<string, number> = {};
    this.types.words('loss', 'LOSS_').forEach((word, index) => {
      if (word !== 'count') losses[word] = Number(this.#shared.getBigUint64(offset + 8 * index, true));
    });
    return losses;
  }

  ownersUsed(): number {
    return this.#shared.getUint32(this.#sharedLayout.field('owners_used').offset, true);
  }

  namespacesUsed(): number {
    return this.#shared.getUint32(this.#sharedLayout.field('namespaces_used').offset, true);
  }

  /**
   * Ends a window: new counts go to the other map, and what is still open is reported into the one being
   * closed. The rows stay in the kernel until `clear`.
   */
  async close(window: number): Promise<RawWindow> {
    const closing = flowMaps[this.#live];
    this.set({ window });
    await this.#native.point(this.#object, 'flows', slots.closing, closing);
    this.#live = other(this.#live);
    await this.#native.point(this.#object, 'flows', slots.live, flowMaps[this.#live]);
    await this.#native.run(this.#object, 'sweep');
    return this.#read(closing);
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

  /** Forgets a closed window's rows, once they are delivered. */
  async clear(window: RawWindow): Promise<void> {
    const closed = flowMaps[other(this.#live)];
    await this.#native.remove(this.#object, closed, new Uint8Array(window.keys.buffer), window.count);
    this.#layNodeRows(closed);
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

  /** Nothing is counted any more; what was counted can still be read. */
  detach(): void {
    for (const program of tracepoints) this.#native.detach(this.#object, program);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#native.close(this.#object);
    return Promise.resolve();
  }
}

function other(map: 0 | 1): 0 | 1 {
  return map === 0 ? 1 : 0;
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
