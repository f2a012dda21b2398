/** Search in a real browser, before a real hub: a filter, its errors, the values beside it, and live. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { keepScreenshot, openBrowser } from './browser.ts';
import type { Browser } from './browser.ts';
import { makeHub } from './real-hub.ts';
import type { RealHub, RecordFields } from './real-hub.ts';

const markup = '<img src=x onerror=alert(1)>';
const hidden = 'evil\u202egnp.exe';
let browser: Browser;
let hub: RealHub;
let sequence = 0;

function flow(process: string, more: Readonly<Record<string, string | number>> = {}): RecordFields {
  const endMs = Math.floor((Date.now() - 20_000) / 10_000) * 10_000;
  return {
    'event.name': 'sonde.flow',
    time: new Date(endMs).toISOString(),
    'window.number': 1,
    'window.start': new Date(endMs - 10_000).toISOString(),
    'window.end': new Date(endMs).toISOString(),
    'host.name': 'web-1',
    'agent.instance': 'main',
    'boot.id': 'b',
    'record.sequence': ++sequence,
    'process.name': process,
    direction: 'egress',
    'network.transport': 'tcp',
    'destination.ip': '10.31.9.9',
    'destination.ip.form': 'exact',
    'destination.port': 5432,
    'connection.state': 'closed',
    'connection.established': true,
    attribution: 'exact',
    'connections.opened': sequence,
    ...more,
  };
}

before(async () => {
  hub = await makeHub();
  browser = await openBrowser();
  await hub.start();
  const busy = Array.from({ length: 12 }, () => flow('storefront'));
  await hub.send([
    ...busy,
    flow(markup),
    flow(hidden, { 'connection.state': 'refused', 'destination.port': 443 }),
  ]);
  for (;;) {
    const { rows } = (await (await fetch(`${hub.url}/api/v1/search`)).json()) as { rows: unknown[] };
    if (rows.length === sequence) break;
    await sleep(100); // acknowledged before it is stored
  }
});
after(async () => {
  await browser[Symbol.asyncDispose]();
  await hub[Symbol.asyncDispose]();
});

/** Waits until there are so many. */
function rowsOf(page: Page, count: number): Promise<void> {
  const more = `tr:nth-child(${count + 1})`;
  return page.locator(`tbody:has(tr:nth-child(${count})):not(:has(${more}))`).waitFor();
}

async function type(page: Page, filter: string): Promise<void> {
  await page.getByRole('searchbox').fill(filter);
  await page.getByRole('searchbox').press('Enter');
}

test('a filter is typed, pressed together and taken apart, and the URL has it', async () => {
  const { page, faults } = await browser.open(hub.url);
  await page.getByRole('link', { name: /^Search/ }).click();
  await rowsOf(page, 14);
  assert.equal(await page.title(), 'Search · Sonde');
  await type(page, 'destination.ip=10.0.0.0/8 store*');
  await rowsOf(page, 12);
  await page.goBack();
  await rowsOf(page, 14);

  const values = page.getByRole('complementary', { name: 'Values' });
  await values.getByRole('button', { name: /^refused/ }).click();
  await rowsOf(page, 1);
  assert.equal(await page.getByRole('searchbox').inputValue(), 'connection.state=refused');
  await page.locator('tbody tr').click();
  const detail = page.getByRole('complementary', { name: 'Details of the row' });
  const line = detail.locator('div', { hasText: 'process.name' }).last();
  await line.getByRole('button', { name: 'only this' }).click();
  const both = 'connection.state=refused process.name="evil\\u{202e}gnp.exe"';
  await page.waitForURL((url) => url.searchParams.get('filter') === both);
  await page.reload();
  await rowsOf(page, 1);
  assert.equal(await page.getByRole('searchbox').inputValue(), both);
  await values.getByRole('button', { name: /^refused/ }).click();
  await values.getByRole('button', { name: 'Not process.name="evil\\u{202e}gnp.exe"' }).click();
  await rowsOf(page, 13);
  assert.equal(await page.locator('img[src="x"], [onerror]').count(), 0);
  assert.deepEqual(faults, []);
  await page.context().close();
});

test('what is wrong with a filter stands under it, and what was found stays', async () => {
  const { page, faults } = await browser.open(`${hub.url}/#search`);
  await rowsOf(page, 14);
  await type(page, 'destnation.port=1');
  const problem = page.getByRole('alert');
  await problem
    .getByText('at character 1: there is no field destnation.port, nearest is destination.port')
    .waitFor();
  await rowsOf(page, 14);
  await keepScreenshot(page, 'search-problem');
  await type(page, 'destination.port=443');
  await problem.waitFor({ state: 'detached' });
  await rowsOf(page, 1);
  assert.deepEqual(faults, []);
  await page.context().close();
});

for (const scheme of ['light', 'dark'] as const) {
  test(`live: records come by themselves, the newest first; ${scheme}`, async () => {
    const name = `curl-${scheme}`;
    const { page, faults } = await browser.open(`${hub.url}/?filter=${name}#search`, { scheme });
    await page.getByRole('heading', { name: 'Nothing was watched in this range' }).waitFor();
    await page.getByLabel('live').check();
    await page.waitForURL((url) => url.searchParams.get('live') === 'true');
    await page.getByRole('status').getByText('live 0 records').waitFor();
    await hub.send([flow(name), flow('storefront'), flow(`${name}-2`)]);
    await page.getByRole('status').getByText('live 2 records').waitFor();
    assert.match(await page.locator('tbody tr').first().innerText(), new RegExp(`${name}-2`));
    await keepScreenshot(page, `search-live-${scheme}`);
    await page.getByLabel('live').uncheck();
    await rowsOf(page, 2);
    assert.deepEqual(faults, []);
    await page.context().close();
  });
}
