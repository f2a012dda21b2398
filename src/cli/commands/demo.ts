/** sonde demo: real traffic with real faults, in throwaway network namespaces, for a running agent to see. */

import { demoSteps, longLived, onDemoSet } from '../../../lab/demo.ts';
import { OperatorError } from '../../lib/errors.ts';
import { parseDurationMs } from '../../lib/units.ts';
import type { Command } from '../command.ts';
import { painter } from '../trace-lines.ts';

const stepPauseMs = 400;

export const command: Command = {
  name: 'demo',
  summary: 'makes real traffic with real faults, in throwaway network namespaces',
  options: {
    hold: { type: 'string', value: 'TIME', help: 'keep the long-lived connection that long; 12s by default' },
  },
  notes: [
    'Needs root. Run `sonde up` or `sonde trace` in another terminal to watch it. Nothing is left behind.',
  ],
  async run({ values, stdout, signal }) {
    const hold = typeof values['hold'] === 'string' ? parseDurationMs(values['hold']) : 12_000;
    if (hold === undefined) {
      throw new OperatorError('usage.bad_value', {
        problem: '--hold takes a time such as 12s',
        command: 'demo',
      });
    }
    if (process.getuid?.() !== 0)
      throw new OperatorError('privileges.missing', { action: 'make network namespaces' });
    const paint = painter(stdout.isTerminal);
    const pause = (ms: number) =>
      new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        signal.addEventListener(
          'abort',
          () => {
            clearTimeout(timer);
            resolve();
          },
          { once: true },
        );
      });
    await onDemoSet(async (set) => {
      stdout.write('Two hosts and a router between them, in network namespaces of their own.\n\n');
      const say = await longLived(set);
      stdout.write(
        `worker keeps a connection to queue open\n  ${paint('dim', 'sonde says: open, in every window')}\n`,
      );
      for (const step of demoSteps) {
        if (signal.aborted) return;
        stdout.write(`${step.title}\n  ${paint('dim', `sonde says: ${step.see}`)}\n`);
        await step.play(set);
        await say();
        await pause(stepPauseMs);
      }
      stdout.write(`\nHolding the connection of worker for ${String(hold / 1000)} s; Ctrl-C ends it.\n`);
      for (const end = Date.now() + hold; Date.now() < end && !signal.aborted;) {
        await pause(1000);
        await say();
      }
    });
    return 0;
  },
};
