/**
 * The page in a real browser, before a real hub with an embedded store that has taken real records: what an
 * operator sees. What only made-up answers can show is in web/page.root.test.ts.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { keepScreenshot, openBrowser } from './browser.ts';
import type { Browser, Opened } from './browser.ts';
import { makeHub } from './real-hub.ts';
import type { RealHub, RecordFields } from './real-hub.ts';

const windowMs = 10_000;
const node = {
  'host.name': 'web-1',
  environment: 'production',
  'agent.instance': 'default',
  'agent.id': 'a1',
  'boot.id': 'b1',
  'agent.version': '0.1.0',
};
const planted = { 'process.name': 'reports', 'destination.ip': '10.31.9.9', 'destination.port': 5432 };
const markup = '<img src=x onerror=alert(1)>';

interface Flow {
  readonly process: string;
  readonly ip: string;
  readonly port: number;
  readonly state: string;
  readonly count: number;
}

/** How many of each in every window: the planted destination times out most, but others are busier. */
const traffic: readonly Flow[] = [
  { process: 'reports', ip: '10.31.9.9', port: 5432, state: 'timed_out', count: 7 },
  { process: markup, ip: '10.31.9.7', port: 9200, state: 'timed_out', count: 3 },
  { process: 'evil\u202egnp.exe', ip: '2001:db8::7', port: 443, state: 'timed_out', count: 1 },
  { process: 'storefront', ip: '10.31.1.2', port: 8080, state: 'closed', count: 120 },
  { process: 'checkout', ip: '10.31.1.3', port: 8443, state: 'refused', count: 12 },
  { process: 'mobile-api', ip: '10.31.1.4', port: 3128, state: 'reset', count: 4 },
  { process: 'reports', ip: '10.31.9.9', port: 5432, state: 'closed', count: 2 },
];

let sequence = 0;

function flowRecord({ process: name, ip, port, state, count }: Flow, window: RecordFields): RecordFields {
  const answered = state === 'closed' || state === 'reset';
  const latencyMs = state === 'timed_out' ? 3000 : answered ? 12 : 0.4;
  return {
    ...window,
    'event.name': 'sonde.flow',
    'record.sequence': ++sequence,
    'process.name': name,
    'destination.ip': ip,
    'destination.ip.form': 'exact',
    'destination.port': port,
    'connection.state': state,
    'connection.established': answered,
    direction: 'egress',
    attribution: 'exact',
    'network.transport': 'tcp',
    'network.type': ip.includes(':') ? 'ipv6' : 'ipv4',
    'network.namespace': 4026531840,
    latency_ms: latencyMs,
    'latency.histogram': [[latencyMs, count]],
    'connections.opened': count,
    'connections.adopted': 0,
    'connections.established': answered ? count : 0,
    'connections.ended': count,
    'connections.open': 0,
    'bytes.sent': answered ? count * 400 : 0,
    'bytes.received': answered ? count * 4000 : 0,
    retransmits: state === 'timed_out' ? count * 2 : 0,
    'resets.sent': 0,
    'resets.received': state === 'reset' ? count : 0,
  };
}

/** One window with its closing record, as an agent sends it. */
function windowRecords(startMs: number, number: number): RecordFields[] {
  const end = new Date(startMs + windowMs).toISOString();
  const window: RecordFields = {
    'event.name': 'sonde.window',
    time: end,
    ...node,
    'window.number': number,
    'window.start': new Date(startMs).toISOString(),
    'window.end': end,
  };
  const flows = traffic.map((flow) => flowRecord(flow, window));
  const opened = traffic.reduce((sum, { count }) => sum + count, 0);
  const closing: RecordFields = {
    ...window,
    'record.sequence': ++sequence,
    'window.records': flows.length,
    'window.last': false,
    'connections.opened': opened,
    'connections.adopted': 0,
    'connections.established': 0,
    'connections.ended': opened,
    'connections.open': 0,
    'connections.orphaned': 0,
    'connections.abandoned': 0,
    'connections.untracked': 0,
    'bytes.sent': 0,
    'bytes.received': 0,
    retransmits: 0,
    attribution: { exact: opened },
    'coverage.seen': opened,
    'coverage.kernel': opened,
    'coverage.unreachable': 0,
  };
  return [...flows, closing];
}

const windows = 30;

/** Five minutes of windows that end now. */
function recentRecords(): RecordFields[] {
  const startMs = Math.floor(Date.now() / windowMs) * windowMs - windows * windowMs;
  return Array.from({ length: windows }, (_, i) => windowRecords(startMs + i * windowMs, i + 1)).flat();
}

let browser: Browser;
let hub: RealHub;

before(async () => {
  hub = await makeHub();
  browser = await openBrowser();
  await hub.start();
  await hub.send(recentRecords());
});
after(async () => {
  await browser[Symbol.asyncDispose]();
  await hub[Symbol.asyncDispose]();
});

