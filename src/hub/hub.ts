/**
 * The hub with its parts injected: main.ts's twin. Takes records from the first moment, also while the store
 * is away; answers questions once it is there.
 */

import type { Clock } from '../lib/clock.ts';
import { exitCodes, exitCodeOf, isOperatorError, OperatorError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { formatDuration } from '../lib/units.ts';
import { packageVersion } from '../lib/version.ts';
import type { StoreBlock } from '../model/block.ts';
import type { Packing } from '../model/row/packing.ts';
import type { DetectSummary } from '../question/finding.ts';
import type { HubConfig } from './config.ts';
import type { HubParts } from './http/parts.ts';
import { loadRoutes } from './http/route.ts';
import { openServer } from './http/server.ts';
import { openIntake, type IntakeStatus } from './receive/intake.ts';
import type { DiskStatus } from './store/disk.ts';
import { openTails } from './tail/tail.ts';

/** A store that answers, and who asks it. */
export interface Backend extends AsyncDisposable {
  readonly kind: string;
  readonly ask: HubParts['ask'];
  readonly exports: HubParts['exports'];
  readonly detect: HubParts['detect'];
  readonly expectations: HubParts['expectations'];
  insert(block: StoreBlock): Promise<void>;
  ready(): Promise<boolean>;
  version(): Promise<string>;
  /** Of the embedded engine. */
  pid?(): number | undefined;
  /** Where the room that the store takes is looked after. */
  disk?(): DiskStatus;
}

export interface HubOptions {
  readonly config: HubConfig;
  /** Of the journal. */
  readonly journalFolder: string;
  /** Of the built page. */
  readonly webFolder: string;
  readonly packing: Packing;
  /** Opens the store; tried again while it rejects. */
  readonly connect: (signal: AbortSignal) => Promise<Backend>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface HubStatus extends IntakeStatus {
  readonly version: string;
  readonly startedAt: string;
  readonly store: { readonly kind: string; readonly ready: boolean; readonly version: string | null };
  readonly engine?: { readonly pid: number | null };
  readonly disk?: DiskStatus;
  /** As hub.yaml says it. */
  readonly retention: Readonly<Record<keyof HubConfig['retention'], string>>;
  readonly detect?: DetectSummary | { readonly problem: string };
}

export interface Hub extends AsyncDisposable {
  readonly url: string;
  status(): Promise<HubStatus>;
  /** Rejects when the store can never be opened as things are; resolves when it is open, or the hub stopped. */
  readonly connected: Promise<void>;
}

export const connectLimits = { backOffMsMin: 250, backOffMsMax: 5000 } as const;

/** What another try does not mend: the configuration, a missing program, privileges. */
const permanent: ReadonlySet<number> = new Set([exitCodes.usage, exitCodes.build, exitCodes.privileges]);

interface Connection extends AsyncDisposable {
  /** Called once. Rejects when the store can never be opened as things are. */
  start(): Promise<void>;
  /** Throws hub.not_ready while there is none. */
  backend(): Backend;
  /** Why there is none. */
  problem(): string | undefined;
}

function openConnection({ connect, clock, log }: HubOptions): Connection {
  const stop = new AbortController();
  let backend: Backend | undefined;
  let reason = 'the store is being opened';

  async function tryOnce(): Promise<boolean> {
    try {
      backend = await connect(stop.signal);
      return true;
    } catch (error) {
      if (isOperatorError(error) && permanent.has(exitCodeOf(error))) throw error;
      const { message } = error as Error;
      if (message !== reason && !stop.signal.aborted) log.warn(`the store cannot be opened yet: ${message}`);
      reason = message;
      return false;
    }
  }

  async function run(): Promise<void> {
    let backOffMs: number = connectLimits.backOffMsMin;
    while (!stop.signal.aborted && !(await tryOnce())) {
      await clock.sleep(backOffMs, stop.signal).catch(() => undefined); // stopped: the loop ends
      backOffMs = Math.min(2 * backOffMs, connectLimits.backOffMsMax);
    }
  }

  let connected = Promise.resolve();
  return {
    start() {
      connected = run();
      connected.catch(() => undefined); // whoever waits for it is told
      return connected;
    },
    backend() {
      if (backend) return backend;
      throw new OperatorError('hub.not_ready', { reason });
    },
    problem: () => (backend ? undefined : reason),
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await connected.catch(() => undefined); // told to whoever waits for it
      await backend?.[Symbol.asyncDispose]();
    },
  };
}

function retentionOf({ retention: { flows, minutes, hours, events } }: HubConfig): HubStatus['retention'] {
  return {
    flows: formatDuration(flows),
    minutes: formatDuration(minutes),
    hours: formatDuration(hours),
    events: formatDuration(events),
  };
}

type StoreStatus = Pick<HubStatus, 'store' | 'engine' | 'disk' | 'detect'>;

/** The hub's own state is told, whatever the store can do now. */
async function detectStatus({ detect }: Backend): Promise<HubStatus['detect'] & object> {
  try {
    return await detect.summary();
  } catch (error) {
    if (!isOperatorError(error)) throw error;
    return { problem: error.message };
  }
}

async function storeStatus(connection: Connection): Promise<StoreStatus> {
  if (connection.problem() !== undefined) return { store: { kind: 'unknown', ready: false, version: null } };
  const backend = connection.backend();
  const ready = await backend.ready();
  const store = { kind: backend.kind, ready, version: ready ? await backend.version() : null };
  const detect = ready ? { detect: await detectStatus(backend) } : {};
  const engine = backend.pid ? { engine: { pid: backend.pid() ?? null } } : {};
  return { store, ...engine, ...(backend.disk ? { disk: backend.disk() } : {}), ...detect };
}

/** What the store answers; each rejects with hub.not_ready while there is none. */
function askedOf(connection: Connection): Pick<HubParts, 'ask' | 'exports' | 'detect' | 'expectations'> {
  const backend = (): Backend => connection.backend();
  return {
    ask: {
      questions: () => backend().ask.questions(),
      answer: async (id, asking) => backend().ask.answer(id, asking),
      edges: async (asking) => backend().ask.edges(asking),
      nodes: async (asking) => backend().ask.nodes(asking),
      search: async (asking) => backend().ask.search(asking),
      facets: async (asking) => backend().ask.facets(asking),
      destinations: async (asking) => backend().ask.destinations(asking),
      overview: async (asking) => backend().ask.overview(asking),
    },
    exports: { rows: async (table, asking) => backend().exports.rows(table, asking) },
    detect: {
      findings: async (asked) => backend().detect.findings(asked),
      summary: async () => backend().detect.summary(),
    },
    expectations: { list: () => backend().expectations.list() },
  };
}

/**
 * Throws hub.already_running, hub.journal_broken and hub.cannot_listen. Nothing touches the store before the
 * journal and the address are ours: the embedded engine of a hub that runs already must be left alone.
 */
export async function openHub(options: HubOptions): Promise<Hub> {
  const { config, clock, log } = options;
  const { limits } = config;
  const version = packageVersion();
  const startedAt = new Date(clock.wallMs()).toISOString();
  await using opening = new AsyncDisposableStack();

  const connection = opening.use(openConnection(options));
  const tails = opening.use(openTails({ tables: options.packing.tables, clock, log }));
  const intake = opening.use(
    await openIntake({
      folder: options.journalFolder,
      packing: options.packing,
      insert: async (block) => connection.backend().insert(block),
      onTaken: (rows) => tails.offer(rows),
      limits: {
        inflatedBytesMax: limits.inflated,
        heldBytesMax: limits.in_flight,
        journalBytesMax: limits.journal,
        stopMsMax: limits.stop_time,
      },
      clock,
      log,
    }),
  );
  const status = async (): Promise<HubStatus> => ({
    version,
    startedAt,
    ...(await storeStatus(connection)),
    retention: retentionOf(config),
    ...intake.status(),
  });
  const server = opening.use(
    await openServer({
      listen: config.listen,
      limits: {
        requestBytesMax: limits.request,
        inFlightBytesMax: limits.in_flight,
        requestMsMax: limits.request_time,
        stopMsMax: limits.stop_time,
      },
      routes: await loadRoutes(),
      parts: {
        intake,
        notReady: () => connection.problem() ?? intake.status().journal.storeProblem ?? undefined,
        status: async () => ({ ...(await status()) }),
        ...askedOf(connection),
        tails,
      },
      version,
      webFolder: options.webFolder,
      log,
    }),
  );

  opening.use(tails); // also first: the server waits for those who read
  const parts = opening.move();
  return {
    url: server.url,
    status,
    connected: connection.start(),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}
