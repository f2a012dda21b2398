/**
 * Where this node's own translation (conntrack) sends connections, as of the window that is being closed.
 *
 * Owns a table for each network namespace that was asked. All are asked anew with every window, in the
 * background of the addon; labels wait for them a little, and do without what is late. A flow is many
 * connections: where those to one address and port went to several places, none is told.
 */

import { statSync } from 'node:fs';
import type { Clock } from '../../../lib/clock.ts';
import type { Transport } from '../../../model/connection.ts';
import type { Redirector, Translation } from '../../../model/far.ts';
import { doneWithin } from './patience.ts';

export const translatedLimits = {
  /** Namespaces asked with one window; which they are changes from window to window. */
  namespacesMax: 64,
  /** What a window waits for them. */
  waitMsMax: 100,
} as const;

export type Place = Translation['translated'];

export interface TranslatedOptions {
  readonly clock: Pick<Clock, 'sleep'>;
  /** By a namespace's inode. */
  readonly ask: (inode: number) => Promise<{ readonly found: readonly Translation[]; readonly cut: boolean }>;
  /** Of the namespace that routes for the others and translates for them; our own by default. */
  readonly hostInode?: number;
}

export interface Translated {
  look(inodes: Iterable<number>): Promise<void>;
  at(
    inode: number,
    to: { readonly transport: Transport; readonly ip: string; readonly port: number },
  ): Place | undefined;
  losses(): Readonly<Record<string, number>>;
}

function ownInode(): number {
  return statSync('/proc/self/ns/net').ino;
}

/** Null: to several. */
type Table = ReadonlyMap<string, Place | null>;

function keyOf({ transport, ip, port }: { transport: Transport; ip: string; port: number }): string {
  return `${transport} ${ip} ${String(port)}`;
}

function tableOf(found: readonly Translation[]): Table {
  const table = new Map<string, Place | null>();
  for (const of of found) {
    const [key, { translated }] = [keyOf(of), of];
    const before = table.get(key);
    const same = before === undefined || (before?.ip === translated.ip && before.port === translated.port);
    table.set(key, same ? translated : null);
  }
  return table;
}

export function openTranslated({ clock, ask, hostInode = ownInode() }: TranslatedOptions): Translated {
  let tables = new Map<number, Table>();
  let turn = 0;
  let asking: Promise<void> | undefined;
  const lost = {
    translations_cut: 0,
    translations_late: 0,
    translations_refused: 0,
    translations_skipped: 0,
  };

  async function askAll(inodes: readonly number[], into: Map<number, Table>): Promise<void> {
    for (const inode of inodes) {
      try {
        const { found, cut } = await ask(inode);
        if (cut) lost.translations_cut++;
        else if (found.length > 0) into.set(inode, tableOf(found));
      } catch {
        lost.translations_refused++; // it has gone meanwhile, or we may not ask
      }
    }
    asking = undefined;
  }

  /** The host's first, then as many as fit, beginning elsewhere each time. */
  function chosen(inodes: ReadonlySet<number>): number[] {
    const others = [...inodes].filter((inode) => inode !== hostInode && inode !== 0);
    const room = translatedLimits.namespacesMax - 1;
    if (others.length <= room) return [hostInode, ...others];
    lost.translations_skipped += others.length - room;
    turn = (turn + room) % others.length;
    return [hostInode, ...[...others.slice(turn), ...others.slice(0, turn)].slice(0, room)];
  }

  return {
    async look(inodes) {
      tables = new Map();
      const wanted = new Set(inodes);
      if (wanted.size === 0) return;
      if (asking) {
        lost.translations_late++;
        return;
      }
      asking = askAll(chosen(wanted), tables);
      if (!(await doneWithin(clock, asking, translatedLimits.waitMsMax))) lost.translations_late++;
    },
    at(inode, to) {
      if (tables.size === 0) return undefined;
      const key = keyOf(to);
      return tables.get(inode)?.get(key) ?? tables.get(hostInode)?.get(key) ?? undefined;
    },
    losses: () =>
      Object.fromEntries(
        Object.entries(lost).flatMap(([name, count]) => (count > 0 ? [[`enrich.${name}`, count]] : [])),
      ),
  };
}

const redirectPorts: ReadonlyMap<number, Redirector> = new Map([
  [15_001, 'envoy'],
  [15_006, 'envoy'],
  [4140, 'linkerd'],
  [4143, 'linkerd'],
]);

/** The proxy beside the process to which it was sent, by the port that such proxies take by default. */
export function redirectorOf({ ip, port }: Place): Redirector | undefined {
  return ip.startsWith('127.') || ip === '::1' ? redirectPorts.get(port) : undefined;
}
