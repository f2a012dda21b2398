/**
 * The budget, joined to the rest: what this process and its kernel programs cost, and what stands in for an
 * agent while nothing is counted.
 */

import { constants } from 'node:os';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { AgentParts, AgentStatus, LastSeen } from '../agent.ts';
import { findNamespaces } from '../kernel/namespaces.ts';
import type { Native, NativeError } from '../kernel/native.ts';
import type { Kernel } from '../kernel/programs.ts';
import { allSweeps } from '../kernel/signals.ts';
import { sweepPrograms } from '../kernel/sweep.ts';
import type { Served } from '../local/server.ts';
import { parseKernelCounters } from '../window/reconcile.ts';
import type { Governor } from './governor.ts';
import { heldMapBytes } from './map-memory.ts';
import { openMeter, type Meter, type MeterSource } from './meter.ts';
import { profile } from './profile.ts';

/** They run on the agent's own threads. */
const sweeps = [...sweepPrograms, ...allSweeps];

function sourceOf(kernel: Kernel): MeterSource {
  return {
    cpuMicroseconds() {
      const { user, system } = process.cpuUsage();
      return user + system;
    },
    residentBytes: () => process.memoryUsage.rss(),
    mapBytes: heldMapBytes,
    statistics: (on) => {
      try {
        kernel.statistics(on);
      } catch (error) {
        // Without CAP_SYS_ADMIN the kernel times nothing for us: the programs' share is not known, and 0.
        if ((error as NativeError).errno !== constants.errno.EPERM) throw error;
      }
    },
    programs: () => kernel.programs(),
  };
}

export function meterOf(kernel: Kernel): Meter {
  return openMeter(sourceOf(kernel), sweeps);
}

export function profileOf(kernel: Kernel, native: Native): AgentParts['profile'] {
  return ({ clock, forMs, exporters }, signal) =>
    profile(
      { ...sourceOf(kernel), opens: () => kernelOpens(native), exporters },
      { clock, forMs, sweeps },
      signal,
    );
}

const files = ['/proc/thread-self/net/snmp', '/proc/thread-self/net/netstat'] as const;

/** Each takes 0.2 ms; a node with more is told about by so many of them. */
const namespacesMax = 64;

/** Opened by either side, over all network namespaces in reach, since they were made. */
export async function kernelOpens(native: Pick<Native, 'netns'>): Promise<number> {
  let sum = 0;
  for (const path of [...findNamespaces().values()].slice(0, namespacesMax)) {
    try {
      const { compared } = parseKernelCounters((await native.netns(path, ...files)).texts);
      sum += compared.activeOpens + compared.passiveOpens;
    } catch {
      continue; // gone since
    }
  }
  return sum;
}

/** How often it is looked whether something can be afforded again. */
const lookMs = 2000;

/** It says how things stood when counting ended, and since when. */
export function resting(last: LastSeen, governor: Governor): Served & { status(): AgentStatus } {
  return {
    watch: () => () => undefined,
    observe: () => () => undefined,
    switchTo: (wanted) =>
      Promise.resolve(
        new Map(wanted.map((name) => [name, 'nothing is counted: the budget does not allow it'])),
      ),
    profile: () => Promise.reject(new Error('nothing is counted: the budget does not allow it')),
    labels: () => last.labels,
    status: () => ({ ...last.status, signals: [], watchers: 0, budget: governor.status() }),
  };
}

/** Resolves when counting can be afforded, or the signal comes. */
export async function restUntilCalm(
  governor: Governor,
  signal: AbortSignal,
  { clock, log, beat }: { readonly clock: Clock; readonly log: Log; readonly beat: () => void },
): Promise<void> {
  log.warn(`not counted since ${governor.status().since ?? 'the start'}: the budget does not allow it`);
  while (!signal.aborted && !governor.plan.counting) {
    beat();
    await governor.rest();
    await clock.sleep(lookMs, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
}
