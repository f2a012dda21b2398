/** Debian's chromium, for tests of the page as a person meets it. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import type { Page } from 'playwright-core';

export interface Opened {
  readonly page: Page;
  /**
   * Scripts that failed, dialogs, breaches of the content security policy, complaints on the console. That a
   * request failed is not among them: tests stop hubs.
   */
  readonly faults: readonly string[];
}

export interface Look {
  readonly width?: number;
  readonly height?: number;
  readonly scheme?: 'light' | 'dark';
}

export interface Browser extends AsyncDisposable {
  open(url: string, look?: Look): Promise<Opened>;
}

const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** How long to wait for something to appear, on a machine that is busy with something else. */
export const patienceMs = 60_000;

function watch(page: Page, faults: string[]): void {
  page.on('pageerror', (error) => faults.push(`script: ${error.message}`));
  page.on('dialog', (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('console', (message) => {
    if (!['error', 'warning'].includes(message.type())) return;
    if (!message.text().startsWith('Failed to load resource')) faults.push(`console: ${message.text()}`);
  });
}

/** Each page has a profile of its own, new and empty. */
export async function openBrowser(): Promise<Browser> {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args });
  return {
    async open(url, { width = 1440, height = 900, scheme = 'light' } = {}) {
      const context = await browser.newContext({
        viewport: { width, height },
        colorScheme: scheme,
        locale: 'en-GB',
        timezoneId: 'Europe/Berlin',
        permissions: ['clipboard-read', 'clipboard-write'],
      });
      context.setDefaultTimeout(patienceMs);
      const faults: string[] = [];
      const page = await context.newPage();
      watch(page, faults);
      await page.exposeFunction('sondeViolation', (what: string) => faults.push(`policy: ${what}`));
      await page.addInitScript(`addEventListener('securitypolicyviolation', (event) => {
        sondeViolation(event.violatedDirective + ' ' + event.blockedURI);
      })`);
      await page.goto(url);
      return { page, faults };
    },
    [Symbol.asyncDispose]: () => browser.close(),
  };
}

const screenshots = join(import.meta.dirname, '../build/screenshots');

export async function keepScreenshot(page: Page, name: string): Promise<void> {
  mkdirSync(screenshots, { recursive: true });
  await page.screenshot({ path: join(screenshots, `${name}.png`), animations: 'disabled' });
}
