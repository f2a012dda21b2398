/**
 * The page in a real browser, before a hub of made-up answers: what a hub does on a bad day, and what every
 * kind of column looks like. With a real hub: test/page.root.test.ts.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { keepScreenshot } from '../test/browser.ts';
import type { Look } from '../test/browser.ts';
import { coverageOf, share } from './example/answers.ts';
import { exampleInBrowser } from '../test/example-page.ts';

const example = exampleInBrowser();

/** Opens the page and waits for its rows. */
async function openAnswer(path = '/#example-trouble', look?: Look): Promise<Page> {
  const page = await example.open(path, look);
  await page.locator('tbody tr').first().waitFor();
  return page;
}

function column(page: Page, title: string): Promise<string[]> {
  return page.locator('thead th').evaluateAll((heads, wanted) => {
    const index = heads.findIndex((head) => head.textContent.replace(/[▴▾]$/, '') === wanted);
    const rows = [...document.querySelectorAll<HTMLTableRowElement>('tbody tr')];
    return rows.map((row) => row.cells[index]?.innerText ?? '');
  }, title);
}

/** Path, query and fragment. */
function where(page: Page): string {
  return page.url().slice(example.hub.url.length);
}

describe('what is shown', () => {
  test('a question by its name, and another by its link', async () => {
    const page = await openAnswer();
    assert.equal(await page.title(), 'Trouble by destination · Sonde');
    await page.getByRole('link', { name: 'Everything that was called' }).click();
    await example.until(page, '/#example-many');
    await page.getByRole('heading', { level: 1, name: 'Everything that was called' }).waitFor();
  });

  test('text that would be markup or mislead is neither', async () => {
    const page = await openAnswer();
    const names = await column(page, 'process');
    assert.ok(names.includes('<img src=x onerror=alert(1)>'));
    assert.ok(names.includes('evil\\u{202e}gnp.exe'));
    assert.equal(await page.locator('img[src="x"], [onerror]').count(), 0);
  });

  test('a state is a word and a shape, a number is aligned, a time has its UTC', async () => {
    const page = await openAnswer();
    const state = page.locator('td .state-timed_out').first();
    assert.equal(await state.innerText(), 'timed_out');
    assert.equal(await state.locator('svg path').count(), 1);
    const count = page.locator('td.type-count').first();
    assert.equal(await count.evaluate((cell) => getComputedStyle(cell).textAlign), 'right');
    assert.match((await page.locator('td time').first().getAttribute('title')) ?? '', /^\d{4}-.* UTC$/);
    assert.ok((await page.locator('td .sparkline').count()) > 0);
  });

  test('a long answer in parts', async () => {
    const page = await openAnswer('/#example-many');
    assert.equal(await page.locator('tbody tr').count(), 200);
    await page.getByRole('button', { name: /Show more: 200 of 640/ }).click();
    assert.equal(await page.locator('tbody tr').count(), 400);
    assert.equal(await page.locator('.chart').count(), 0);
  });

  test('nothing moves sideways on a small screen', async () => {
    const page = await openAnswer('/#example-trouble', { width: 800, height: 600 });
    const widths = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.equal(widths[0], widths[1]);
  });

  for (const scheme of ['light', 'dark'] as const) {
    for (const [width, height] of [
      [1440, 900],
      [800, 600],
    ] as const) {
      test(`a screenshot: ${scheme}, ${width} by ${height}`, async () => {
        const page = await openAnswer('/#example-trouble', { width, height, scheme });
        await page.locator('.plot canvas').waitFor();
        await keepScreenshot(page, `example-${scheme}-${width}`);
        await page.locator('tbody tr').nth(1).click();
        await page.getByRole('complementary').waitFor();
        await keepScreenshot(page, `example-${scheme}-${width}-detail`);
      });
    }
  }
});

