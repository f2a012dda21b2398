/** A hub of made-up answers and a real browser before it, for the tests of the page: anew for each test. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach } from 'node:test';
import type { Page } from 'playwright-core';
import { systemClock } from '../src/lib/clock.ts';
import { openBrowser } from './browser.ts';
import type { Browser, Look, Opened } from './browser.ts';
import { startExampleHub } from '../web/example/hub.ts';
import type { ExampleHub } from '../web/example/hub.ts';

// As strict as the hub's own, whose test holds it to this.
const policy =
  "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

export interface ExamplePage {
  /** Of the test that runs. */
  readonly hub: ExampleHub;
  /** A browser that has anything to complain about afterwards fails the test. */
  open(path: string, look?: Look): Promise<Page>;
  /** One that has been nowhere yet. */
  openBlank(): Promise<Page>;
  /** Until the page is at this path, query and fragment. */
  until(page: Page, url: string): Promise<void>;
}

/** Declares what is made before each test of the file, and what ends behind it. */
export function exampleInBrowser(): ExamplePage {
  let browser: Browser;
  let hub: ExampleHub;
  let opened: Opened | undefined;

  before(async () => (browser = await openBrowser()));
  after(() => browser[Symbol.asyncDispose]());

  beforeEach(async () => {
    hub = await startExampleHub({
      port: 0,
      clock: systemClock,
      folder: join(import.meta.dirname, '../build/web'),
      headers: { 'content-security-policy': policy },
    });
  });

  afterEach(async () => {
    const faults = opened?.faults ?? [];
    await opened?.page.context().close();
    opened = undefined;
    await hub[Symbol.asyncDispose]();
    assert.deepEqual(faults, [], 'the browser has nothing to complain about');
  });

  async function openAt(url: string, look?: Look): Promise<Page> {
    opened = await browser.open(url, look);
    return opened.page;
  }

  return {
    get hub() {
      return hub;
    },
    open: (path, look) => openAt(`${hub.url}${path}`, look),
    openBlank: () => openAt('about:blank'),
    async until(page, url) {
      await page.waitForURL(`${hub.url}${url}`);
    },
  };
}
