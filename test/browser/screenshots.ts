/**
 * `npm run screenshots`: the pictures of the admin page in docs/images, of a real server with users, clients and traffic in
 * network namespaces. Needs what the tests in this folder need.
 */
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { ADMIN_NAME, ADMIN_PASSWORD, browserMissing, openBrowser, openPage, signIn } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import { SstpdProcess } from '../support/sstpd-process.ts';
import type { SstpdServer } from '../support/sstpd-server.ts';
import { INSIDE, SERVER, TRAFFIC_PORT, VpnLab } from '../support/vpn-lab.ts';

const FOLDER = join(import.meta.dirname, '../../docs/images');
const MOST_BYTES = 150_000;
const PASSWORD = 'a password for each';
const DESKTOP: BrowserContextOptions = { viewport: { width: 1200, height: 820 } };
const PHONE: BrowserContextOptions = {
  viewport: { width: 390, height: 844 },
  ...{ deviceScaleFactor: 2, isMobile: true, hasTouch: true },
};

/** Five minutes of the page pass in so many steps, each in a quarter of its time. */
const STEPS = 150;
const STEP_MS = 2000;

const USERS: readonly { readonly name: string; readonly more: readonly string[] }[] = [
  { name: 'ann', more: ['--group', 'staff', '--group', 'berlin'] },
  { name: 'branch-office', more: ['--ip', '10.86.0.200', '--group', 'sites'] },
  { name: 'carla', more: ['--group', 'staff', '--group', 'lisbon'] },
  { name: 'dmitri', more: ['--group', 'contractors'] },
  { name: 'eve', more: [] },
];
/** Bytes per second; the page takes them for a quarter. */
const CLIENTS: readonly (readonly [user: string, down: number, up: number])[] = [
  ['ann', 6_000_000, 500_000],
  ['branch-office', 2_000_000, 3_000_000],
  ['carla', 900_000, 60_000],
];
const TRAFFIC = join(import.meta.dirname, 'paced-traffic.ts');

async function main(): Promise<void> {
  const missing = browserMissing();
  if (missing !== undefined) throw new Error(missing);
  mkdirSync(FOLDER, { recursive: true });
  const lab = await VpnLab.create({ clients: CLIENTS.length + 1 });
  try {
    await photograph(lab, await serve(lab));
  } finally {
    await lab.destroy();
  }
}

async function serve(lab: VpnLab): Promise<SstpdServer> {
  const server = await lab.serve({ args: ['--workers', '2', '--host', 'vpn.example.com'] });
  await server.must(['admin', 'add', ADMIN_NAME, '--password-stdin'], ADMIN_PASSWORD);
  for (const { name, more } of USERS) await server.addUser(name, PASSWORD, ...more);
  await server.must(['user', 'remove', 'vpn']);
  await server.must(['user', 'disable', 'eve']);
  await new SstpdProcess(lab.server, [process.execPath, TRAFFIC, 'serve', INSIDE, TRAFFIC_PORT]).printed(/^ready$/);
  await fail(lab);
  for (const [from, [user, down, up]] of CLIENTS.entries()) {
    await lab.connect({ from, user, password: PASSWORD }).up();
    const words = [TRAFFIC, 'client', INSIDE, TRAFFIC_PORT, String(down), String(up)];
    new SstpdProcess(lab.client(from), [process.execPath, ...words]);
  }
  return server;
}

/** Attempts that come to nothing, each for another reason. */
async function fail(lab: VpnLab): Promise<void> {
  const from = CLIENTS.length;
  const probe = async (...words: string[]): Promise<void> => {
    const command = `openssl s_client -connect ${SERVER}:443 -verify_return_error ${words.join(' ')} < /dev/null`;
    await lab.client(from).exec('sh', ['-c', command]);
  };
  await probe('-servername vpn.example.com');
  await probe('-tls1_2 -cipher AES128-SHA');
  await lab.connect({ from, user: 'eve', password: PASSWORD }).ended();
  await lab.connect({ from, user: 'dmitri', password: 'mistyped' }).ended();
}

async function photograph(lab: VpnLab, server: SstpdServer): Promise<void> {
  const browser = await openBrowser(lab, lab.server);
  const shoot = async (name: string, hash: string, options: BrowserContextOptions, ready: (page: Page) => unknown) => {
    const { page, faults, close } = await openPage(browser, options);
    if (name === 'sessions') await page.clock.install();
    await signIn(page, hash);
    await ready(page);
    await page.evaluate('document.activeElement.blur()');
    const path = join(FOLDER, `admin-${name}.png`);
    await page.screenshot({ path, animations: 'disabled' });
    await close();
    const { size } = statSync(path);
    console.log(`docs/images/admin-${name}.png: ${size} bytes`);
    if (size > MOST_BYTES || faults.length > 0) throw new Error(`admin-${name}: ${size} bytes; ${faults}`);
  };
  try {
    const [failed = ''] = (JSON.parse(await server.must(['explain', '--json'])) as { id: string; user?: string }[])
      .filter(({ user }) => user === 'dmitri')
      .map(({ id }) => id);
    const filled = (page: Page): unknown => eventually('it is filled', () => page.evaluate(IS_FILLED));
    await shoot('users', '#/users', { ...DESKTOP, colorScheme: 'dark' }, filled);
    await shoot('attempts', '#/attempts', { ...DESKTOP, colorScheme: 'light' }, filled);
    await shoot('attempt', `#/attempts/${failed}`, { ...PHONE, colorScheme: 'light' }, filled);
    await shoot('certificates', '#/certificates', { ...DESKTOP, colorScheme: 'light' }, filled);
    await shoot('health', '#/health', { ...DESKTOP, colorScheme: 'dark' }, filled);
    await shoot('sessions', '', { ...DESKTOP, colorScheme: 'light' }, passTime);
  } finally {
    await browser.close();
  }
}

const IS_FILLED = 'document.querySelectorAll("td, dd, .checks li").length > 4';

async function passTime(page: Page): Promise<void> {
  for (let step = 0; step < STEPS; step += 1) {
    await page.clock.runFor(STEP_MS);
    await sleep(STEP_MS / 4);
  }
}

await main();
