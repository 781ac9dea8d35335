import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PortalCookies, SESSION_MS } from '../../../admin/portal/cookies.ts';
import { userNames } from '../../profile/facts.ts';

const KEY = Buffer.alloc(32, 7);
const USER = { name: 'ann', version: 'v1' };

test('a cookie names its user for half an hour', () => {
  let now = 1_700_000_000_000;
  const cookies = new PortalCookies(KEY, () => now);
  const cookie = cookies.session(USER);
  assert.match(cookie, /^[\w.-]+$/);
  assert.deepEqual(cookies.userOf(cookie), USER);
  assert.deepEqual(new PortalCookies(KEY, () => now).userOf(cookie), USER);
  now += SESSION_MS - 1;
  assert.deepEqual(cookies.userOf(cookie), USER);
  now += 1;
  assert.equal(cookies.userOf(cookie), undefined);
});

test('any name that a user may have comes back, the longest too', () => {
  const cookies = new PortalCookies(KEY);
  for (const name of ['中'.repeat(64), '\u{1f600}'.repeat(32)]) {
    assert.equal(cookies.userOf(cookies.session({ name, version: 'x'.repeat(22) }))?.name, name);
  }
  fc.assert(
    fc.property(userNames, (name) => assert.equal(cookies.userOf(cookies.session({ name, version: 'v' }))?.name, name)),
  );
});

test('a cookie with another key, another byte, or nothing of the kind is nobody', () => {
  const cookies = new PortalCookies(KEY);
  const cookie = cookies.session(USER);
  assert.equal(new PortalCookies(Buffer.alloc(32, 8)).userOf(cookie), undefined);
  for (let at = 0; at < cookie.length; at += 1) {
    const other = cookie[at] === 'A' ? 'B' : 'A';
    assert.equal(cookies.userOf(cookie.slice(0, at) + other + cookie.slice(at + 1)), undefined, String(at));
    assert.equal(cookies.userOf(cookie.slice(0, at)), undefined, String(at));
  }
  for (const text of [undefined, '', '...', 'a.b.c.d', `${cookie} `, `${cookie}\n`, 'x'.repeat(100_000)]) {
    assert.equal(cookies.userOf(text), undefined);
  }
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => assert.equal(cookies.userOf(text), undefined)));
});

test('a form goes with the seed and the session that it was made for, and is no session', () => {
  const cookies = new PortalCookies(KEY);
  const [seed, other] = [cookies.newFormSeed(), cookies.newFormSeed()];
  assert.ok(cookies.isFormSeed(seed) && seed !== other);
  const token = cookies.formToken(seed, undefined);
  assert.equal(cookies.isFormToken(token, seed, undefined), true);
  assert.equal(cookies.isFormToken(token, other, undefined), false);
  assert.equal(cookies.isFormToken(token, seed, cookies.session(USER)), false);
  assert.equal(cookies.isFormToken('', seed, undefined), false);
  assert.equal(cookies.isFormToken('ä'.repeat(43), seed, undefined), false);
  for (const bad of [undefined, '', 'x'.repeat(21), `${'x'.repeat(21)};`]) assert.equal(cookies.isFormSeed(bad), false);
});