/** Opens a question by its title, and waits until the store has all that was sent. */
async function openQuestion(title: string, look = {}): Promise<Opened> {
  const opened = await browser.open(`${hub.url}/?since=15m`, look);
  const { page } = opened;
  await page
    .getByRole('link', { name: new RegExp(`^${title}`) })
    .first()
    .click();
  await page.getByRole('heading', { level: 1, name: title }).waitFor();
  for (let tries = 0; (await column(page, 'Process')).length < 3; tries++) {
    assert.ok(tries < 120, 'the store has not shown what was sent');
    await page.getByRole('button', { name: 'Ask now' }).click();
    await sleep(500);
  }
  return opened;
}

function column(page: Page, title: string): Promise<string[]> {
  return page.evaluate(`(() => {
    const heads = [...document.querySelectorAll('thead th')];
    const titles = heads.map((head) => head.textContent.replace(/[▴▾]$/, ''));
    const index = titles.indexOf(${JSON.stringify(title)});
    return [...document.querySelectorAll('tbody tr')].map((row) => row.cells[index]?.innerText ?? '');
  })()`);
}

async function close({ page, faults }: Opened): Promise<void> {
  await page.context().close();
  assert.deepEqual(faults, [], 'the browser has nothing to complain about');
}

describe('the page of a real hub', () => {
  test('is served under a policy that allows nothing from elsewhere and nothing inline', async () => {
    for (const path of ['/', '/sonde.svg']) {
      const response = await fetch(`${hub.url}${path}`, { headers: { accept: 'text/html' } });
      assert.equal(response.status, 200);
      const policy = response.headers.get('content-security-policy') ?? '';
      const directives = new Map(policy.split(/;\s*/).map((each) => [each.split(' ')[0], each]));
      for (const [name, sources] of [
        ['default-src', "'self'"],
        ['script-src', "'self'"],
        ['style-src', "'self'"],
        ['img-src', "'self' data:"],
        ['connect-src', "'self'"],
        ['frame-ancestors', "'none'"],
        ['base-uri', "'none'"],
        ['form-action', "'none'"],
      ] as const) {
        assert.equal(directives.get(name), `${name} ${sources}`, path);
      }
      assert.doesNotMatch(policy, /unsafe|\*|https?:/);
      assert.equal(response.headers.get('x-content-type-options'), 'nosniff');
      assert.equal(response.headers.get('access-control-allow-origin'), null);
    }
  });

  test('opens with an overview: nodes, connections, what failed, and all questions', async () => {
    const opened = await browser.open(`${hub.url}/?since=15m`);
    const { page } = opened;
    const failed = page.getByRole('figure', { name: /^Failed or reset over time/ });
    for (let tries = 0; (await failed.locator('li').count()) < 3; tries++) {
      assert.ok(tries < 120, 'the store has not shown what was sent');
      await page.getByRole('button', { name: 'Ask now' }).click();
      await sleep(500);
    }
    const states = await failed.locator('li').allInnerTexts();
    assert.deepEqual(
      states.map((line) => line.split(/\s+/).filter((word) => word !== '')),
      [
        ['refused', '360'],
        ['timed_out', '330'],
        ['reset', '120'],
      ],
    );
    const coverage = await page.getByRole('region', { name: 'Coverage' }).innerText();
    assert.match(coverage, /nodes\s+1 of 1/);
    const cards = page.getByRole('region', { name: 'Questions' }).getByRole('link');
    assert.equal(await cards.count(), (await page.getByRole('navigation').locator('li').count()) - 2);
    await page
      .getByRole('region', { name: 'Open findings' })
      .getByText(/^None\./)
      .waitFor();
    await failed.getByRole('button', { name: /refused/ }).click();
    await page.getByRole('heading', { level: 1, name: 'Search' }).waitFor();
    await page.locator('tbody tr').first().waitFor();
    assert.deepEqual([...new Set(await column(page, 'State'))], ['refused']);
    await close(opened);
  });

  test('ranks the planted destination first, with process and state', async () => {
    const opened = await openQuestion('Timeouts');
    const { page } = opened;
    assert.equal((await column(page, 'Process'))[0], planted['process.name']);
    assert.equal((await column(page, 'Destination'))[0], planted['destination.ip']);
    assert.equal((await column(page, 'Port'))[0], String(planted['destination.port']));
    assert.equal((await column(page, 'State'))[0], 'timed_out');
    assert.equal((await column(page, 'Timed out'))[0], String(7 * windows));
    assert.equal((await column(page, 'Ended'))[0], String(9 * windows));
    const legend = await page.locator('.chart figcaption li').first().innerText();
    assert.match(legend, /^reports → 10\.31\.9\.9:5432/);
    const coverage = await page.getByRole('region', { name: 'Coverage' }).innerText();
    assert.match(coverage, /nodes\s+1 of 1/);
    assert.match(coverage, /connections\s+4,470 of 4,470/);
    await close(opened);
  });

  test('says how the detectors stand, and what it calls new', async () => {
    for (const [question, line] of [
      ['Retry storms', /^detector of storms: learning, armed (at \S|once nodes are heard)/],
      ['Connections', /^what is new: learning, armed at \S/],
    ] as const) {
      const opened = await openQuestion(question);
      const list = opened.page.getByRole('list', { name: 'Detectors' });
      assert.match(await list.locator('li').first().innerText(), line);
      await close(opened);
    }
  });

  test('a process that is named like markup is text, and nothing runs', async () => {
    const opened = await openQuestion('Timeouts');
    const { page } = opened;
    const names = await column(page, 'Process');
    assert.equal(names[1], markup);
    assert.equal(names[2], 'evil\\u{202e}gnp.exe');
    await page.locator('tbody tr').nth(1).click();
    await page.getByRole('complementary').getByText(markup).first().waitFor();
    assert.equal(await page.locator('img[src="x"], [onerror]').count(), 0);
    await close(opened);
  });

  test('the URL holds the state: reload, back, and a copy of it', async () => {
    const opened = await openQuestion('Connections');
    const { page } = opened;
    const all = (await column(page, 'Process')).length;
    await page.getByLabel('process').fill('check*');
    await page.getByLabel('process').press('Enter');
    await page.waitForURL(/process=check/);
    await page.locator('.answer.stale').waitFor({ state: 'detached' });
    assert.deepEqual(await column(page, 'Process'), ['checkout']);
    assert.deepEqual(await column(page, 'State'), ['refused']);
    await page.reload();
    await page.locator('tbody tr').first().waitFor();
    assert.deepEqual(await column(page, 'Process'), ['checkout']);
    const copy = await browser.open(page.url());
    await copy.page.locator('tbody tr').first().waitFor();
    assert.deepEqual(await column(copy.page, 'Process'), ['checkout']);
    await close(copy);
    await page.goBack();
    await page
      .locator('tbody tr')
      .nth(all - 1)
      .waitFor();
    await close(opened);
  });

  test('sorts by keyboard', async () => {
    const opened = await openQuestion('Connections');
    const { page } = opened;
    const head = page.getByRole('columnheader', { name: 'Ended' });
    await head.getByRole('button').focus();
    await page.keyboard.press('Enter');
    assert.equal(await head.getAttribute('aria-sort'), 'descending');
    const ended = (await column(page, 'Ended')).map((text) => Number(text.replaceAll(',', '')));
    assert.equal(ended[0], 120 * windows);
    assert.deepEqual(
      ended,
      [...ended].sort((a, b) => b - a),
    );
    await close(opened);
  });

  test('a refused parameter is told in the hub’s words', async () => {
    const opened = await openQuestion('Timeouts');
    const { page } = opened;
    await page.getByLabel('port').fill('70000');
    await page.getByLabel('port').press('Enter');
    const told = await page.getByRole('alert').innerText();
    assert.match(told, /port/);
    assert.match(told, /65535/);
    await close(opened);
  });

  for (const scheme of ['light', 'dark'] as const) {
    for (const [width, height] of [
      [1440, 900],
      [800, 600],
    ] as const) {
      test(`screenshots: ${scheme}, ${width} by ${height}`, async () => {
        const home = await browser.open(hub.url, { width, height, scheme });
        await home.page.locator('.plot canvas').first().waitFor();
        await keepScreenshot(home.page, `overview-${scheme}-${width}`);
        await close(home);
        for (const title of ['Timeouts', 'Connections']) {
          const opened = await openQuestion(title, { width, height, scheme });
          await keepScreenshot(opened.page, `${title.toLowerCase()}-${scheme}-${width}`);
          await close(opened);
        }
      });
    }
  }

  test('on a phone nothing stands over the title', async () => {
    const opened = await openQuestion('Connections', { width: 400, height: 800 });
    const title = await opened.page.getByRole('heading', { level: 1 }).boundingBox();
    const status = await opened.page.getByRole('status').boundingBox();
    assert.ok(title && status && title.y + title.height <= status.y, JSON.stringify({ title, status }));
    await close(opened);
  });

  test('the hub stops: the page says so, keeps the answer and recovers by itself', async () => {
    const opened = await openQuestion('Timeouts');
    const { page } = opened;
    await hub.stop();
    await page.getByRole('button', { name: 'Ask now' }).click();
    await page.getByText(/^▲ The hub does not answer since/).waitFor();
    assert.equal((await column(page, 'Process'))[0], planted['process.name']);
    await keepScreenshot(page, 'hub-stopped');
    await hub.start();
    await page
      .getByRole('status')
      .getByText(/^answered/)
      .waitFor();
    assert.equal((await column(page, 'Process'))[0], planted['process.name']);
    await close(opened);
  });
});
