import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomPassword } from '../../auth/random-password.ts';

test('a random password is four groups of four, of characters that are not mistaken for one another', () => {
  const passwords = Array.from({ length: 200 }, () => randomPassword());
  for (const password of passwords) assert.match(password, /^(?:[a-hjkmnp-z2-9]{4}-){3}[a-hjkmnp-z2-9]{4}$/);
  assert.equal(new Set(passwords).size, passwords.length);
  // 3,200 draws from 31 characters: one that never comes has a chance of 10^-44.
  assert.equal(new Set(passwords.join('').replaceAll('-', '')).size, 31);
});
