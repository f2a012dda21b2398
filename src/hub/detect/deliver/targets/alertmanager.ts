/** Prometheus Alertmanager, API v2. Its own routes, silences and groups then apply. */

import { askCommand } from '../../../../question/finding.ts';
import type { WriteMessage } from '../target.ts';

/** Alertmanager takes an alert that nobody repeats for resolved, unless it says until when it holds. */
const holdsMs = 86_400_000;

export const write: WriteMessage = (finding, _event, nowMs) => {
  const { id, question, severity, labels, title, nextStep, technique } = finding;
  const own = Object.entries(labels)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => [name.replace(/\W/g, '_'), value]);
  return {
    path: '/api/v2/alerts',
    body: [
      {
        labels: {
          ...(Object.fromEntries(own) as Record<string, string>),
          alertname: 'SondeFinding',
          question,
          severity,
          finding: id,
        },
        annotations: {
          summary: title,
          description: `${nextStep}\n${askCommand(finding)}`,
          statistic: `${finding.statistic} over ${finding.threshold}`,
          ...(technique === '' ? {} : { technique }),
        },
        startsAt: finding.startedAt,
        endsAt: finding.closedAt ?? new Date(nowMs + holdsMs).toISOString(),
      },
    ],
  };
};
