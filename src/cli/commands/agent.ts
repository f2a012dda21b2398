/** sonde agent: the node agent in the foreground. */

import { parseConfig, readConfig, type AgentConfig } from '../../agent/config.ts';
import { handOver } from '../../agent/agent.ts';
import { detachAgent, runAgent } from '../../agent/main.ts';
import { formatOperatorError, isOperatorError } from '../../lib/errors.ts';
import { stderrLog } from '../../lib/log.ts';
import { requireTrusted } from '../../lib/trusted.ts';
import { questionsFolder } from '../../question/discovery.ts';
import type { Command, CommandContext } from '../command.ts';

/** Refused where others can write it: it decides what root does. */
async function readTrusted(file: string): Promise<AgentConfig> {
  requireTrusted(file);
  return readConfig(file);
}

/**
 * Aborted with the command's own signal, and at SIGHUP for another agent to go on in this process, if the
 * configuration is sound.
 */
function untilReload(file: string, { signal, onHangup }: CommandContext): AbortSignal {
  const reload = new AbortController();
  onHangup(() => {
    readTrusted(file).then(
      () => {
        reload.abort(handOver);
      },
      (error: unknown) => {
        const why = isOperatorError(error)
          ? formatOperatorError(error).replace(/^sonde: /, '')
          : String(error);
        stderrLog.warn(`not reloaded, the configuration before stays: ${why}`);
      },
    );
  });
  return AbortSignal.any([signal, reload.signal]);
}

/** This program anew, as the same process: what the kernel counts meanwhile is told by it. */
function startAnew(): void {
  stderrLog.info(`reloading ${process.argv.slice(2).join(' ')}`);
  process.execve?.(process.execPath, [process.execPath, ...process.execArgv, ...process.argv.slice(1)]);
  throw new Error('this Node cannot replace its process; restart the agent');
}

export const command: Command = {
  name: 'agent',
  summary: 'the node agent: counts connections and writes labelled records',
  notes: ['SIGHUP reads FILE again: a sound one is taken, without a gap in what is counted.'],
  options: {
    config: { type: 'string', value: 'FILE', help: 'agent.yaml; without it: JSON lines on standard output' },
    detach: { type: 'boolean', help: 'remove from the kernel what a killed agent left, and run none' },
    'check-config': { type: 'boolean', help: 'only say whether the configuration is sound' },
  },
  async run(context) {
    const { values } = context;
    const file = values['config'];
    requireTrusted(questionsFolder());
    const config =
      typeof file === 'string'
        ? await readTrusted(file)
        : await parseConfig({ exporters: { jsonl: {} } }, 'the defaults');
    if (values['check-config'] === true) return 0;
    if (values['detach'] === true) {
      await detachAgent(config, stderrLog);
      return 0;
    }
    process.title = 'sonde-agent'; // how its own connections are told from others
    const signal = typeof file === 'string' ? untilReload(file, context) : context.signal;
    await runAgent(config, signal, { log: stderrLog });
    if (signal.reason === handOver) startAnew();
    // A reader of standard output who has stopped would keep the process; what it left is in the spool.
    return process.exit(0);
  },
};
