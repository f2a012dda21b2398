/** sonde agent: the node agent in the foreground. */

import { parseConfig, readConfig } from '../../agent/config.ts';
import { detachAgent, runAgent } from '../../agent/main.ts';
import { stderrLog } from '../../lib/log.ts';
import type { Command } from '../command.ts';

export const command: Command = {
  name: 'agent',
  summary: 'the node agent: counts connections and writes labelled records',
  options: {
    config: { type: 'string', value: 'FILE', help: 'agent.yaml; without it: JSON lines on standard output' },
    detach: { type: 'boolean', help: 'remove from the kernel what a killed agent left, and run none' },
    'check-config': { type: 'boolean', help: 'only say whether the configuration is sound' },
  },
  async run({ values, signal }) {
    const file = values['config'];
    const config =
      typeof file === 'string'
        ? await readConfig(file)
        : await parseConfig({ exporters: { jsonl: {} } }, 'the defaults');
    if (values['check-config'] === true) return 0;
    if (values['detach'] === true) {
      await detachAgent(config, stderrLog);
      return 0;
    }
    process.title = 'sonde-agent'; // how its own connections are told from others
    await runAgent(config, signal, { log: stderrLog });
    // A reader of standard output who has stopped would keep the process; what it left is in the spool.
    return process.exit(0);
  },
};
