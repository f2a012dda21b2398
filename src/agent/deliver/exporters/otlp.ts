/** OpenTelemetry logs over HTTP or gRPC, to a hub or a collector. */

import * as z from 'zod';
import { nameModes } from '../../../model/rendering.ts';
import type { Exporter } from '../exporter.ts';
import { endpointSchema, refuseGrpcProblem, wireShape } from '../otlp/options.ts';

/** Of the hub. */
const endpoint = 'http://127.0.0.1:7400';

const schema = z
  .strictObject({
    endpoint: endpointSchema(endpoint, '/v1/logs'),
    ...wireShape,
    names: z.enum(nameModes).default('canonical').meta({
      description:
        'of attributes: our own, OpenTelemetry\u2019s or ECS\u2019s, with the required labels under our own too; the hub takes the first two',
    }),
  })
  .superRefine(refuseGrpcProblem(endpoint))
  .meta({ description: 'OpenTelemetry logs over HTTP or gRPC' });

export const exporter: Exporter<typeof schema> = {
  name: 'otlp',
  summary: 'OpenTelemetry logs over HTTP or gRPC, to the hub or a collector',
  schema,
  async open(options, { clock }) {
    // The OpenTelemetry packages are for agents that use them.
    const { openLogs } = await import('../otlp/logs.ts');
    return openLogs(options, clock);
  },
};
