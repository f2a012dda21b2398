/** sonde agent: the node agent in the foreground. */

import { parseConfig, readConfig } from '../../agent/config.ts';
import { runAgent } from '../../agent/main.ts';
import { stderrLog } from '../../lib/log.ts';
import type { Command } from '../command.ts';

export const command: Command = {
  name: 'agent',
  summary: 'the node agent: counts connections and writes labelled records',
  options: {
    config: { type: 'string', value: 'FILE', help: 'agent.yaml; without it: JSON lines on standard output' },
    'check-config': { type: 'boolean', help: 'only say whether the configuration is sound' },
  },
  async run({ values, signal }) {
    const file = values['config'];
    const config =
      typeof file === 'string'
        ? await readConfig(file)
        : await parseConfig({ exporters: { jsonl: {} } }, 'the defaults');
    if (values['check-config'] === true) return 0;
    process.title = 'sonde-agent'; // how its own connections are told from others
    await runAgent(config, signal, { log: stderrLog });
    return 0;
  },
};
