/**
 * node lab/run.ts [--parallel N] [--repeat N] [id or family…]
 * Plays scenarios and prints what they say happened beside the kernel's counters of their namespaces.
 * Exit status 1 when a scenario failed or the kernel disagrees.
 */
import { parseArgs } from 'node:util';
import { loadScenarios } from './catalogue.ts';
import { disagreements } from './check.ts';
import { missingNeeds } from './needs.ts';
import { buildPrograms } from './programs.ts';
import type { ExpectedEnd, Scenario } from './scenario.ts';
import { Stage } from './stage.ts';

const parallelMax = 16;

function describeEnd(end: ExpectedEnd): string {
  const words = [
    end.established ? 'established' : 'never established',
    end.resetSide && `reset by ${end.resetSide}`,
    end.closeReason,
    end.timeoutBy && `by ${end.timeoutBy}`,
    end.error,
    `sent ${end.bytesSent ?? '?'} received ${end.bytesReceived ?? '?'}`,
  ].filter(Boolean);
  const to = `${end.destinationIp}:${end.destinationPort}`;
  return `  ${end.process} ${end.direction} ${to} ${end.state.toUpperCase()}: ${words.join(', ')}`;
}

async function play(scenario: Scenario): Promise<{ text: string; ok: boolean }> {
  const missing = await missingNeeds(scenario.needs ?? []);
  if (missing.length) return { text: `${scenario.id}: not here: no ${missing.join(', ')}`, ok: true };
  await using stage = new Stage();
  const started = performance.now();
  try {
    const truth = await scenario.run(stage);
    const ms = Math.round(performance.now() - started);
    const lines = [`${scenario.id} (${scenario.title}; ${ms} ms)`, ...truth.ends.map(describeEnd)];
    if (truth.neverSeen) lines.push(`  never seen: ${truth.neverSeen}`);
    let ok = true;
    for (const namespace of stage.namespaces) {
      const counters = stage.counters(namespace);
      const shown = Object.entries(counters).filter(([, value]) => value > 0);
      lines.push(`  ${namespace.name} ${namespace.inode}: ${shown.map(([k, v]) => `${k} ${v}`).join(' ')}`);
      const wrong = disagreements(truth, namespace.inode, counters);
      ok &&= wrong.length === 0;
      lines.push(...wrong.map((line) => `  DISAGREES ${line}`));
    }
    return { text: lines.join('\n'), ok };
  } catch (error) {
    return { text: `${scenario.id}: FAILED ${(error as Error).stack ?? String(error)}`, ok: false };
  }
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      parallel: { type: 'string', default: '4' },
      repeat: { type: 'string', default: '1' },
    },
  });
  buildPrograms();
  const all = await loadScenarios();
  const wanted = all.filter(
    ({ id }) => positionals.length === 0 || positionals.some((p) => id === p || id.startsWith(`${p}.`)),
  );
  const queue = Array.from({ length: Number(values.repeat) }, () => wanted).flat();
  const total = queue.length;
  let failed = 0;
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const { text, ok } = await play(next);
      if (!ok) failed++;
      console.log(text);
    }
  };
  const workers = Math.min(Math.max(1, Number(values.parallel)), parallelMax);
  await Promise.all(Array.from({ length: workers }, worker));
  console.log(`${total} played, ${failed} failed or in disagreement with the kernel`);
  process.exitCode = failed ? 1 : 0;
}

await main();
