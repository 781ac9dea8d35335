import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AttemptView } from '../../../admin/backend.ts';
import { AttemptBook } from '../../../admin/web/attempt-book.js';
import { randomPassword } from '../../../admin/web/random-password.js';
import { hashOf, parseRoute } from '../../../admin/web/route.js';
import { groupsFrom, userPath } from '../../../admin/web/user-parts.js';

const attempt = (id: string, state: AttemptView['state']): AttemptView => ({
  ...{ id, state, peer: '192.0.2.1:5000', startedAt: '2026-01-01T00:00:00.000Z', endedAt: undefined, stage: 'tls' },
  ...{
    correlationId: undefined,
    user: undefined,
    tls: undefined,
    sni: undefined,
    offered: undefined,
    alert: undefined,
  },
  ...{ http: undefined, stages: [], options: [], reason: undefined, explanation: undefined },
});

test('a place and its address are the same thing, whatever the name', () => {
  for (const item of ['ann', 'Zoë 100% #1?/&', '<img src=x onerror=alert(1)>', '..', '\u202e']) {
    const { view, item: read, query } = parseRoute(hashOf('users', item, { user: item }));
    assert.deepEqual([view, read, query.get('user')], ['users', item, item]);
  }
});

test('an address that somebody mistyped leads somewhere', () => {
  assert.deepEqual(
    [parseRoute('').view, parseRoute('#').view, parseRoute('#/').view],
    ['sessions', 'sessions', 'sessions'],
  );
  assert.equal(parseRoute('#/users/%').item, '%');
  assert.equal(parseRoute('#/users?x=1').item, undefined);
});

test('attempts: at first the newest, then the news; one that changes stays where it was', () => {
  const book = new AttemptBook();
  assert.equal(book.query, 'limit=1000');
  book.read({ last: 2, attempts: [attempt('a', 'under-way'), attempt('b', 'failed')] });
  assert.equal(book.query, 'after=2');
  book.read({ last: 3, attempts: [attempt('a', 'failed')] });
  assert.deepEqual(
    book.newestFirst.map(({ id, state }) => `${id} ${state}`),
    ['b failed', 'a failed'],
  );
});

test('attempts: a server that was started anew is asked for all it has', () => {
  const book = new AttemptBook();
  book.read({ last: 9, attempts: [attempt('a', 'failed')] });
  book.read({ last: 1, attempts: [] });
  assert.deepEqual([book.newestFirst, book.query, book.isRead], [[], 'limit=1000', false]);
});

test('attempts: no more are kept than a server keeps', () => {
  const book = new AttemptBook();
  const many = Array.from({ length: 1500 }, (_, index) => attempt(String(index), 'failed'));
  book.read({ last: 1500, attempts: many });
  assert.equal(book.newestFirst.length, 1000);
  assert.equal(book.newestFirst[0]?.id, '1499');
});

test('a random password has four groups of four characters that are not mistaken for one another', () => {
  const passwords = Array.from({ length: 200 }, randomPassword);
  for (const password of passwords) assert.match(password, /^([a-hjkmnp-z2-9]{4}-){3}[a-hjkmnp-z2-9]{4}$/);
  assert.equal(new Set(passwords).size, 200);
});

test('names of groups stand between commas or spaces, none twice; a name in a path is one part of it', () => {
  assert.deepEqual(groupsFrom(' staff, berlin  staff,,'), ['staff', 'berlin']);
  assert.deepEqual(groupsFrom('  '), []);
  assert.equal(userPath('a/b?c#d'), '/v1/users/a%2Fb%3Fc%23d');
});
