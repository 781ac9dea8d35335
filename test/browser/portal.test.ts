/** The user portal in a real browser: its policy, cookies and forms as Chromium takes them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { around } from '../support/around.ts';
import { browserMissing, openBrowser, openPage, type WatchedPage } from '../support/browser.ts';
import type { SstpdServer } from '../support/sstpd-server.ts';
import { PASSWORD, SERVER, USER, VpnLab } from '../support/vpn-lab.ts';

const skip = browserMissing() ?? false;

let lab: VpnLab;
let server: SstpdServer;
let browser: Browser;

around(
  async () => {
    if (skip) return;
    lab = await VpnLab.create();
    server = await lab.serveAnn({ args: ['--workers', '2', '--profile-route', '10.0.0.0/8'] });
    browser = await openBrowser(lab, lab.client());
  },
  async () => {
    await browser?.close();
    await lab?.destroy();
  },
);

function openPortal(options: BrowserContextOptions = {}): Promise<WatchedPage> {
  return openPage(browser, { baseURL: `https://${SERVER}`, ...options });
}

async function signIn(page: Page, password: string = PASSWORD): Promise<void> {
  await page.goto('/portal');
  await page.getByLabel('Name').fill(USER);
  await page.getByLabel('Password').fill(password);
  await page.keyboard.press('Enter');
}

test('a wrong password, the right one, a download, and out again', { skip }, async () => {
  const { page, faults, close } = await openPortal();
  await signIn(page, 'wrong');
  await page.getByRole('alert').getByText('The name or the password is wrong.').waitFor();
  assert.equal(await page.getByLabel('Name').inputValue(), USER);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText(`Signed in as ${USER}`).waitFor();
  assert.equal(new URL(page.url()).pathname, '/portal');
  for (const name of ['setup.ps1', 'sstpd.nmconnection']) {
    const link = page.getByRole('link', { name, exact: name !== 'setup.ps1' });
    const [download] = await Promise.all([page.waitForEvent('download'), link.first().click()]);
    assert.equal(download.suggestedFilename(), name);
    const format = name === 'setup.ps1' ? 'ps1' : 'nm';
    const expected = await server.must(['profile', USER, '--format', format]);
    assert.equal(readFileSync(await download.path(), 'utf8'), expected);
  }
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Password').waitFor();
  await page.goBack();
  await page.reload();
  await page.getByLabel('Password').waitFor();
  assert.deepEqual(faults, []);
  await close();
});

test('the cookie is out of reach of scripts, and another page of this port does not get it', { skip }, async () => {
  const { page, faults, close } = await openPortal();
  await signIn(page);
  await page.getByText(`Signed in as ${USER}`).waitFor();
  assert.equal(await page.evaluate('document.cookie'), '');
  const cookies = await page.context().cookies();
  const names = ['form', 'known', 'user'].map((name) => `__Secure-sstpd-${name}`);
  assert.deepEqual(cookies.map(({ name }) => name).sort(), names);
  const [request] = await Promise.all([page.waitForRequest(`https://${SERVER}/`), page.goto('/')]);
  assert.equal((await request.allHeaders()).cookie, undefined);
  assert.deepEqual(faults, []);
  await close();
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`${colorScheme}, on a phone: nothing sticks out, and each text can be read`, { skip }, async () => {
    const { page, faults, close } = await openPortal({ colorScheme, viewport: { width: 360, height: 740 } });
    await signIn(page);
    await page.getByText(`Signed in as ${USER}`).waitFor();
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 360);
    const contrast = (await page.evaluate(LEAST_CONTRAST)) as number;
    assert.ok(contrast >= 4.5, `contrast ${contrast}`);
    for (const name of ['Windows 10 and 11', 'Linux', 'Android', 'macOS, iPhone and iPad', 'MikroTik RouterOS']) {
      assert.equal(await page.getByRole('region', { name }).count(), 1, name);
    }
    assert.deepEqual(faults, []);
    await close();
  });
}

/** Of each text against what is behind it, WCAG 2.2, 1.4.3. */
const LEAST_CONTRAST = `(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgb = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (color) => {
    const [r, g, b] = rgb(color).map((one) => one / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const { backgroundColor } = getComputedStyle(each);
      if (rgb(backgroundColor)[3] === 255) return backgroundColor;
    }
    return 'white';
  };
  const texts = [...document.body.querySelectorAll('*')].filter((one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
  return Math.min(...texts.map((one) => {
    const [a, b] = [light(getComputedStyle(one).color), light(behind(one))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  }));
})()`;
