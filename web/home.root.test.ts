/** What the page opens with, in a real browser before a hub of made-up answers. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { keepScreenshot } from '../test/browser.ts';
import type { Look } from '../test/browser.ts';
import { exampleInBrowser } from '../test/example-page.ts';

const example = exampleInBrowser();

async function openHome(path = '/', look?: Look): Promise<Page> {
  const page = await example.open(path, look);
  await page.locator('.plot canvas').first().waitFor();
  return page;
}

describe('the overview', () => {
  test('is what the page opens with, and asks no question', async () => {
    const page = await openHome();
    assert.equal(await page.title(), 'Overview · Sonde');
    await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    assert.equal(page.url(), `${example.hub.url}/`);
    const paths = example.hub.asked.map((path) => path.split('?')[0]);
    assert.deepEqual([...new Set(paths)], ['/api/v1/overview']);
  });

  test('lists what is open, newest first, as text; each leads to its evidence', async () => {
    const page = await openHome();
    const findings = page.getByRole('region', { name: 'Open findings' });
    const lines = await findings.locator('li b').allInnerTexts();
    assert.match(lines[0] ?? '', /critical:\s+storefront fails to reach 10\.31\.9\.0:5432$/);
    assert.match(lines[1] ?? '', /warning:\s+<img src=x onerror=alert\(1\)> fails to reach/);
    assert.equal(await page.locator('img[src="x"], [onerror]').count(), 0);
    await findings.getByRole('link').last().click();
    await page.getByRole('heading', { level: 1, name: 'Trouble by destination' }).waitFor();
    const url = new URL(page.url());
    assert.equal(url.searchParams.get('process'), 'reports');
    assert.ok(url.searchParams.has('from'));
    assert.equal(url.hash, '#example-trouble');
    await page.goBack();
    await findings.waitFor();
  });

  test('says how many findings there are beyond those that it shows, and where there are none', async () => {
    example.hub.behaviour.findings = 11;
    const page = await openHome();
    const findings = page.getByRole('region', { name: 'Open findings' });
    await findings.getByText('and 3 more: sonde findings').waitFor();
    await page.getByRole('region', { name: 'Questions' }).getByText('11 findings').waitFor();
    example.hub.behaviour.findings = 0;
    await page.reload();
    await findings.getByText(/^None\./).waitFor();
  });

  test('what is muted is not among them; where they are not to be had it says so', async () => {
    example.hub.behaviour.changeFindings = (all) =>
      all.map((each, n) => ({ ...each, muted: n === 0 ? 'known' : '' }));
    const page = await openHome();
    const findings = page.getByRole('region', { name: 'Open findings' });
    await findings.locator('li').first().waitFor();
    assert.equal(await findings.locator('li').count(), 2);
    example.hub.behaviour.changeFindings = () => undefined;
    await page.reload();
    await findings.getByRole('alert').getByText('Findings are not to be had').waitFor();
    example.hub.behaviour.changeFindings = (all) => all;
    await findings.getByRole('button', { name: 'Try now' }).click();
    await findings.locator('li').nth(2).waitFor();
  });

  test('leads to each question with range and scope, and back', async () => {
    const page = await openHome('/?since=15m&host=web-1');
    const cards = page.getByRole('region', { name: 'Questions' }).getByRole('link');
    assert.equal(await cards.count(), 2);
    await cards.last().click();
    await example.until(page, '/?since=15m&host=web-1#example-many');
    await page.getByRole('navigation').getByRole('link', { name: 'Overview' }).click();
    await example.until(page, '/?since=15m&host=web-1');
    assert.ok(example.hub.asked.some((path) => path === '/api/v1/overview?since=15m&host=web-1'));
  });

  test('a state that connections failed in leads to its rows', async () => {
    const page = await openHome();
    const failed = page.getByRole('figure', { name: /^Failed or reset/ });
    await failed.getByRole('button', { name: /refused/ }).click();
    await example.until(page, '/?filter=connection.state%3Drefused#search');
  });

  test('without any node it says so, and what to do', async () => {
    example.hub.behaviour.changeOverview = (overview) => {
      const none = { part: 0, of: 0, ratio: null };
      const notes = ['no node was heard in this range or in the day before it: see sonde status'];
      const shares = { nodes: none, seconds: none, connections: none, attribution: none };
      return { ...overview, opened: [], failed: [], coverage: { ...shares, smallest: null, notes } };
    };
    const page = await example.open('/');
    await page.getByText(/see sonde status/).waitFor();
  });

  test('the hub goes away and comes back', async () => {
    const page = await openHome();
    example.hub.behaviour.isAway = true;
    await page.getByRole('button', { name: 'Ask now' }).click();
    await page.getByText(/^▲ The hub does not answer since/).waitFor();
    assert.ok((await page.getByRole('region', { name: 'Open findings' }).locator('li').count()) > 0);
    example.hub.behaviour.isAway = false;
    await page
      .getByRole('status')
      .getByText(/^answered/)
      .waitFor();
  });

  for (const [scheme, width, height] of [
    ['light', 1440, 900],
    ['dark', 1440, 900],
    ['dark', 800, 600],
    ['light', 400, 800],
  ] as const) {
    test(`nothing moves sideways, and a screenshot: ${scheme}, ${width} by ${height}`, async () => {
      const page = await openHome('/', { scheme, width, height });
      await keepScreenshot(page, `example-overview-${scheme}-${width}`);
      const widths = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.equal(widths[0], widths[1]);
    });
  }
});
