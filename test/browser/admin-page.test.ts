/** The admin page in a real browser, beside a real server with real clients: what an operator does there, flow by flow. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { Browser, Locator, Page } from 'playwright-core';
import type { HealthView } from '../../admin/index.ts';
import { around } from '../support/around.ts';
import {
  ADMIN_NAME,
  ADMIN_PASSWORD,
  ask,
  browserMissing,
  openBrowser,
  openPage,
  signIn,
  type WatchedPage,
} from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';
import { SstpdProcess } from '../support/sstpd-process.ts';
import type { SstpdServer } from '../support/sstpd-server.ts';
import { INSIDE, TRAFFIC, TRAFFIC_PORT, USER, VpnLab } from '../support/vpn-lab.ts';

const skip = browserMissing() ?? false;

let lab: VpnLab;
let server: SstpdServer;
let browser: Browser;
let watched: WatchedPage;
let page: Page;

around(
  async () => {
    if (skip) return;
    lab = await VpnLab.create();
    server = await lab.serveAnn({ args: ['--workers', '2', '--host-access', 'all'] });
    browser = await openBrowser(lab, lab.server);
  },
  async () => {
    await browser?.close();
    await lab?.destroy();
  },
);
beforeEach(async () => {
  if (skip) return;
  // Each test stands by itself: the first one takes it away.
  const { code, stderr } = await server.run(['admin', 'add', ADMIN_NAME, '--password-stdin'], ADMIN_PASSWORD);
  assert.ok(code === 0 || /already/.test(stderr), stderr);
  watched = await openPage(browser);
  page = watched.page;
});
afterEach(async () => {
  if (skip) return;
  await watched.close();
  assert.deepEqual(watched.faults, []);
});

const heading = (name: string): Locator => page.getByRole('heading', { level: 1, name });
const row = (text: string): Locator => page.getByRole('row').filter({ hasText: text });
const dialog = (): Locator => page.getByRole('dialog');

/** There is no such user, whatever tests before left. */
async function without(...names: string[]): Promise<void> {
  for (const name of names) await server.run(['user', 'remove', name]);
}

/** There is this user, and as it is said here. */
async function having(name: string, ...more: string[]): Promise<void> {
  await without(name);
  await server.addUser(name, 'typed here', ...more);
}

/** Waits until a table has these rows. */
function rowsAre(names: readonly string[], what: string): Promise<boolean> {
  return eventually(what, async () => String(await page.locator('td.lead').allInnerTexts()) === String(names));
}

/** Presses Tab until the focus is on it. */
async function tabTo(target: Locator): Promise<void> {
  for (let presses = 0; presses < 60; presses += 1) {
    if (await target.evaluate((element) => element.matches(':focus'))) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`no Tab leads to ${target}`);
}

test('without an account the page says how to make one, and notices when there is one', { skip }, async () => {
  await server.must(['admin', 'remove', ADMIN_NAME]);
  await page.goto('/');
  await page.getByText('sstpd admin add NAME', { exact: true }).waitFor();
  assert.equal(await page.getByLabel('Password').count(), 0);
  await server.must(['admin', 'add', ADMIN_NAME, '--password-stdin'], ADMIN_PASSWORD);
  await heading('Sign in to sstpd').waitFor();
});

test('sign in by keyboard alone: a wrong password is told and announced, the right one leads in', {
  skip,
}, async () => {
  await page.goto('/');
  await heading('Sign in to sstpd').waitFor();
  await page.keyboard.type(ADMIN_NAME);
  await page.keyboard.press('Tab');
  await page.keyboard.type('wrong');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').filter({ hasText: /\S/ }).waitFor();
  // The focus is back in the empty field.
  await page.keyboard.type(ADMIN_PASSWORD);
  await page.keyboard.press('Enter');
  await heading('Sessions').waitFor();
  assert.equal(await page.title(), 'Sessions · sstpd');
  assert.ok(await heading('Sessions').evaluate((element) => element.matches(':focus')));
});

test('too many wrong passwords: the page says how long to wait', { skip }, async () => {
  const headers = { 'retry-after': '7' };
  await page.goto('/');
  await page.getByLabel('Name').fill(ADMIN_NAME);
  await page.getByLabel('Password').fill('wrong');
  await page.route('**/v1/login', (route) =>
    route.fulfill({ status: 429, headers, json: { error: 'ERR_SLOW_DOWN', message: 'slow down' } }),
  );
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').getByText('Too many attempts. Try again in 7 s.').waitFor();
});

