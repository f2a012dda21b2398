/** Findings that are told: from windows in the embedded engine to a real HTTP receiver. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openHistory, type History } from '../../../../test/detecting.ts';
import { openReceiver, type Receiver } from '../../../../test/webhook.ts';
import type { Finding } from '../../../question/finding.ts';

const [minute, hour] = [60_000, 3_600_000];

let engine: History;
before(async () => {
  engine = await openHistory();
});
after(() => engine[Symbol.asyncDispose]());

const storm = (process: string) => ({
  'process.name': process,
  direction: 'egress',
  'destination.ip': '10.9.8.7',
  'destination.port': 5432,
  'connection.state': 'refused',
  'connections.ended': 30,
});
const quiet = { ...storm('quiet'), 'connection.state': 'closed', 'connection.established': true };

/** Storms of these processes, up to now. */
async function openStorms(...processes: string[]): Promise<History> {
  const history = await engine.beside();
  await history.write({ environment: 'e', from: -hour, to: 0 }, [quiet]);
  await history.write({ environment: 'e', from: -5 * minute, to: 0 }, processes.map(storm));
  return history;
}

/** A hub that runs once, at that time. */
async function hubRuns(history: History, atMs: number, config: object): Promise<string[]> {
  const lines: string[] = [];
  const log = { info: () => undefined, warn: (line: string) => lines.push(line) };
  await using detect = await history.open(atMs, config, { log });
  await detect.run();
  return lines;
}

const webhook = ({ url }: Receiver, more: object = {}) => ({ name: 'hook', kind: 'webhook', url, ...more });

function told({ posted }: Receiver): string[] {
  return posted.map(({ body }) => {
    const { event, finding } = body as { event: string; finding: Finding };
    return `${event} ${finding.labels['process.name'] ?? ''}`;
  });
}

test('hubs that run at once tell a finding once, and once that it is over', async () => {
  await using history = await openStorms('checkout');
  await using receiver = await openReceiver();
  const config = { deliver: [webhook(receiver)] };
  await Promise.all([20_000, 20_000, 21_000].map((atMs) => hubRuns(history, atMs, config)));
  assert.deepEqual(told(receiver), ['opened checkout']);
  const [first] = receiver.posted;
  const { finding } = first?.body as { finding: Finding };
  assert.equal(first?.headers['idempotency-key'], `${finding.id}-opened`);
  assert.deepEqual(finding, (await history.findings())[0], 'as the API tells it, rows and all');
  await history.write({ environment: 'e', from: 0, to: 20 * minute }, [quiet]);
  await Promise.all([1, 2].map(() => hubRuns(history, 20 * minute, config)));
  assert.deepEqual(told(receiver), ['opened checkout', 'closed checkout']);
});

test('a receiver that is away is told later; one that refuses is not asked again', async () => {
  await using history = await openStorms('checkout');
  await using away = await openReceiver();
  await using refuses = await openReceiver();
  away.answer(503);
  refuses.answer(403);
  const config = { deliver: [webhook(away), webhook(refuses, { name: 'other' })] };
  const lines = await hubRuns(history, 20_000, config);
  assert.deepEqual(lines.map((line) => line.replace(/ was not told of .*: /, ': ')).sort(), [
    'hook: failed, 503 so be it',
    'other: refused, 403 so be it',
  ]);
  away.answer(200);
  await hubRuns(history, 25_000, config);
  assert.equal(away.posted.length, 1, 'not before half a minute');
  await hubRuns(history, 51_000, config);
  await hubRuns(history, 90_000, config);
  assert.equal(away.posted.length, 2);
  assert.equal(refuses.posted.length, 1);
});

test('beyond the budget of a day findings are kept, and not told', async () => {
  await using history = await openStorms('a', 'b', 'c', 'd');
  await using receiver = await openReceiver();
  const config = { deliver: [webhook(receiver)], findings_per_day: 2 };
  await hubRuns(history, 20_000, config);
  await hubRuns(history, 50_000, config);
  assert.equal(told(receiver).length, 2);
  assert.equal((await history.findings()).length, 4);
  await using detect = await history.open(60_000, config);
  const { deliveries } = await detect.summary();
  assert.deepEqual(deliveries, { hook: { sent: 2, over_budget: 2 } });
});

test('what is muted, too mild for a target, or long over is not told', async () => {
  await using history = await openStorms('checkout', 'backup');
  await history.write({ environment: 'e', from: -4 * hour, to: -3 * hour }, [quiet]);
  await history.write({ environment: 'e', from: -3 * hour, to: -3 * hour + 5 * minute }, [storm('old')]);
  await using all = await openReceiver();
  await using critical = await openReceiver();
  await hubRuns(history, 20_000, {
    deliver: [webhook(all), webhook(critical, { name: 'pager', severity: 'critical' })],
    mute: [{ question: '*', labels: { 'process.name': 'backup' }, until: '2999-01-01', reason: 'known' }],
  });
  assert.deepEqual(told(all), ['opened checkout']);
  assert.deepEqual(told(critical), []);
});

test('each kind gets it in its own words; secrets come from files', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-detect-'));
  try {
    await using history = await openStorms('<!channel> `x`');
    await using receiver = await openReceiver();
    const secret = (name: string, content: string): string => {
      writeFileSync(join(folder, name), `${content}\n`);
      return join(folder, name);
    };
    const of = { url: `${receiver.url}/`, closed: true };
    await hubRuns(history, 20_000, {
      deliver: [
        { name: 'a', kind: 'alertmanager', ...of },
        { name: 'o', kind: 'otlp', ...of, token_file: secret('token', 's3cret') },
        { name: 's', kind: 'slack', url_file: secret('url', `${receiver.url}/services/T0/B0`) },
      ],
    });
    const by = new Map(receiver.posted.map((each) => [each.path, each]));
    assert.deepEqual([...by.keys()].sort(), ['/api/v2/alerts', '/services/T0/B0', '/v1/logs']);

    const [alert] = by.get('/api/v2/alerts')?.body as Record<string, Record<string, string>>[];
    assert.equal(alert?.['labels']?.['alertname'], 'SondeFinding');
    assert.equal(alert['labels']['destination_ip'], '10.9.8.7');
    assert.match(alert['annotations']?.['description'] ?? '', /\nsonde ask retry-storms --from /);

    const slack = JSON.stringify(by.get('/services/T0/B0')?.body);
    assert.ok(slack.includes('&lt;!channel&gt;') && !slack.includes('<!') && !slack.includes('`'));

    const logs = by.get('/v1/logs');
    assert.equal(logs?.headers.authorization, 'Bearer s3cret');
    const { resourceLogs } = logs.body as {
      resourceLogs: { scopeLogs: { logRecords: { eventName: string; severityNumber: number }[] }[] }[];
    };
    const record = resourceLogs[0]?.scopeLogs[0]?.logRecords[0];
    assert.deepEqual([record?.eventName, record?.severityNumber], ['sonde.finding', 13]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a secret whose file is missing is said at the start', async () => {
  const target = { name: 'chat', kind: 'slack', url_file: '/nowhere/at/all' };
  await assert.rejects(engine.open(0, { deliver: [target] }), { code: 'config.unreadable' });
});