describe('the URL is the state', () => {
  test('what is chosen survives reload, back and forward', async () => {
    const page = await openAnswer();
    await page.getByLabel('host').fill('web-2');
    await page.getByLabel('host').press('Enter');
    await example.until(page, '/?host=web-2#example-trouble');
    await page.getByRole('button', { name: '15m' }).click();
    await example.until(page, '/?since=15m&host=web-2#example-trouble');
    await page.reload();
    await page.locator('tbody tr').first().waitFor();
    assert.deepEqual(new Set(await column(page, 'host')), new Set(['web-2']));
    assert.equal(await page.getByRole('button', { name: '15m' }).getAttribute('aria-pressed'), 'true');
    await page.goBack();
    await example.until(page, '/?host=web-2#example-trouble');
    await page.goBack();
    await example.until(page, '/#example-trouble');
    assert.equal(await page.getByLabel('host').inputValue(), '');
    await page.locator('tbody tr').nth(13).waitFor();
    await page.goForward();
    await example.until(page, '/?host=web-2#example-trouble');
    assert.equal(await page.getByLabel('host').inputValue(), 'web-2');
  });

  test('controls are the manifest’s, and a default is not in the URL', async () => {
    const page = await openAnswer();
    await page.getByLabel('direction').selectOption('ingress');
    await example.until(page, '/?direction=ingress#example-trouble');
    await page.getByLabel('new').check();
    await example.until(page, '/?direction=ingress&new=true#example-trouble');
    await page.getByLabel('port').fill('443');
    await page.getByLabel('port').blur();
    await example.until(page, '/?direction=ingress&new=true&port=443#example-trouble');
    await page.getByLabel('direction').selectOption('egress');
    await example.until(page, '/?new=true&port=443#example-trouble');
    await page.getByLabel('Sonde’s own').check();
    await example.until(page, '/?own=true&new=true&port=443#example-trouble');
    await page.waitForFunction(() => document.querySelector('.stale') === null);
    assert.equal(
      example.hub.asked.at(-1),
      '/api/v1/questions/example-trouble?own=true&new=true&port=443&since=1h',
    );
  });

  test('a range of one’s own is fixed, and drawing on the chart makes one', async () => {
    const page = await openAnswer();
    const box = await page.locator('.plot .u-over').boundingBox();
    assert.ok(box !== null);
    await page.mouse.move(box.x + box.width * 0.25, box.y + 20);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.5, box.y + 20, { steps: 4 });
    await page.mouse.up();
    await page.waitForURL(/\?from=.*&to=/);
    const query = new URL(page.url()).searchParams;
    const minutes = (Date.parse(query.get('to') ?? '') - Date.parse(query.get('from') ?? '')) / 60_000;
    assert.ok(minutes >= 15 && minutes <= 17, `a quarter of an hour and its borders, not ${minutes} min`);
    await page.getByLabel('from').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Pause' }).count(), 0);
  });
});

describe('by keyboard', () => {
  test('sorts', async () => {
    const page = await openAnswer();
    const head = page.getByRole('columnheader', { name: 'attempts' });
    assert.equal(await head.getAttribute('aria-sort'), 'none');
    await head.getByRole('button').focus();
    await page.keyboard.press('Enter');
    await example.until(page, '/#example-trouble?sort=-attempts');
    assert.equal(await head.getAttribute('aria-sort'), 'descending');
    const numbers = (await column(page, 'attempts')).map((text) => Number(text.replaceAll(',', '')));
    assert.equal(numbers[0], 31_104);
    assert.deepEqual(
      numbers,
      [...numbers].sort((a, b) => b - a),
    );
    await page.keyboard.press('Enter');
    assert.equal(await head.getAttribute('aria-sort'), 'ascending');
    await page.keyboard.press('Enter');
    await example.until(page, '/#example-trouble');
  });

  test('walks the rows, opens one and closes it', async () => {
    const page = await openAnswer();
    await page.locator('tbody tr').first().focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Enter');
    const second = page.locator('tbody tr').nth(1);
    assert.equal(await second.getAttribute('aria-current'), 'true');
    const detail = page.getByRole('complementary', { name: 'Details of the row' });
    const name = (await column(page, 'process'))[1] ?? '?';
    assert.match(await detail.getByRole('heading').innerText(), new RegExp(`^${name} → `));
    assert.match(where(page), /\?row=[0-9a-f]{8}$/);
    await page.reload();
    await detail.waitFor();
    await page.locator('tbody tr[aria-current]').focus();
    await page.keyboard.press('Escape');
    await detail.waitFor({ state: 'detached' });
    assert.equal(where(page), '/#example-trouble');
  });
});