test('each view has its address, its title and the focus on its heading; the back button works', { skip }, async () => {
  await signIn(page);
  const menu = page.getByRole('navigation');
  for (const name of ['Users', 'Attempts', 'Certificates', 'Health', 'Sessions']) {
    await menu.getByRole('link', { name }).click();
    await heading(name).and(page.locator(':focus')).waitFor();
    assert.equal(await page.title(), `${name} · sstpd`);
    assert.equal(new URL(page.url()).hash, `#/${name.toLowerCase()}`);
    assert.equal(await menu.locator('[aria-current=page]').innerText(), name);
  }
  await page.goBack();
  await heading('Health').waitFor();
  await page.reload();
  await heading('Health').waitFor();
});

test('of a long list the page shows as much as somebody reads, and finds the rest', { skip }, async () => {
  await signIn(page);
  const [user] = (await ask(page, '/v1/users')) as object[];
  const many = Array.from({ length: 5000 }, (_, index) => ({ ...user, name: `user-${index}` }));
  await page.route('**/v1/users', (route) => route.fulfill({ json: many }));
  await page.goto('/#/users');
  await page.getByText('The first 200 of 5000.').waitFor();
  assert.equal(await page.locator('td.lead').count(), 200);
  await page.getByLabel('Find a user').fill('user-4999');
  await row('user-4999').waitFor();
  assert.equal(await page.locator('td.lead').count(), 1);
});

test('the cookie is out of reach of scripts and of other sites', { skip }, async () => {
  await signIn(page);
  const [cookie] = await page.context().cookies();
  assert.deepEqual(
    [cookie?.name, cookie?.httpOnly, cookie?.secure, cookie?.sameSite],
    ['__Host-sstpd', true, true, 'Strict'],
  );
  assert.equal(await page.evaluate('document.cookie'), '');
});

test('a client with traffic shows up with its rate, and is disconnected by keyboard alone', { skip }, async () => {
  await lab.serveTraffic(lab.server, INSIDE);
  const client = lab.connect();
  const { ipv4 } = await client.up();
  await signIn(page);
  await row(ipv4).waitFor();
  const command = [process.execPath, TRAFFIC, 'download', INSIDE, TRAFFIC_PORT, '1500000000'];
  const traffic = new SstpdProcess(client.netns, command);
  const rate = row(ipv4).locator('[data-heading="To client"]');
  await eventually('a rate', async () => /^[\d.]+ [MG]bit\/s$/.test(await rate.innerText()));
  await eventually('one session', async () => /Sessions\s*1/.test(await page.locator('.tile').first().innerText()));
  await page.getByRole('button', { name: USER, exact: true }).click();
  await page.getByRole('heading', { level: 2, name: `${USER}, ${ipv4}` }).waitFor();
  assert.equal(await page.getByRole('button', { name: USER, exact: true }).getAttribute('aria-pressed'), 'true');
  const drawing = page.locator('svg.drawing');
  await eventually('a line', async () => /L/.test((await drawing.locator('.line.down').getAttribute('d')) ?? ''));
  assert.match((await drawing.getAttribute('aria-label')) ?? '', /bit\/s to clients/);
  await page.getByRole('button', { name: 'Show all sessions' }).click();
  await page.getByRole('heading', { level: 2, name: 'All sessions' }).waitFor();

  await tabTo(page.getByRole('button', { name: `Disconnect ${USER}` }));
  await page.keyboard.press('Enter');
  await dialog().getByRole('heading', { name: 'Disconnect?' }).waitFor();
  // Cancel has the focus, so that a second Enter does no harm; Escape leaves everything as it is.
  await page.keyboard.press('Escape');
  await dialog().waitFor({ state: 'detached' });
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.getByRole('status').getByText(`${USER} is disconnected.`).waitFor();
  await page.getByText('Nobody is connected.').waitFor();
  assert.equal((await client.ended()).wasUp, true);
  // Its connection waits for packets that no longer come.
  await traffic.stop('SIGKILL');
});

test('a user is added with a random password, shown once, that works', { skip }, async () => {
  await without('bob');
  await signIn(page, '#/users');
  await page.getByRole('button', { name: 'Add a user' }).click();
  await dialog().getByLabel('Name').fill('bob');
  await dialog().getByLabel('Groups (optional)').fill('staff, berlin');
  await dialog().getByRole('button', { name: 'Add' }).click();
  const password = await dialog().locator('code').innerText();
  assert.match(password, /^(\w{4}-){3}\w{4}$/);
  await dialog().getByRole('button', { name: 'Done' }).click();
  // A dialog leaves the page in an event of its own, after the click, and the list comes in another.
  await eventually('the password is gone', async () => (await page.getByText(password).count()) === 0);
  await row('bob')
    .filter({ hasText: /Enabled[\s\S]*berlin[\s\S]*staff/ })
    .waitFor();
  const client = lab.connect({ user: 'bob', password });
  await client.up();
  await client.stop();
});

