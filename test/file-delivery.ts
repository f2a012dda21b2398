/**
 * A delivery that keeps to the contract of the spool with one file: a committed window is one line, written
 * through to the disk. For tests that kill the agent; what a window's line holds is what was delivered.
 */

import {
  closeSync,
  existsSync,
  fdatasyncSync,
  openSync,
  readFileSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import type { Delivery, Resumed, WindowCommit } from '../src/agent/deliver/delivery.ts';

export type CommittedWindow = WindowCommit & Resumed;

/** The windows in the file, without a line that a kill cut short. */
export function committedWindows(path: string): CommittedWindow[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.slice(0, -1).map((line) => JSON.parse(line) as CommittedWindow);
}

export function fileDelivery(path: string): Delivery {
  if (existsSync(path)) {
    const bytes = readFileSync(path);
    truncateSync(path, bytes.lastIndexOf(0x0a) + 1);
  }
  const file = openSync(path, 'a');
  let newest = committedWindows(path).at(-1);
  return {
    deliver: () => Promise.resolve(),
    commit(window) {
      const { 'window.number': number, 'boot.id': bootId } = window.closing;
      newest = { ...window, number, bootId };
      writeSync(file, `${JSON.stringify(newest)}\n`);
      fdatasyncSync(file);
      return Promise.resolve();
    },
    resumed: () => newest,
    losses: () => ({}),
    status: () => ({}),
    [Symbol.asyncDispose]() {
      closeSync(file);
      return Promise.resolve();
    },
  };
}
