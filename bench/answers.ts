/** What an answer takes of a hub with a day of a fleet in its store: each question at its defaults, in turn. */

import { join } from 'node:path';
import type { Answer, QuestionSummary } from '../src/question/contract.ts';
import { makeHub } from '../test/real-hub.ts';
import { fillHistory, historyRows } from './history.ts';
import { series } from './series.ts';
import type { Block } from './table.ts';

export const answerTargets = { questionMs: 1000, homeMs: 300 } as const;

async function json(url: string): Promise<unknown> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${await response.text()}`);
  return response.json();
}

async function timed(ask: () => Promise<unknown>): Promise<number> {
  const at = performance.now();
  await ask();
  return performance.now() - at;
}

/** What the page asks at once when it is opened without a question. */
const homeAsks = ['questions', 'overview?since=1h', 'findings?state=open&since=400d&limit=100'];

async function openHome(url: string): Promise<void> {
  await Promise.all(homeAsks.map((path) => json(`${url}/api/v1/${path}`)));
}

export async function answersCost(runs: number, say: (line: string) => void): Promise<Block> {
  // Detectors would first go through the day.
  await using hub = await makeHub('detect: { enabled: false }\n', '1GiB');
  await fillHistory(join(hub.data, 'engine'), say);
  await hub.start();
  const { questions } = (await json(`${hub.url}/api/v1/questions`)) as {
    questions: readonly QuestionSummary[];
  };
  const times = new Map<string, number[]>();
  const note = (name: string, ms: number): void => {
    say(`  ${name} ${ms.toFixed(0)} ms`);
    times.set(name, [...(times.get(name) ?? []), ms]);
  };
  for (let run = 0; run < runs; run++) {
    note('page', await timed(() => openHome(hub.url)));
    for (const { id } of questions) {
      let answer: Answer | undefined;
      const ask = async (): Promise<void> => {
        answer = (await json(`${hub.url}/api/v1/questions/${id}`)) as Answer;
      };
      note(id, await timed(ask));
      if (answer?.rows.length === 0) throw new Error(`${id} found nothing to tell`);
    }
  }
  const row = (name: string, wantedMs: number) => {
    const of = series(times.get(name) ?? []);
    return { name, ...of, note: `wanted under ${wantedMs} ms: ${of.median < wantedMs ? 'met' : 'missed'}` };
  };
  return {
    title: `Answers at defaults, from ${historyRows} flow windows of 100 nodes and a day`,
    unit: 'ms',
    rows: [
      row('page', answerTargets.homeMs),
      ...questions.map(({ id }) => row(id, answerTargets.questionMs)),
    ],
  };
}
