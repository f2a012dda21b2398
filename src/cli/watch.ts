/**
 * Watching an agent: through the running agent, or through a private one that lives as long as the
 * watching.
 */

import { runAgent } from '../agent/main.ts';
import { parseConfig, type AgentConfig } from '../agent/config.ts';
import { isOperatorError } from '../lib/errors.ts';
import { logTo, type Log } from '../lib/log.ts';
import type { LocalReply, LocalRequest } from '../model/local.ts';
import { askAgent } from './local-client.ts';

export interface WatchOptions {
  readonly instance: string;
  readonly request: LocalRequest;
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly onReply: (reply: LocalReply) => void;
}

/** Runs an agent and watches it over its own socket, as anybody else would. */
export async function watchOwnAgent(config: AgentConfig, options: WatchOptions): Promise<void> {
  const { request, signal, log, onReply } = options;
  let watching = Promise.resolve();
  await runAgent(config, signal, {
    log,
    onOpen() {
      watching = askAgent(config.instance, request, { signal, onReply });
    },
  });
  await watching;
}

/** Runs an agent at defaults as long as somebody asks it something: `ask` is given its instance. */
export async function ownAgent(
  ask: (instance: string) => Promise<void>,
  { signal, say }: { readonly signal: AbortSignal; readonly say: (line: string) => void },
): Promise<void> {
  const instance = `private-${String(process.pid)}`;
  const done = new AbortController();
  let asking = Promise.resolve();
  const log = logTo(say);
  await runAgent(await parseConfig({ instance }, 'the defaults'), AbortSignal.any([signal, done.signal]), {
    log,
    onOpen() {
      asking = ask(instance).finally(() => {
        done.abort();
      });
    },
  });
  await asking;
}

/**
 * Watches the running agent of that instance; starts a private one of these settings if there is none.
 * Resolves with the exit code: what the agent has against it is said.
 */
export async function watch(options: WatchOptions, settings: Record<string, unknown>): Promise<number> {
  const { instance, request, signal, log } = options;
  let code = 0;
  const onReply = (reply: LocalReply): void => {
    if (reply.type !== 'error') {
      options.onReply(reply);
      return;
    }
    code = 1;
    log.info(reply.message);
  };
  try {
    await askAgent(instance, request, { signal, onReply });
  } catch (error) {
    if (!isOperatorError(error) || error.code !== 'agent.not_running') throw error;
    log.info(`no agent ${instance} is running: watching with a private one`);
    const own = { instance: `private-${String(process.pid)}`, profile: 'connections', ...settings };
    const config = await parseConfig(own, 'the options');
    await watchOwnAgent(config, { ...options, onReply });
  }
  return code;
}