test('a user is added with a typed password and a fixed address; what the server refuses is said', {
  skip,
}, async () => {
  await without('bob', 'carl');
  await signIn(page, '#/users');
  await page.getByRole('button', { name: 'Add a user' }).click();
  await dialog().getByLabel('Name').fill('b*b');
  await dialog().getByLabel('I type one').check();
  await dialog().getByLabel('Password', { exact: true }).fill('typed by hand');
  await dialog().getByLabel('Fixed address (optional)').fill('10.86.0.77');
  await dialog().getByRole('button', { name: 'Add' }).click();
  await dialog().getByRole('alert').getByText('must not contain any of').waitFor();
  await dialog().getByLabel('Name').fill('carl');
  await dialog().getByRole('button', { name: 'Add' }).click();
  await dialog().waitFor({ state: 'detached' });
  const client = lab.connect({ user: 'carl', password: 'typed by hand' });
  assert.equal((await client.up()).ipv4, '10.86.0.77');
  await client.stop();
});

test('a weak password is refused at its field, and taken if that is asked for; the list marks the user', {
  skip,
}, async () => {
  await signIn(page, '#/users');
  await page.getByRole('button', { name: 'Add a user' }).click();
  await dialog().getByLabel('Name').fill('dora');
  await dialog().getByLabel('I type one').check();
  const typed = dialog().getByLabel('Password', { exact: true });
  const allTheSame = dialog().getByLabel('Take this weak password all the same');
  const add = dialog().getByRole('button', { name: 'Add' });
  await typed.fill('a');
  assert.equal(await allTheSame.isVisible(), false);
  await add.click();
  await dialog().getByRole('alert').getByText('The password is too weak: it has 1 character').waitFor();
  assert.equal(await typed.getAttribute('aria-invalid'), 'true');
  assert.equal(await typed.evaluate((input) => input === document.activeElement), true);
  await typed.fill('ab');
  assert.equal(await dialog().getByRole('alert').count(), 0, 'gone with the next letter');
  await add.click();
  await allTheSame.check();
  await add.click();
  await dialog().waitFor({ state: 'detached' });
  await row('dora').getByText('Weak password').waitFor();

  await page.goto(`${new URL(page.url()).origin}/#/users/dora`);
  await page.getByText('guessers try it first').waitFor();
  await page.getByRole('button', { name: 'Remove this user' }).click();
  await dialog().getByRole('button', { name: 'Remove' }).click();
  await page.getByRole('heading', { name: 'Users' }).waitFor();
});

test('users are found by name, group and address, and by being disabled', { skip }, async () => {
  await having('bob', '--group', 'staff', '--group', 'berlin');
  await having('carl', '--ip', '10.86.0.77');
  await signIn(page, '#/users');
  await row('carl').waitFor();
  for (const [wanted, found] of [
    ['CAR', ['carl']],
    ['berlin', ['bob']],
    ['10.86.0.77', ['carl']],
    ['nobody', []],
  ] as const) {
    await page.getByLabel('Find a user').fill(wanted);
    await rowsAre(found, wanted);
  }
  await page.getByText('No user fits.').waitFor();
  await page.getByLabel('Find a user').fill('');
  await page.getByLabel('Disabled only').check();
  await page.getByText('No user fits.').waitFor();
});

test('address and groups of a user are changed, and taken away', { skip }, async () => {
  await having('bob', '--group', 'staff');
  await having('carl', '--ip', '10.86.0.77');
  await signIn(page, '#/users/bob');
  await page.getByLabel('Fixed address').fill('10.86.0.77');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('alert').filter({ hasText: 'carl' }).waitFor();
  await page.getByLabel('Fixed address').fill('10.86.0.78');
  await page.getByLabel('Groups').fill('ops');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved.').waitFor();
  const bob = async (): Promise<unknown> =>
    (JSON.parse(await server.must(['user', 'list', '--json'])) as { name: string }[]).find(
      ({ name }) => name === 'bob',
    );
  const { ipv4, groups } = (await bob()) as { ipv4?: string; groups: string[] };
  assert.deepEqual([ipv4, groups], ['10.86.0.78', ['ops']]);
  await page.getByLabel('Fixed address').fill('');
  await page.getByLabel('Groups').fill('');
  await page.getByRole('button', { name: 'Save' }).click();
  await eventually('neither', async () => {
    const now = (await bob()) as { ipv4?: string; groups: string[] };
    return now.ipv4 === undefined && now.groups.length === 0;
  });
});

