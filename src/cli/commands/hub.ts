/** sonde hub: takes records, keeps them, answers questions; in the foreground. */

import { parseHubConfig, readHubConfig } from '../../hub/config.ts';
import { readExpectations } from '../../hub/expect/expectations.ts';
import { stderrLog } from '../../lib/log.ts';
import type { Command } from '../command.ts';

/** Aborts when standard input ends: whoever started us has closed it, or is gone. */
function untilInputEnds(signal: AbortSignal): AbortSignal {
  const ended = new AbortController();
  process.stdin.on('end', () => ended.abort());
  process.stdin.on('error', () => ended.abort());
  process.stdin.resume();
  return AbortSignal.any([signal, ended.signal]);
}

export const command: Command = {
  name: 'hub',
  summary: 'the hub: takes records from agents, stores them, answers questions',
  options: {
    config: { type: 'string', value: 'FILE', help: 'hub.yaml; without it every key has its default' },
    'check-config': { type: 'boolean', help: 'only say whether the configuration is sound' },
    'print-schema': {
      type: 'boolean',
      help: 'print the statements that make the tables, for a ClickHouse that agents write to without a hub',
    },
    'until-eof': { type: 'boolean', help: 'stop when standard input ends, as when who started it is gone' },
  },
  async run({ values, signal, stdout }) {
    const file = values['config'];
    const config = typeof file === 'string' ? readHubConfig(file) : parseHubConfig({}, 'the defaults');
    if (config.expectations) readExpectations(config.expectations.files);
    if (values['check-config'] === true) return 0;
    if (values['print-schema'] === true) {
      const { schemaText } = await import('../../hub/store/schema.ts');
      stdout.write(schemaText(config.store?.database ?? 'sonde'));
      return 0;
    }
    process.title = 'sonde-hub';
    // Loaded here: the help of all commands needs no HTTP server.
    const { runHub } = await import('../../hub/main.ts');
    const untilEof = values['until-eof'] === true;
    try {
      await runHub(config, untilEof ? untilInputEnds(signal) : signal, { log: stderrLog });
    } finally {
      process.stdin.pause(); // an input that may still come would keep us from ending
    }
    return 0;
  },
};
