/**
 * What the detectors find in recorded traffic: `npm run detectors:recorded -- FOLDER`, with conn.log files of
 * Zeek. Imports them into a hub of its own that goes away with its folder, lets the detectors run over all of
 * it, and says how many findings there were by key and week.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../src/hub/engine/engine.ts';
import { systemClock } from '../src/lib/clock.ts';
import type { DetectorStatus, Finding } from '../src/question/finding.ts';

const root = join(import.meta.dirname, '..');
const [week, lag] = [604_800_000, 300_000];
const findingsMax = 10_000;

const [folder = ''] = process.argv.slice(2);
const isLog = (name: string): boolean => /conn.*\.(log|json)(\.labeled)?(\.gz)?$/.test(name);
const files = folder === '' ? [] : readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(isLog);
if (files.length === 0) {
  process.stderr.write('npm run detectors:recorded FOLDER, in which there are conn.log files of Zeek\n');
  process.exit(2);
}

const place = mkdtempSync(join(tmpdir(), 'sonde-recorded-'));
const url = `http://127.0.0.1:${await freePort()}`;
const config = join(place, 'hub.yaml');

async function start(detect: string): Promise<ChildProcess> {
  writeFileSync(
    config,
    [
      `listen: ${url.slice('http://'.length)}`,
      `data: ${join(place, 'hub')}`,
      'retention: { flows: 40d, minutes: 40d, events: 40d }',
      `detect: ${detect}`,
    ].join('\n'),
  );
  const stdio = ['ignore', 'ignore', 'inherit'] as const;
  const hub = spawn(join(root, 'bin/sonde'), ['hub', '--config', config], { stdio: [...stdio] });
  while (hub.exitCode === null) {
    const answer = await fetch(`${url}/readyz`).catch(() => undefined); // nobody listens yet
    if (answer?.ok === true) return hub;
    await systemClock.sleep(200);
  }
  throw new Error('the hub did not start');
}

async function stop(hub: ChildProcess): Promise<void> {
  hub.kill('SIGTERM');
  if (hub.exitCode === null) await once(hub, 'exit');
}

async function get<T>(path: string): Promise<T> {
  const answer = await fetch(`${url}/api/v1/${path}`);
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

async function importAll(): Promise<void> {
  const hub = await start('{ enabled: false }');
  try {
    const words = ['import', '--hub', url, '--shift', 'now', '--environment', 'recorded'];
    const paths = files.map((file) => join(folder, file));
    const importing = spawn(join(root, 'bin/sonde'), [...words, ...paths], { stdio: 'inherit' });
    const [code] = (await once(importing, 'exit')) as [number];
    if (code > 1) throw new Error(`sonde import ended with ${code}`);
    // What was acknowledged may wait for the store.
    for (;;) {
      const { journal } = await get<{ journal: { pendingBlocks: number } }>('status');
      if (journal.pendingBlocks === 0) return;
      await systemClock.sleep(500);
    }
  } finally {
    await stop(hub);
  }
}

type Standing = DetectorStatus & { readonly until: string | null };

function lines(all: readonly (readonly [string, Standing])[], findings: readonly Finding[], weeks: number) {
  return all.map(([question, { finds, keys }]) => {
    const of = findings.filter((finding) => finding.question === question && finding.finds === finds);
    const count = Object.values(keys).reduce((sum, n) => sum + n, 0);
    const rate =
      count === 0 ? 'nothing to judge' : `${((1000 * of.length) / count / weeks).toFixed(1)} per 1,000`;
    const cannot = `${keys['insufficient'] ?? 0} insufficient, ${keys['learning'] ?? 0} learning`;
    const told = `${question}, ${finds}: ${of.length} findings, ${count} keys (${cannot})`;
    return count === 0 ? told : `${told}: ${rate} per 1,000 keys and week`;
  });
}

async function detectAll(): Promise<void> {
  const startedMs = systemClock.wallMs();
  const hub = await start('{ history: 40d, findings_per_day: 10000 }');
  try {
    for (;;) {
      const { detect } = await get<{ detect: { detectors: Record<string, Standing[]> } }>('status');
      const all = Object.entries(detect.detectors).flatMap(([id, of]) =>
        of.map((each) => [id, each] as const),
      );
      const behind = all.filter(([, { until }]) => until === null || Date.parse(until) < startedMs - lag);
      if (behind.length > 0) {
        await systemClock.sleep(2000);
        continue;
      }
      const { findings } = await get<{ findings: Finding[] }>(`findings?since=40d&limit=${findingsMax}`);
      const firstMs = Math.min(...all.map(([, { armedAt }]) => Date.parse(armedAt ?? '')));
      const weeks = (startedMs - firstMs) / week;
      const titles = findings.map(({ severity, startedAt, title }) => `  ${startedAt} ${severity} ${title}`);
      process.stdout.write(`${[...lines(all, findings, weeks), ...titles].join('\n')}\n`);
      return;
    }
  } finally {
    await stop(hub);
  }
}

try {
  await importAll();
  await detectAll();
} finally {
  rmSync(place, { recursive: true });
}
