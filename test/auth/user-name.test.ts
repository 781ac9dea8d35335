import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkUserName, nameCandidates } from '../../auth/user-name.ts';

test('names of people and devices are taken', () => {
  for (const name of [
    'a',
    'alice',
    'Alice Liddell',
    'alice@example.com',
    'Zoë',
    'Ἀλίκη',
    '愛麗絲',
    'x'.repeat(64),
    'a.b-c_d$1',
  ]) {
    assert.doesNotThrow(() => checkUserName(name), name);
  }
});

const REFUSED: readonly (readonly [name: string, rule: RegExp])[] = [
  ['', /^a user name must not be empty$/],
  ['x'.repeat(65), /^a user name has at most 64 characters, this one has 65$/],
  [' alice', /must not begin or end with a space$/],
  ['alice ', /must not begin or end with a space$/],
  ['alice\u00a0', /must not begin or end with a space$/],
  ['ali\nce', /control characters$/],
  ['ali\0ce', /control characters$/],
  ['ali\u007fce', /control characters$/],
  ['ali\u0085ce', /control characters$/],
  ['ali\u2028ce', /control characters$/],
  ['ali\u202ece', /control characters$/],
  ['ali\ud800ce', /control characters$/],
  ...[...'\\/"[]:;|=,+*?<>'].map((reserved) => [`ali${reserved}ce`, /must not contain any of/] as const),
];

for (const [name, rule] of REFUSED) {
  test(`the name ${JSON.stringify(name.slice(0, 10))} is refused with one line`, () => {
    assert.throws(() => checkUserName(name), { name: 'UserStoreError', code: 'ERR_USER_NAME', message: rule });
  });
}

test('a name from the wire may mean itself, itself without domain, itself without domain and realm', () => {
  assert.deepEqual(nameCandidates('Alice'), ['alice', 'alice', 'alice']);
  assert.deepEqual(nameCandidates('CORP\\Alice'), ['corp\\alice', 'alice', 'alice']);
  assert.deepEqual(nameCandidates('Alice@corp.example'), ['alice@corp.example', 'alice@corp.example', 'alice']);
  assert.deepEqual(nameCandidates('CORP\\Alice@corp'), ['corp\\alice@corp', 'alice@corp', 'alice']);
  assert.deepEqual(nameCandidates('a@b@c'), ['a@b@c', 'a@b@c', 'a@b']);
  assert.deepEqual(nameCandidates('@corp'), ['@corp', '@corp', '@corp']);
  assert.deepEqual(nameCandidates(''), ['', '', '']);
});

test('a name as long as a packet costs no more than one of 256 characters', () => {
  for (const candidate of nameCandidates('A'.repeat(100_000))) assert.equal(candidate.length, 256);
});
