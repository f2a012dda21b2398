/** OpenTelemetry logs over HTTP, as JSON: one record, `sonde.finding`. */

import { packageVersion } from '../../../../lib/version.ts';
import type { WriteMessage } from '../target.ts';

type Value = { stringValue: string } | { doubleValue: number };

function attribute(key: string, value: string | number): { key: string; value: Value } {
  return { key, value: typeof value === 'number' ? { doubleValue: value } : { stringValue: value } };
}

function nanoseconds(time: string): string {
  return `${Date.parse(time)}000000`;
}

/** OpenTelemetry's severity numbers. */
const severityNumbers = { closed: 9, warning: 13, critical: 17 } as const;

export const write: WriteMessage = (finding, event) => {
  const { id, question, severity, labels, facts, statistic, baseline, threshold, technique } = finding;
  const isClosed = event === 'closed';
  const values: Record<string, string | number> = {
    ...labels,
    ...Object.fromEntries(Object.entries(facts).map(([name, value]) => [`finding.fact.${name}`, value])),
    'event.name': 'sonde.finding',
    'finding.id': id,
    'finding.question': question,
    'finding.state': isClosed ? 'closed' : 'open',
    'finding.severity': severity,
    'finding.statistic': statistic,
    'finding.threshold': threshold,
    ...(baseline === null ? {} : { 'finding.baseline': baseline }),
    'finding.started': finding.startedAt,
    'finding.next': finding.nextStep,
    ...(technique === '' ? {} : { 'threat.technique.id': technique }),
  };
  const record = {
    timeUnixNano: nanoseconds(finding.closedAt ?? finding.lastAt),
    eventName: 'sonde.finding',
    severityNumber: severityNumbers[isClosed ? 'closed' : severity],
    severityText: isClosed ? 'INFO' : severity === 'critical' ? 'ERROR' : 'WARN',
    body: { stringValue: finding.title },
    attributes: Object.entries(values).map(([key, value]) => attribute(key, value)),
  };
  const scope = { name: 'sonde', version: packageVersion() };
  const resource = { attributes: [attribute('service.name', 'sonde-hub')] };
  return {
    path: '/v1/logs',
    body: { resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords: [record] }] }] },
  };
};