test('a user who is disabled loses the connection and can not come back until enabled', { skip }, async () => {
  const client = lab.connect();
  await client.up();
  await signIn(page, `#/users/${USER}`);
  await page.getByRole('button', { name: 'Disable' }).click();
  await dialog().getByRole('button', { name: 'Disable' }).click();
  await page.getByText(`${USER} is disabled.`).waitFor();
  await client.ended();
  const refused = lab.connect();
  assert.equal((await refused.ended()).wasUp, false);
  await page.getByRole('button', { name: 'Enable' }).click();
  await page.getByText(`${USER} is enabled.`).waitFor();
  const again = lab.connect();
  await again.up();
  await again.stop();
});

test('a password is set', { skip }, async () => {
  await having('carl');
  await signIn(page, '#/users/carl');
  await page.getByRole('button', { name: 'Set password' }).click();
  await dialog().getByRole('button', { name: 'Set', exact: true }).click();
  const password = await dialog().locator('code').innerText();
  await dialog().getByRole('button', { name: 'Done' }).click();
  const client = lab.connect({ user: 'carl', password });
  await client.up();

  const setTyped = async (typed: string): Promise<void> => {
    await dialog().getByLabel('I type one').check();
    await dialog().getByLabel('Password', { exact: true }).fill(typed);
    await dialog().getByRole('button', { name: 'Set', exact: true }).click();
    await dialog().waitFor({ state: 'detached' });
  };
  await page.getByRole('button', { name: 'Set password' }).click();
  await dialog().getByLabel('Let open sessions go on').check();
  await setTyped('carl keeps on');
  const { sessions } = JSON.parse(await server.must(['user', 'list', '--json'])).find(
    (one: { name: string }) => one.name === 'carl',
  );
  assert.equal(sessions, 1);
  await page.getByRole('button', { name: 'Set password' }).click();
  await setTyped('carl has to go');
  assert.equal((await client.ended()).reason, 'terminated-by-peer');
});

test('a user is removed, after a question', { skip }, async () => {
  await having('bob');
  await having('carl');
  await signIn(page, '#/users/carl');
  await page.getByRole('button', { name: 'Remove this user' }).click();
  await dialog().getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('button', { name: 'Remove this user' }).click();
  await dialog().getByRole('button', { name: 'Remove' }).click();
  await heading('Users').waitFor();
  await row('bob').waitFor();
  await row('carl').waitFor({ state: 'detached' });
});

test('an attempt that fails appears by itself, with what Windows shows and what to do', { skip }, async () => {
  const client = lab.connect();
  await client.up();
  await client.stop();
  await signIn(page, '#/attempts');
  await heading('Attempts').waitFor();
  await page.getByLabel('Find an attempt').fill('mallory');
  await page.getByText('No attempt fits.').waitFor();
  await lab.connect({ user: 'mallory', password: 'x' }).ended();
  await row('mallory')
    .filter({ hasText: /Failed at Authentication[\s\S]*691/ })
    .first()
    .waitFor();
  await page.getByLabel('Find an attempt').fill('');
  await row(USER).first().waitFor();
  await page.getByLabel('Failed only').check();
  await eventually('only failures', async () => {
    const outcomes = await page.locator('td[data-heading="Outcome"]').allInnerTexts();
    return outcomes.length > 0 && outcomes.every((text) => text.includes('Failed'));
  });
  await row('mallory').first().getByRole('link').click();
  await heading('Attempt of mallory').waitFor();
  const main = page.getByRole('main');
  for (const text of [/691/, /What to do/, /Crypto Binding|Authentication/, /SSTP_DUPLEX_POST/, /Configure-Request/]) {
    await main.filter({ hasText: text }).waitFor();
  }
  await page.goBack();
  await heading('Attempts').waitFor();
  assert.ok(await page.getByLabel('Failed only').isChecked());
});

test('certificates: names, days left, and the hash to be copied', { skip }, async () => {
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await signIn(page, '#/certificates');
  const leaf = new X509Certificate(readFileSync(join(lab.data, 'server.pem')));
  await page.getByRole('button', { name: 'Copy the SHA-256 hash' }).click();
  await page.getByText('Copied').waitFor();
  assert.equal(await page.evaluate('navigator.clipboard.readText()'), leaf.fingerprint256);
  const shown = await page.getByRole('main').innerText();
  assert.match(shown, /82\d days left/);
  assert.match(
    shown,
    /Certificate authority of this server[\s\S]*Can issue for\s+198\.18\.0\.1\s+Key\s+Root alone can read it/,
  );
});

