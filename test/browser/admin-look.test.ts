/** How the admin page looks and what it withstands: narrow, dark, for a screen reader, and with hostile values. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import type { Browser, Page } from 'playwright-core';
import { around } from '../support/around.ts';
import { ADMIN_NAME, ADMIN_PASSWORD, ask, browserMissing, openBrowser, openPage, signIn } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import { RawPeer } from '../support/raw-peer.ts';
import type { SstpdServer } from '../support/sstpd-server.ts';
import { PASSWORD, VpnLab } from '../support/vpn-lab.ts';
import { findLowContrast, findNameless, findOverflow, findSmall } from './inspect-page.ts';

const skip = browserMissing() ?? false;

const MARKUP = '<img src=x onerror=alert(1)>"\'';
const HOSTILE = `${MARKUP}\u202e`;
const LONG = 'x'.repeat(1000);
/** As far as the user store lets it. */
const USER_NAME = "o'hara &lt &amp {{7}}";
const VIEWS = ['sessions', 'users', 'attempts', 'certificates', 'health'];
/** Of the views with a table: its rows come after the rest. */
const ROWS: Readonly<Record<string, number>> = { sessions: 2, users: 2, attempts: 4 };

let lab: VpnLab;
let server: SstpdServer;
let browser: Browser;

around(
  async () => {
    if (skip) return;
    lab = await VpnLab.create({ clients: 2 });
    server = await lab.serveAnn({ args: ['--workers', '2', '--auth', 'mschapv2,pap'] });
    await server.must(['admin', 'add', ADMIN_NAME, '--password-stdin'], ADMIN_PASSWORD);
    await server.addUser(USER_NAME, PASSWORD);
    await lab.connect().up();
    await lab.connect({ from: 1, user: USER_NAME }).up();
    await lab.connect({ user: HOSTILE.replaceAll(/["']/g, ''), password: 'x' }).ended();
    await hostileRequest();
    browser = await openBrowser(lab, lab.server);
  },
  async () => {
    await browser?.close();
    await lab?.destroy();
  },
);

/** An attempt whose SNI, request line, headers and correlation id are as bad as the server lets them be. */
async function hostileRequest(): Promise<void> {
  const below = await RawPeer.tcp(await lab.door());
  const socket = connectTls({ socket: below, rejectUnauthorized: false, servername: MARKUP });
  socket.on('error', () => socket.destroy());
  await new Promise((resolve) => socket.once('secureConnect', resolve));
  socket.write(
    'SSTP_DUPLEX_POST /sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/?<img/src=x/onerror=alert(2)> HTTP/1.1\r\n' +
      `SSTPCORRELATIONID: ${MARKUP}\r\nHost: ${MARKUP}\r\n` +
      `Content-Length: 18446744073709551615\r\n\r\n`,
  );
  await new Promise((resolve) => socket.once('data', resolve).once('close', resolve));
  socket.destroy();
}

/** Signs in once; each view is a change of the address then. */
async function eachView(page: Page, look: (view: string) => Promise<void>): Promise<void> {
  await signIn(page);
  const [user, attempt] = [encodeURIComponent(USER_NAME), await hostileAttempt()];
  for (const view of [...VIEWS, `users/${user}`, `attempts/${attempt}`]) {
    await page.goto(`/#/${view}`);
    await eventually(`${view} is filled`, () => page.evaluate('document.querySelector("main").innerText.length > 120'));
    const rows = ROWS[view] ?? 0;
    if (rows > 0)
      await page
        .locator('td.lead')
        .nth(rows - 1)
        .waitFor();
    await look(view);
  }
}

async function hostileAttempt(): Promise<string> {
  const all = JSON.parse(await server.must(['explain', '--json'])) as { id: string; http?: string }[];
  const id = all.find(({ http }) => http?.includes('alert(2)'))?.id;
  assert.ok(id !== undefined, JSON.stringify(all));
  return id;
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(`${colorScheme}: each text has the contrast of WCAG AA, each control a name`, { skip }, async () => {
    const { page, faults, close } = await openPage(browser, { colorScheme });
    await page.goto('/');
    await page.getByLabel('Password').waitFor();
    assert.deepEqual(await page.evaluate(findLowContrast), [], 'sign-in');
    await eachView(page, async (view) => {
      assert.deepEqual(await page.evaluate(findLowContrast), [], view);
      assert.deepEqual(await page.evaluate(findNameless), [], view);
    });
    await page.goto('/#/users');
    await page.getByRole('button', { name: 'Add a user' }).click();
    assert.deepEqual(await page.evaluate(findLowContrast), [], 'dialog');
    assert.deepEqual(await page.evaluate(findNameless), [], 'dialog');
    const [red = 0] =
      ((await page.evaluate('getComputedStyle(document.body).backgroundColor')) as string).match(/\d+/g)?.map(Number) ??
      [];
    assert.equal(red > 128, colorScheme === 'light');
    await close();
    assert.deepEqual(faults, []);
  });
}

for (const width of [360, 412, 768]) {
  test(`${width} pixels wide: no sideways scroll${width < 768 ? ', targets of 44 pixels' : ''}`, { skip }, async () => {
    const { page, faults, close } = await openPage(browser, {
      viewport: { width, height: 740 },
      ...{ isMobile: width < 768, hasTouch: true, colorScheme: 'dark' },
    });
    await eachView(page, async (view) => {
      assert.deepEqual(await page.evaluate(findOverflow), [], view);
      if (width < 768) assert.deepEqual(await page.evaluate(findSmall), [], view);
    });
    await page.goto('/#/users');
    await page.getByRole('button', { name: 'Add a user' }).click();
    assert.deepEqual(await page.evaluate(findOverflow), [], 'dialog');
    await close();
    assert.deepEqual(faults, []);
  });
}

test('hostile values are shown as text, run nothing and turn nothing round', { skip }, async () => {
  const { page, faults, close } = await openPage(browser);
  const seen: Record<string, string> = {};
  await eachView(page, async (view) => {
    seen[view.split('/', 1)[0] === view ? view : `one of ${view.split('/')[0]}`] = await page
      .getByRole('main')
      .innerText();
    assert.equal(await page.locator('main img, main script, main b').count(), 0);
  });
  for (const view of ['sessions', 'users', 'one of users']) assert.ok(seen[view]?.includes(USER_NAME), view);
  assert.ok(seen.attempts?.includes('<img src=x onerror=alert(1)>\u27e8U+202E\u27e9'), seen.attempts);
  for (const text of [`Correlation id\n${MARKUP}`, '/?<img/src=x/onerror=alert(2)> HTTP/1.1\n', `host: ${MARKUP}\n`]) {
    assert.ok(seen['one of attempts']?.includes(text), `${text} in ${seen['one of attempts']}`);
  }
  assert.ok(!/[\u202a-\u202e\u2066-\u2069]/.test(JSON.stringify(seen)), 'no mark of direction');
  await close();
  assert.deepEqual(faults, []);
});

test('so are hostile answers of the API, whichever field they are in', { skip }, async () => {
  const { page, faults, close } = await openPage(browser);
  const poison = (value: unknown): unknown => {
    if (typeof value === 'string') return /^\d{4}-\d\d-\d\dT/.test(value) ? value : `${value}${HOSTILE}${LONG}`;
    if (Array.isArray(value)) return value.map(poison);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, part]) => [name, KEPT.has(name) ? part : poison(part)]),
    );
  };
  await signIn(page);
  for (const view of [...VIEWS, 'status']) {
    const json = poison(await ask(page, `/v1/${view}`));
    await page.route(`**/v1/${view}*`, (route) => route.fulfill({ json }));
  }
  const id = await hostileAttempt();
  const attempt = poison({ ...((await ask(page, `/v1/attempts/${id}`)) as object), sni: '', alert: '', reason: '' });
  await page.route(`**/v1/attempts/${id}`, (route) => route.fulfill({ json: attempt }));
  await page.reload();
  for (const view of [...VIEWS, `attempts/${id}`]) {
    await page.goto(`/#/${view}`);
    await page.getByText('<img src=x').first().waitFor();
    assert.equal(await page.locator('main img, main script').count(), 0, view);
    assert.deepEqual(await page.evaluate(findOverflow), [], view);
  }
  await page.route('**/v1/health', (route) =>
    route.fulfill({ status: 500, json: { error: 'ERR', message: HOSTILE + LONG } }),
  );
  await page.goto('/#/health');
  await page.getByRole('alert').getByText('<img src=x').waitFor();
  await page.goto(`/#/users/${encodeURIComponent(HOSTILE + LONG)}`);
  await page.getByText('There is no such user').waitFor();
  await close();
  assert.deepEqual(faults, []);
});

/** Words that the page chooses by, and that the server makes itself. */
const KEPT: ReadonlySet<string> = new Set(['state', 'stage', 'source', 'verdict', 'secretKind']);

test('without motion where the system asks for none', { skip }, async () => {
  const { page, close } = await openPage(browser, { reducedMotion: 'reduce' });
  await signIn(page);
  const duration = await page
    .getByRole('button', { name: 'Sign out' })
    .evaluate((element) => getComputedStyle(element).transitionDuration);
  assert.equal(duration, '0s');
  await close();
});
