/**
 * Names and images of containers, from the runtime's local socket: Docker's API, which podman speaks too.
 *
 * Owns what is known, the newest `knownMax`, and who waits to be asked for, `waitingMax` at most. Asks in the
 * background, `askingMax` at a time: a runtime that hangs or is not there costs labels, never time. After a
 * failure a socket is left alone for a while.
 */

import { request } from 'node:http';
import type { Clock } from '../../lib/clock.ts';
import type { Container } from './cgroup-path.ts';
import type { ContainerSockets } from './config.ts';

export const containerLimits = {
  knownMax: 16_384,
  waitingMax: 1024,
  askingMax: 2,
  answerBytesMax: 1 << 20,
  timeoutMs: 2000,
  againMs: 30_000,
} as const;

export interface ContainerFacts {
  readonly name: string | undefined;
  readonly image: string | undefined;
}

export interface Containers {
  /** What is known; who is not yet is asked for. */
  factsOf(container: Container): ContainerFacts | undefined;
  /** Whether its runtime is one that is asked. */
  asks(container: Container): boolean;
  /** Goes on asking. Ids of those that became known since the last call. */
  pump(): readonly string[];
  /** Asks now, and waits for the answer; undefined where there is none. */
  ask(container: Container): Promise<ContainerFacts | undefined>;
}

/** Unknown to this runtime: it will not be asked again. */
const none: ContainerFacts = { name: undefined, image: undefined };

interface Answer {
  readonly Name?: unknown;
  readonly Config?: { readonly Image?: unknown } | null;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value.slice(0, 1024) : undefined;
}

function factsIn(body: string): ContainerFacts {
  const { Name: name, Config: config } = JSON.parse(body) as Answer;
  return { name: text(name)?.replace(/^\//, ''), image: text(config?.Image) };
}

interface Asking {
  readonly socketPath: string;
  readonly id: string;
  /** Nobody waits: an agent that ends need not wait either. */
  readonly background: boolean;
}

interface Answered {
  readonly status: number | undefined;
  readonly body: string;
}

/** Rejects when there is no answer in time, or one without end. */
function get({ socketPath, id, background }: Asking): Promise<Answered> {
  const path = `/containers/${id}/json`;
  const signal = AbortSignal.timeout(containerLimits.timeoutMs);
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, signal, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('error', reject);
      response.on('data', (part: string) => {
        body += part;
        if (body.length > containerLimits.answerBytesMax) asked.destroy(new Error('the answer is too long'));
      });
      response.on('end', () => {
        resolve({ status: response.statusCode, body });
      });
    });
    asked.on('error', reject);
    if (background) asked.on('socket', (socket) => socket.unref());
    asked.end();
  });
}

async function inspect(asking: Asking): Promise<ContainerFacts> {
  const { status, body } = await get(asking);
  if (status === 404) return none;
  if (status === 200) return factsIn(body);
  throw new Error(`status ${String(status)}`);
}

export function openContainers(
  sockets: ContainerSockets,
  clock: Pick<Clock, 'monotonicNs'>,
  inspectAt: typeof inspect = inspect,
): Containers {
  const known = new Map<string, ContainerFacts>();
  const waiting = new Map<string, string>();
  const againNs = new Map<string, bigint>();
  const asking = new Set<string>();
  let news: string[] = [];

  /** Under Kubernetes a path may not tell the runtime: then it may be docker's. */
  function socketOf({ runtime = 'docker' }: Container): string | undefined {
    const socket = runtime === 'docker' || runtime === 'podman' ? sockets[runtime] : 'off';
    return socket === 'off' ? undefined : socket;
  }

  function remember(id: string, facts: ContainerFacts): void {
    known.set(id, facts);
    news.push(id);
    const [oldest] = known.keys();
    if (known.size > containerLimits.knownMax && oldest !== undefined) known.delete(oldest);
  }

  async function start(id: string, socket: string): Promise<void> {
    asking.add(id);
    try {
      remember(id, await inspectAt({ socketPath: socket, id, background: true }));
    } catch {
      againNs.set(socket, clock.monotonicNs() + BigInt(containerLimits.againMs) * 1_000_000n);
      wait(id, socket); // not there, hanging or not for this user: no label until it answers
    } finally {
      asking.delete(id);
    }
  }

  function wait(id: string, socket: string): void {
    if (waiting.size < containerLimits.waitingMax) waiting.set(id, socket);
  }

  return {
    factsOf(container) {
      const facts = known.get(container.id);
      const socket = socketOf(container);
      if (facts === undefined && socket !== undefined && !asking.has(container.id))
        wait(container.id, socket);
      return facts;
    },
    asks: (container) => container.runtime !== undefined && socketOf(container) !== undefined,
    pump() {
      const nowNs = clock.monotonicNs();
      for (const [id, socket] of waiting) {
        if (asking.size >= containerLimits.askingMax) break;
        if ((againNs.get(socket) ?? 0n) > nowNs) continue;
        waiting.delete(id);
        void start(id, socket);
      }
      const told = news;
      news = [];
      return told;
    },
    async ask(container) {
      const socket = socketOf(container);
      if (socket === undefined) return undefined;
      const asking = { socketPath: socket, id: container.id, background: false };
      return inspectAt(asking).catch(() => undefined);
    },
  };
}
