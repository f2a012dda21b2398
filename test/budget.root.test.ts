/**
 * The budget on a real agent: a process that takes too much of a processor does with less, at last counts
 * nothing, and comes back. What it takes is the test's doing: the agent runs in this process.
 */

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Stage } from '../lab/stage.ts';
import { createLadder, ladderRules } from '../src/agent/budget/ladder.ts';
import { steps } from '../src/model/budget.ts';
import { parseConfig } from '../src/agent/config.ts';
import { runAgent } from '../src/agent/main.ts';
import { freePort } from '../src/hub/engine/engine.ts';
import type { SondeRecord } from '../src/model/record.ts';
import { askAgent } from '../src/cli/local-client.ts';
import type { AgentStatus } from '../src/agent/agent.ts';
import { churn, flowSums, truthSums } from './truth.ts';

const hasty = {
  ...ladderRules,
  overMax: 1,
  settle: 0,
  settleAtStart: 0,
  calmMsMin: 100,
  calmMsMax: 100,
  provenMs: 1e9,
};

/** Takes most of a processor, and gives way in between. */
async function burn(until: () => Promise<boolean>): Promise<void> {
  while (!(await until())) {
    for (const end = performance.now() + 80; performance.now() < end;);
    await sleep(20);
  }
}

test('down every step, detached, and back', { timeout: 240_000 }, async () => {
  await using stage = new Stage();
  const at = await stage.namespace('one');
  const folder = mkdtempSync(join(tmpdir(), 'sonde-budget-'));
  using left = new DisposableStack();
  left.defer(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const file = join(folder, 'records.jsonl');
  const port = await freePort();
  const instance = `test-${randomBytes(4).toString('hex')}`;
  const config = await parseConfig(
    {
      instance,
      window: '500ms',
      profile: 'full',
      namespaces: [at.path],
      budget: { cpu: '20%', memory: '64GB' },
      exporters: { jsonl: { path: file }, prometheus: { listen: `127.0.0.1:${String(port)}` } },
    },
    'the test',
  );
  const warnings: string[] = [];
  const stopping = new AbortController();
  const opened = Promise.withResolvers<unknown>();
  const running = runAgent(config, stopping.signal, {
    log: { info: () => undefined, warn: (line) => void warnings.push(line) },
    stateFolder: join(folder, 'state'),
    onOpen: opened.resolve,
    ladder: createLadder(hasty),
  });
  running.catch(opened.reject);
  await opened.promise;

  async function status(): Promise<AgentStatus> {
    let answer: unknown;
    await askAgent(
      instance,
      { ask: 'status' },
      {
        signal: stopping.signal,
        onReply: (reply) => (answer = reply.type === 'status' ? reply.status : undefined),
      },
    );
    return answer as AgentStatus;
  }
  const step = async () => (await status()).budget.step;
  const health = async (path: string): Promise<readonly [status: number, reason: string]> => {
    const answer = await fetch(`http://127.0.0.1:${String(port)}/${path}`);
    return [answer.status, await answer.text()];
  };
  const churned = () => churn({ netns: at.path, tag: 'one', perTarget: 20, rate: 200 });

  const before = await churned();
  await burn(async () => (await step()) === 'detached');
  let detached = await status();
  for (; detached.signals.length > 0; detached = await status()) await sleep(50); // its last window
  assert.equal((await health('healthz'))[0], 200);
  const [unready, reason] = await health('readyz');
  assert.equal(unready, 503);
  assert.match(reason, /^not counted since 2\d{3}-.*: the budget does not allow it\n$/);
  assert.ok((detached.budget.usage?.agentCpu ?? 0) > 0.2);
  while ((await step()) !== 'everything') await sleep(200);
  const later = await churned();
  assert.equal((await health('readyz'))[0], 200);
  stopping.abort();
  await running;

  const moves = warnings.filter((line) => line.startsWith('budget: ')).map((line) => line.split(/[ :]+/)[3]);
  assert.deepEqual(moves.slice(0, steps.length - 1), steps.slice(1));
  assert.ok(warnings.some((line) => /^not counted since 2\d{3}-/.test(line)));
  const records = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as SondeRecord);
  const windows = records.filter((record) => record['event.name'] === 'sonde.window');
  assert.ok(windows.some((window) => window['budget.step'] === 'essential_signals'));
  const ends = windows.filter((window) => window['window.last'] === true);
  assert.equal(
    new Set(windows.map((window) => window['agent.id'])).size,
    ends.length,
    'each told to its end',
  );
  assert.ok(ends.length >= 2);
  const flows = records.filter((record) => record['event.name'] === 'sonde.flow');
  assert.deepEqual(flowSums(flows), truthSums([...before, ...later]));
});
