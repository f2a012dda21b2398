/**
 * Metrics on their way: records are counted as they come, and every interval all that was counted is told.
 *
 * Owns one loop, which nobody waits for. Holds the counts, within their bound, and never a request that
 * failed: the next one tells what is then.
 */

import { ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import type { Clock } from '../../../lib/clock.ts';
import { entropySeed, prng } from '../../../lib/prng.ts';
import { resourceOf } from '../../../model/rendering.ts';
import { pauseMs } from '../courier.ts';
import { RetryLater, type ExporterContext, type OpenExporter } from '../exporter.ts';
import { newCounting, type Counting } from '../metrics/counting.ts';
import { countingOptions, type CountingConfig } from '../metrics/options.ts';
import { selfMetrics } from '../metrics/self.ts';
import { wordsOf } from '../tls.ts';
import { openTransport } from './open.ts';
import type { WireOptions } from './options.ts';
import { encodePoints, pointsOf, type AttributeNames, type Point } from './points.ts';
import { readResponse } from './response.ts';
import { newSender } from './sender.ts';
import type { SignalKind, Transport } from './transport.ts';

export const exportingLimits = {
  /** What the last export may take when the agent ends; its courier waits a second for all of it. */
  lastMsMax: 800,
} as const;

const kind: SignalKind = {
  exporter: 'otlp_metrics',
  path: '/v1/metrics',
  method: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  decodeResponse: (body, isJson) =>
    readResponse(body, {
      isJson,
      deserialize: (bytes) => ProtobufMetricsSerializer.deserializeResponse(bytes),
      rejected: 'rejectedDataPoints',
    }),
};

export type MetricsOptions = WireOptions &
  CountingConfig & {
    readonly names: AttributeNames;
    readonly interval: number;
  };

interface Teller {
  /** What is wrong; null when all is well. */
  readonly problem: () => string | null;
  /** A whole export was sent, and this of it refused. */
  readonly sent: (refusal: string | null) => void;
  readonly failed: (error: Error) => void;
}

/** A problem is told when it begins, and when it ends. */
function teller({ log }: ExporterContext): Teller {
  let problem: string | null = null;
  function tell(now: string, consequence: string): void {
    if (problem === null) log.warn(`exporter ${kind.exporter}: ${now}; ${consequence}`);
    problem = now;
  }
  return {
    problem: () => problem,
    sent(refusal) {
      if (refusal !== null) tell(refusal, 'the next export tells them again');
      else if (problem !== null) {
        log.info(`exporter ${kind.exporter} exports again`);
        problem = null;
      }
    },
    failed(error) {
      tell(wordsOf(error), 'nothing is lost, the next export tells all of it again');
    },
  };
}

/** Aborted after so long, or with `stop`. */
async function within<Result>(
  ms: number,
  { clock, stop }: { readonly clock: Clock; readonly stop: AbortSignal },
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const [over, done] = [new AbortController(), new AbortController()];
  clock.sleep(ms, done.signal).then(
    () => {
      over.abort(new Error(`no answer within ${String(ms)} ms`));
    },
    () => undefined, // it ended in time
  );
  try {
    return await work(AbortSignal.any([over.signal, stop]));
  } finally {
    done.abort();
  }
}

interface Exporting {
  /** Tells all that is counted, in as many requests as that takes. Rejects when one of them failed. */
  exportAll(stop: AbortSignal): Promise<void>;
  /** Bytes that were sent since this was asked last. */
  takeSent(): number;
  readonly transport: Transport;
}

interface ExportingParts {
  readonly options: MetricsOptions;
  readonly context: ExporterContext;
  readonly counting: Counting;
  readonly tell: Teller;
}

async function openExporting(parts: ExportingParts): Promise<Exporting> {
  const { options, context, counting, tell } = parts;
  const { clock, vitals = () => undefined } = context;
  const { names, protocol } = options;
  const sinceMs = clock.wallMs();
  const transport = await openTransport(options, kind, clock);
  let at: Omit<Parameters<typeof encodePoints>[1], 'protocol'> = { resource: {}, timeMs: sinceMs };
  const encode = (points: readonly Point[]) => encodePoints(points, { ...at, protocol });
  const sender = newSender({ transport, encode, bytesMax: options.batch });
  let sent = 0;
  return {
    transport,
    async exportAll(stop) {
      const window = counting.lastWindow();
      if (!window) return; // nobody knows yet whose they are
      at = { resource: resourceOf(window), timeMs: clock.wallMs() };
      const live = selfMetrics(counting, vitals());
      let refusal: string | null = null;
      for (let rest = pointsOf({ tables: counting.tables, live }, { names, sinceMs }); rest.length > 0;) {
        const points = rest;
        const receipt = await within(options.timeout, { clock, stop }, (signal) =>
          sender.send(points, signal),
        );
        const { refused, settled, bytes } = receipt;
        if (refused) refusal = `${String(refused.count)} data points ${refused.reason}: ${refused.message}`;
        sent += bytes;
        rest = points.slice(settled);
      }
      tell.sent(refusal);
    },
    takeSent() {
      const bytes = sent;
      sent = 0;
      return bytes;
    },
  };
}

/** Comes round until `stop`: every interval, sooner where an export failed. A fleet begins spread out. */
async function run(exporting: Exporting, parts: ExportingParts, stop: AbortSignal): Promise<void> {
  const { options, context, tell } = parts;
  const random = prng(entropySeed());
  const isOver = () => stop.aborted;
  let waitMs = options.interval * random.unit();
  for (let failures = 0; ;) {
    await context.clock.sleep(waitMs, stop).catch(() => undefined);
    if (isOver()) return;
    try {
      await exporting.exportAll(stop);
      [failures, waitMs] = [0, options.interval];
    } catch (error) {
      if (isOver()) return;
      tell.failed(error as Error);
      waitMs = pauseMs(failures++, random, error instanceof RetryLater ? error.retryAfterMs : 0);
    }
  }
}

export async function openMetrics(options: MetricsOptions, context: ExporterContext): Promise<OpenExporter> {
  const { clock } = context;
  const counting = newCounting(countingOptions(options), clock);
  const tell = teller(context);
  const parts = { options, context, counting, tell };
  const exporting = await openExporting(parts);
  const stop = new AbortController();
  const running = run(exporting, parts, stop.signal);
  return {
    deliver(records) {
      for (const record of records) counting.add(record);
      return Promise.resolve({ settled: records.length, bytes: exporting.takeSent() });
    },
    problem: () => tell.problem(),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      try {
        const never = new AbortController().signal;
        await within(exportingLimits.lastMsMax, { clock, stop: never }, (signal) =>
          exporting.exportAll(signal),
        );
      } catch (error) {
        tell.failed(error as Error);
      }
      await exporting.transport[Symbol.asyncDispose]();
    },
  };
}
