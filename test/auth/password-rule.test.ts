import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ntPasswordHash } from '../../auth/mschapv2.ts';
import { checkNewPassword, strengthOf } from '../../auth/password-rule.ts';
import { randomPassword } from '../../auth/random-password.ts';

const strengthOfNew = (password: string, name = 'alice') => checkNewPassword(password, { name, weak: true });

const SHORT = / it has \d characters?, and 10 are the least$/;
const ROW = / it is a row of keys or a repetition$/;
const REPEATED = / it is a repetition of something short$/;
const COMMON = / it is one of those that guessers try first$/;
const DATE = / it is little more than a date$/;
const NAME = / it is little more than the name of the user$/;

for (const [password, why] of [
  ['a', SHORT],
  ['k7xq-92mz', SHORT],
  ['пароль-9x', SHORT],
  ['😀😃😄😁😆😅😂🤣😊', SHORT],
  ['1234567890', ROW],
  ['0987654321', ROW],
  ['aaaaaaaaaaaaaaaaaaaa', ROW],
  ['          ', ROW],
  ['abcdefghijkl', ROW],
  ['QWERTYuiop', ROW],
  ['qwerty12345', ROW],
  ['abcabcabcabc', ROW],
  ['йцукенгшщз', ROW],
  ['123456654321', ROW],
  ['k7xq92k7xq92', REPEATED],
  ['passwordPASSWORD', REPEATED],
  ['password12', COMMON],
  ['Password123!', COMMON],
  ['P@$$w0rd2024!', COMMON],
  ['p4ssw0rd1!', COMMON],
  ['administrator', COMMON],
  ['changeme123', COMMON],
  ['letmein!!!', COMMON],
  ['Summer2026!', COMMON],
  ['$ummer2026', COMMON],
  ['2026Winter', COMMON],
  ['basketball', COMMON],
  ['1q2w3e4r5t', COMMON],
  ['1qaz2wsx3edc', COMMON],
  ['vpnpassword', COMMON],
  ['mypassword1', COMMON],
  ['Welcome@123', COMMON],
  ['пароль12345', COMMON],
  ['alice12345', NAME],
  ['Alice-2026', NAME],
  ['2026!ALICE', NAME],
  ['alicealice1', NAME],
  ['alice-alice', NAME],
  ['Alice&Alice&ALICE!', NAME],
  ['alice2024-11-30', DATE],
  ['𝐚𝐥𝐢𝐜𝐞𝟏𝟐𝟑𝟒𝟓', NAME],
  ['password1password', REPEATED],
  ['Summer-summer-7', REPEATED],
  ['k7xq92-k7xq92', REPEATED],
  ['1k7xq92k7xq92', REPEATED],
  ['k7x-k7x-k7x-k7x', ROW],
  ['ﷺﷺﷺﷺﷺﷺﷺﷺﷺﷺ', REPEATED],
  ['administrator1administrator', COMMON],
  ['𝐩𝐚𝐬𝐬𝐰𝐨𝐫𝐝𝟏𝟐', COMMON],
  ['ｐａｓｓｗｏｒｄ１２', COMMON],
  ['password30.11.2024', COMMON],
  ['2024-11-30', DATE],
  ['30.11.2024', DATE],
  ['11/30/2024', DATE],
  ['1999 1 31!', DATE],
  ['20241130!!', DATE],
  ['30.11.24!!', DATE],
  ['30nov2024x', DATE],
  ['November 30, 2024', DATE],
  ['2024-11-302025-12-01', DATE],
  ['2024年11月30日', DATE],
] as const) {
  test(`'${password}' is weak: ${why.source}`, () => {
    assert.throws(() => checkNewPassword(password, { name: 'alice' }), {
      name: 'UserStoreError',
      code: 'ERR_USER_PASSWORD_WEAK',
      message: why,
    });
    assert.equal(strengthOfNew(password), 'weak');
    assert.equal(strengthOf({ ntHash: ntPasswordHash(password), password }, 'alice'), 'weak');
  });
}

for (const password of [
  'white rabbit',
  'the mad hatter',
  'correct horse battery staple',
  'Hx7!kq2Vb9',
  'ninja-turtle',
  'blue42mountain',
  'зелёный кролик',
  '田中さんの猫は黒い犬',
  'alice k7xq92mz',
  'tomato potato',
  'k7xq-2024-11-30-92mz',
  'Hx7!kq1999Vb',
  'Hx7!kq2Vb9Hx7!',
]) {
  test(`'${password}' is taken`, () => assert.equal(checkNewPassword(password, { name: 'alice' }), 'strong'));
}

test('characters count, not code units: ten outside the BMP are enough', () => {
  assert.equal(checkNewPassword('😀🐇🎩🫖🃏👑🐱🌹🦩🕰', { name: 'alice' }), 'strong');
});

test('letters of another look count as they are: ten are enough, nine are not', () => {
  assert.equal(checkNewPassword('𝐤𝟕𝐱𝐪𝟗𝟐𝐦𝐳𝐛𝟒', { name: 'alice' }), 'strong');
  assert.throws(() => checkNewPassword('ﬃ7xq92mzb', { name: 'alice' }), { message: SHORT });
});

test('the longest passwords get a verdict too', () => {
  for (const password of [`${'ab1'.repeat(85)}x`, '2024-11-30'.repeat(25), '1'.repeat(256)]) {
    assert.equal(strengthOfNew(password, 'b'.repeat(64)), 'weak');
  }
});

test('what no user can have is refused also where a weak one is taken', () => {
  for (const password of [
    '',
    'x'.repeat(257),
    'lone \ud800 half',
    'nul in the \0 middle',
    'gr\ufffd\ufffde aus Berlin',
    'two\nlines here',
    'tab\tin it all',
  ]) {
    assert.throws(() => strengthOfNew(password), { code: 'ERR_USER_PASSWORD' });
  }
});

test('a random password is never taken for a weak one', () => {
  for (let i = 0; i < 300; i++) assert.equal(checkNewPassword(randomPassword(), { name: 'vpn' }), 'strong');
});

test('any text gets a verdict, whoever it is for', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 256 }), fc.string({ maxLength: 64 }), (password, name) => {
      const secret = { ntHash: ntPasswordHash(password), password };
      assert.ok(['strong', 'weak'].includes(strengthOf(secret, name)));
    }),
  );
});

test('of a hash alone only the common ones are known', () => {
  const ofHash = (password: string) => strengthOf({ ntHash: ntPasswordHash(password), password: undefined }, 'alice');
  assert.equal(ofHash('123456'), 'weak');
  assert.equal(ofHash('qwertyuiop'), 'weak');
  assert.equal(ofHash('white rabbit'), 'unknown');
  assert.equal(ofHash('zq7'), 'unknown');
});
