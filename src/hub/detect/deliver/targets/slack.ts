/** An incoming webhook of Slack, or of what understands it (Mattermost, Discord's /slack, Rocket.Chat). */

import { askCommand } from '../../../../question/finding.ts';
import type { WriteMessage } from '../target.ts';

/** Text from a network: none of it is a link, a mention or a format of Slack's. */
function escaped(text: string): string {
  const plain = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return plain.replaceAll('`', 'ˋ');
}

const colours = { critical: '#c0392b', warning: '#d68910', closed: '#7f8c8d' } as const;
const valueMax = 200;

export const write: WriteMessage = (finding, event) => {
  const { severity, title, statistic, baseline, threshold, facts, labels, question, nextStep } = finding;
  const isClosed = event === 'closed';
  const usual = baseline === null ? '' : `, usual ${baseline}`;
  const about = { ...labels, ...facts };
  const fields = Object.entries(about).filter(([, value]) => value !== '');
  return {
    path: '',
    body: {
      text: escaped(`${isClosed ? 'Over' : severity === 'critical' ? 'Critical' : 'Warning'}: ${title}`),
      attachments: [
        {
          color: colours[isClosed ? 'closed' : severity],
          fallback: escaped(title),
          text: escaped(`${question}: ${statistic} over ${threshold}${usual}. Next: ${nextStep}`),
          fields: fields.map(([name, value]) => ({
            title: name,
            value: escaped(String(value).slice(0, valueMax)),
            short: true,
          })),
          footer: escaped(askCommand(finding)),
          ts: Math.floor(Date.parse(finding.startedAt) / 1000),
        },
      ],
    },
  };
};