for (const [days, words] of [
  [20, 'Ends soon: 20 days left'],
  [1, 'Only 1 day left'],
  [-3, 'Ended 3 days ago: clients refuse it'],
] as const) {
  test(`certificates: with ${days} days left the page says "${words}"`, { skip }, async () => {
    await signIn(page);
    const [first] = (await ask(page, '/v1/certificates')) as object[];
    await page.route('**/v1/certificates', (route) => route.fulfill({ json: [{ ...first, daysLeft: days }] }));
    await page.goto('/#/certificates');
    await page.getByText(words).waitFor();
  });
}

test('health: what the doctor finds, with fixes, and again on request', { skip }, async () => {
  await signIn(page, '#/health');
  await page.getByText(/Clients can connect|problem/).waitFor();
  const { checks } = (await ask(page, '/v1/health')) as HealthView;
  const shown = await page.locator('.checks h2').allTextContents();
  assert.deepEqual(shown.toSorted(), checks.map(({ check }) => check).toSorted());
  assert.ok(checks.length > 10, 'as many as the doctor has');
  // RouterOS without forward secrecy, and the missing IPv6 pool, are the warnings that the defaults leave.
  assert.match(await page.locator('.checks li').first().innerText(), /Warning[\s\S]*Fix: on the router/);
  const asked = page.waitForResponse('**/v1/health');
  await page.getByRole('button', { name: 'Check again' }).click();
  assert.equal((await asked).status(), 200);
});

test('health: whose logins are slowed, by whom; on loopback the address is let pass, and not the name', {
  skip,
}, async () => {
  await page.goto('/');
  const guess = `fetch('/v1/login', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"name":"trudy","password":"wrong"}' }).then(({ status }) => status)`;
  // So many that their tries are not back before the page has asked.
  for (let time = 0; time < 15; time += 1) assert.equal(await page.evaluate(guess), 401);
  await signIn(page, '#/health');
  const slowed = page.locator('li').filter({ hasText: 'trudy' });
  await slowed.getByText(/^administrator, on loopback: 15 failures, 0 logins waiting\.$/).waitFor();
  await slowed.getByRole('button', { name: 'Let pass for 10 minutes' }).click();
  await page.getByText('127.0.0.1 passes for 10 minutes.').waitFor();
  const lifted = page.locator('li').filter({ hasText: '127.0.0.1' });
  await lifted.getByText('Lifted').waitFor();
  assert.match(await server.must(['throttle', 'list']), /\naddress +127\.0\.0\.1 .* lifted for \d+ (s|min)\n/);
});

test('what the server can not do is said in its place', { skip }, async () => {
  await page.route('**/v1/health', (route) =>
    route.fulfill({ status: 500, json: { error: 'ERR_INTERNAL', message: 'internal error, see the log' } }),
  );
  await signIn(page, '#/health');
  await page.getByRole('alert').getByText('Internal error, see the log.').waitFor();
});

test('a session that has ended asks to sign in again, and goes on where it was', { skip }, async () => {
  await signIn(page, '#/certificates');
  await heading('Certificates').waitFor();
  await page.context().clearCookies();
  await page.getByText('Your session has ended.').waitFor();
  await page.getByLabel('Name').fill(ADMIN_NAME);
  await page.getByLabel('Password').fill(ADMIN_PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await heading('Certificates').waitFor();
});

test('signing out ends the session on the server, too', { skip }, async () => {
  await signIn(page);
  const cookies = await page.context().cookies();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('You are signed out.').waitFor();
  await page.context().addCookies(cookies);
  await page.reload();
  await heading('Sign in to sstpd').waitFor();
});

test('another tab that signed in again does not get in the way', { skip }, async () => {
  await without('dora');
  await signIn(page, '#/users');
  // The first one must not ask while there is no session.
  await page.route('**/v1/sessions', (route) => route.fulfill({ json: [] }));
  const other = await page.context().newPage();
  await page.context().clearCookies();
  await signIn(other);
  await page.getByRole('button', { name: 'Add a user' }).click();
  await dialog().getByLabel('Name').fill('dora');
  await dialog().getByRole('button', { name: 'Add' }).click();
  await dialog().getByRole('button', { name: 'Done' }).click();
  await row('dora').waitFor();
});

test('while the server is away the page says so, and goes on when it is back', { skip }, async () => {
  await signIn(page, '#/users');
  await server.stop();
  await page.getByText('The server does not answer.').waitFor();
  server = await lab.serve({ args: ['--workers', '2'] });
  await page.getByText('The server does not answer.').waitFor({ state: 'hidden' });
  await page.getByText('Your session has ended.').waitFor();
});
