/**
 * OpenTelemetry metrics over HTTP or gRPC, to a collector: what windows tell, added up under labels of
 * workloads since the agent started. An export that failed lost nothing: the next tells all of it again.
 */

import * as z from 'zod';
import { duration } from '../../../lib/schema.ts';
import type { Exporter } from '../exporter.ts';
import { countingShape } from '../metrics/options.ts';
import { endpointSchema, refuseGrpcProblem, wireShape } from '../otlp/options.ts';

/** Of a collector beside the agent. */
const endpoint = 'http://127.0.0.1:4318';

const schema = z
  .strictObject({
    endpoint: endpointSchema(endpoint, '/v1/metrics'),
    ...wireShape,
    names: z.enum(['canonical', 'otel']).default('canonical').meta({
      description: 'of attributes: our own or OpenTelemetry\u2019s; those of metrics are the same in both',
    }),
    interval: duration({ min: '100ms', max: '1h', default: '60s' }).meta({
      description: 'how often; nothing new is told more often than windows end',
    }),
    ...countingShape,
  })
  .superRefine(refuseGrpcProblem(endpoint))
  .meta({ description: 'OpenTelemetry metrics over HTTP or gRPC' });

export const exporter: Exporter<typeof schema> = {
  name: 'otlp_metrics',
  summary: 'OpenTelemetry metrics over HTTP or gRPC, to a collector',
  schema,
  async open(options, context) {
    // The OpenTelemetry packages are for agents that use them.
    const { openMetrics } = await import('../otlp/exporting.ts');
    return openMetrics(options, context);
  },
};