describe('details', () => {
  test('narrow the question, and copy the row as it came', async () => {
    const page = await openAnswer();
    await page.locator('tbody tr').first().click();
    const detail = page.getByRole('complementary');
    await detail.getByRole('button', { name: 'Copy as JSON' }).click();
    await detail.getByRole('button', { name: 'Copied' }).waitFor();
    const row = JSON.parse(await page.evaluate(() => navigator.clipboard.readText())) as Record<
      string,
      unknown
    >;
    assert.equal(row['process.name'], (await column(page, 'process'))[0]);
    assert.equal((row['failed.series'] as unknown[]).length, 60);
    await detail
      .locator('div', { hasText: 'host.name' })
      .last()
      .getByRole('button', { name: 'only this' })
      .click();
    await example.until(page, `/?host=${String(row['host.name'])}#example-trouble`);
  });
});

describe('a bad day', () => {
  test('the hub goes away: the page says so, keeps the answer, and finds it again by itself', async () => {
    const page = await openAnswer();
    const place = await page.locator('table').boundingBox();
    example.hub.behaviour.isAway = true;
    await page.getByRole('button', { name: 'Ask now' }).click();
    const status = page.getByRole('status');
    await status.getByText(/^▲ The hub does not answer since \d\d:\d\d:\d\d, trying again/).waitFor();
    assert.match(await status.innerText(), /this is the answer of \d\d:\d\d:\d\d$/);
    assert.equal(await page.locator('tbody tr').count(), 14);
    assert.equal(await page.locator('.answer.stale').count(), 1);
    assert.deepEqual(await page.locator('table').boundingBox(), place, 'nothing has moved');
    await keepScreenshot(page, 'example-away');
    example.hub.behaviour.isAway = false;
    await status.getByText(/^answered/).waitFor();
    assert.equal(await page.locator('.answer.stale').count(), 0);
  });

  test('the hub was never there: the page waits for it', async () => {
    example.hub.behaviour.problem = {
      status: 503,
      title: 'the store is starting',
      detail: '',
      what_to_do: 'wait',
    };
    const page = await example.open('/#example-trouble');
    await page.getByRole('alert').getByText('the store is starting').waitFor();
    await keepScreenshot(page, 'example-starting');
    delete example.hub.behaviour.problem;
    await page.locator('tbody tr').first().waitFor();
  });

  test('a refused question says what to do, and is not asked again until it changes', async () => {
    const page = await openAnswer();
    const problem = {
      status: 400,
      title: 'port must be at most 65535',
      detail: '',
      what_to_do: 'Choose another.',
    };
    example.hub.behaviour.problem = problem;
    await page.getByLabel('port').fill('70000');
    await page.getByLabel('port').press('Enter');
    await page.getByRole('alert').getByText('Choose another.').waitFor();
    delete example.hub.behaviour.problem;
    await page.getByLabel('port').fill('443');
    await page.getByLabel('port').press('Enter');
    await page.getByRole('alert').waitFor({ state: 'detached' });
    const ports = example.hub.asked.map((path) => new URL(path, example.hub.url).searchParams.get('port'));
    assert.deepEqual(ports, [null, '70000', '443']);
  });

  test('a slow answer: the old one stays where it is, and is dimmed', async () => {
    const page = await openAnswer();
    const top = () => page.locator('table').boundingBox();
    const before = await top();
    let go = (): void => assert.fail('nothing was held back');
    example.hub.behaviour.until = new Promise((resolve) => (go = resolve));
    await page.getByRole('button', { name: '5m', exact: true }).click();
    await page.locator('.answer.stale').waitFor();
    assert.equal(await page.locator('tbody tr').count(), 14);
    assert.deepEqual(await top(), before);
    go();
    await page.locator('.answer.stale').waitFor({ state: 'detached' });
    const now = await top(); // columns may be wider: times of yesterday have their day
    assert.deepEqual([now?.x, now?.y], [before?.x, before?.y]);
  });

  test('half blind: what is missing is coloured, has a sign, and is told in words', async () => {
    const notes = ['1 of 3 nodes is silent: db-1 was last heard at 14:02', '<b>bold</b> is not bold'];
    example.hub.behaviour.change = (answer) => ({
      ...answer,
      coverage: coverageOf(
        {
          nodes: share(2, 3),
          seconds: share(3 * 3590, 3 * 3600),
          connections: share(9_700, 10_000),
          attribution: share(0, 0),
        },
        notes,
      ),
    });
    const page = await openAnswer();
    const coverage = page.getByRole('region', { name: 'Coverage' });
    assert.match(await coverage.locator('.poor').innerText(), /nodes\s+▲ 2 of 3 66\.6 %/);
    assert.match(await coverage.locator('.partial').innerText(), /connections\s+◐ 9,700 of 10,000 97\.0 %/);
    assert.match(await coverage.locator('.none').innerText(), /nothing to see/);
    assert.deepEqual(await coverage.locator('li').allInnerTexts(), notes);
    await keepScreenshot(page, 'example-half-blind');
    await coverage.getByRole('button', { name: 'Hide 2 notes' }).click();
    assert.equal(await coverage.locator('li').count(), 0);
  });

  test('nothing to report and nothing seen are two answers', async () => {
    example.hub.behaviour.change = (answer) => ({ ...answer, rows: [] });
    const page = await example.open('/#example-trouble');
    await page.getByText('Sonde watched the range, and nothing in it answers this question.').waitFor();
    const none = share(0, 0);
    example.hub.behaviour.change = (answer) => ({
      ...answer,
      rows: [],
      coverage: coverageOf({ nodes: none, seconds: none, connections: none, attribution: none }, []),
    });
    await page.getByRole('button', { name: 'Ask now' }).click();
    await page.getByRole('heading', { name: 'Nothing was watched in this range' }).waitFor();
  });

  test('an answer that was cut says so', async () => {
    example.hub.behaviour.change = (answer) => ({ ...answer, truncated: true });
    const page = await openAnswer();
    await page.getByText('only the first 14 rows').waitFor();
  });

  test('a question that is not there', async () => {
    const page = await example.open('/#no-such');
    await page.getByRole('alert').getByText('There is no question “no-such”').waitFor();
    await page.getByRole('link', { name: 'Trouble by destination' }).click();
    await page.locator('tbody tr').first().waitFor();
  });
});

describe('freshness', () => {
  test('asks again every ten seconds, unless it is paused', async () => {
    const page = await example.openBlank();
    await page.clock.install();
    await page.goto(`${example.hub.url}/#example-trouble`);
    await page.locator('tbody tr').first().waitFor();
    const answers = example.hub.asked.length;
    const next = page.waitForResponse(/questions\/example-trouble/);
    await page.clock.runFor(10_500);
    await next;
    await page
      .getByRole('status')
      .getByText(/every 10 s$/)
      .waitFor();
    assert.equal(example.hub.asked.length, answers + 1);
    await page.getByRole('button', { name: 'Pause' }).click();
    await page
      .getByRole('status')
      .getByText(/paused$/)
      .waitFor();
    await page.clock.runFor(60_000);
    // Nothing is under way that could still come: another request goes there and back first.
    await page.evaluate(() => fetch('/api/v1/questions'));
    assert.equal(example.hub.asked.length, answers + 1);
    const resumed = page.waitForResponse(/questions\/example-trouble/);
    await page.getByRole('button', { name: 'Resume' }).click();
    await resumed;
  });
});
