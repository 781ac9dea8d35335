/** Debian's Chromium in a network namespace, driven by playwright-core, and what must never happen in it. */
// Needs: chromium, /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
import { chmodSync, existsSync } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { type Netns, tunMissing } from './netns.ts';
import type { VpnLab } from './vpn-lab.ts';

const CHROMIUM = '/usr/bin/chromium';
export const ADMIN = 'https://127.0.0.1:8443';
export const ADMIN_NAME = 'operator';
export const ADMIN_PASSWORD = 'a password for the page';

/** Longer than anything takes on a busy machine. */
const LIMIT_MS = 15_000;

/** Why there can be no browser here, or undefined. */
export function browserMissing(): string | undefined {
  return tunMissing() ?? (existsSync(CHROMIUM) ? undefined : 'needs Chromium: apt install chromium');
}

/** Starts a browser in a namespace of the lab; close it before the lab is destroyed. */
export function openBrowser(lab: VpnLab, netns: Netns): Promise<Browser> {
  const script = lab.file(`chromium-${netns.name}`, `#!/bin/sh\nexec ip netns exec ${netns.name} ${CHROMIUM} "$@"\n`);
  chmodSync(script, 0o755);
  return chromium.launch({ executablePath: script });
}

/** A page, and the faults that it had so far: errors, refusals of its own policy, and dialogs that no page of ours opens. */
export interface WatchedPage {
  readonly page: Page;
  readonly faults: readonly string[];
  /** Forgets the cookies and closes it. */
  close(): Promise<void>;
}

/** Opens an empty page that trusts any certificate. */
export async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<WatchedPage> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, baseURL: ADMIN, ...options });
  context.setDefaultTimeout(LIMIT_MS);
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => {
    // Answers that are no 2xx, and a server that is away, are part of some tests.
    const isAnswer = message.text().startsWith('Failed to load resource');
    if (['error', 'warning'].includes(message.type()) && !isAnswer) faults.push(message.text());
  });
  page.on('dialog', (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  return { page, faults, close: () => context.close() };
}

/** What the API answers to the page; tests are outside of the namespace and can't ask. */
export function ask(page: Page, path: string): Promise<unknown> {
  return page.evaluate(`fetch('${path}').then((answer) => answer.json())`);
}

/** Signs in, from whatever the page shows. */
export async function signIn(page: Page, hash = ''): Promise<void> {
  await page.goto(`/${hash}`);
  await page.getByLabel('Name').fill(ADMIN_NAME);
  await page.getByLabel('Password').fill(ADMIN_PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('navigation').waitFor();
}
