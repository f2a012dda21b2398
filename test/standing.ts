/** How an agent stands that is well and has one exporter, for what is told of that. */

import type { Vitals } from '../src/model/vitals.ts';

export const standing: Vitals = {
  quietMs: 80,
  step: 'failures',
  stepSince: '2026-01-01T00:00:00.000Z',
  usage: { agentCpu: 0.01, programsCpu: 0.02, agentBytes: 9e7, mapBytes: 3e7 },
  limits: { cpu: 0.25, memory: 5e8 },
  counting: true,
  windowAgoMs: 1000,
  windowMs: 10_000,
  exporters: {
    otlp: {
      behindRecords: 5,
      behindBytes: 500,
      deliveredRecords: 70,
      deliveredBytes: 7000,
      lastDeliveredAt: '2026-01-01T00:00:01.500Z',
    },
  },
};
