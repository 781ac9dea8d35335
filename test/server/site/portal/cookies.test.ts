import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PortalCookies, SIGNED_IN_MS } from '../../../../server/site/portal/cookies.ts';

const KEY = Buffer.alloc(32, 7);
const ID = `${'Ab-_'.repeat(10)}xyz`;

test('a cookie holds the id of its session for half an hour', () => {
  let now = 1_700_000_000_000;
  const cookies = new PortalCookies(KEY, () => now);
  const cookie = cookies.session(ID);
  assert.match(cookie, /^[\w.-]+$/);
  assert.equal(cookies.sessionOf(cookie), ID);
  assert.equal(new PortalCookies(KEY, () => now).sessionOf(cookie), ID);
  now += SIGNED_IN_MS - 1;
  assert.equal(cookies.sessionOf(cookie), ID);
  now += 1;
  assert.equal(cookies.sessionOf(cookie), undefined);
});

test('a cookie with another key, another byte, or nothing of the kind is nobody', () => {
  const cookies = new PortalCookies(KEY);
  const cookie = cookies.session(ID);
  assert.equal(new PortalCookies(Buffer.alloc(32, 8)).sessionOf(cookie), undefined);
  for (let at = 0; at < cookie.length; at += 1) {
    const other = cookie[at] === 'A' ? 'B' : 'A';
    assert.equal(cookies.sessionOf(cookie.slice(0, at) + other + cookie.slice(at + 1)), undefined, String(at));
    assert.equal(cookies.sessionOf(cookie.slice(0, at)), undefined, String(at));
  }
  for (const text of [undefined, '', '...', 'a.b.c.d', `${cookie} `, `${cookie}\n`, 'x'.repeat(100_000)]) {
    assert.equal(cookies.sessionOf(text), undefined);
  }
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => assert.equal(cookies.sessionOf(text), undefined)));
});

test('a form goes with the seed and the session that it was made for, and is no session', () => {
  const cookies = new PortalCookies(KEY);
  const [seed, other] = [cookies.newFormSeed(), cookies.newFormSeed()];
  assert.ok(cookies.isFormSeed(seed) && seed !== other);
  const token = cookies.formToken(seed, undefined);
  assert.equal(cookies.isFormToken(token, seed, undefined), true);
  assert.equal(cookies.isFormToken(token, other, undefined), false);
  assert.equal(cookies.isFormToken(token, seed, cookies.session(ID)), false);
  assert.equal(cookies.isFormToken('', seed, undefined), false);
  assert.equal(cookies.isFormToken('ä'.repeat(43), seed, undefined), false);
  for (const bad of [undefined, '', 'x'.repeat(21), `${'x'.repeat(21)};`]) assert.equal(cookies.isFormSeed(bad), false);
});
