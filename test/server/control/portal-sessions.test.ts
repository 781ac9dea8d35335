import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PortalSessions } from '../../../server/control/portal-sessions.ts';
import { SIGNED_IN_MS } from '../../../server/site/index.ts';

const ANN = { name: 'Ann', version: 'v1' };

function newSessions(): { readonly sessions: PortalSessions; pass(ms: number): void } {
  let now = 0;
  const sessions = new PortalSessions({ now: () => now });
  return {
    sessions,
    pass: (ms) => {
      now += ms;
    },
  };
}

test('a session is there until its time is over, or it is ended', () => {
  const { sessions, pass } = newSessions();
  const [one, other] = [sessions.begin(ANN), sessions.begin(ANN)];
  assert.match(one, /^[\w-]{43}$/);
  sessions.end(one);
  assert.equal(sessions.find(one), undefined);
  const { name, version } = sessions.find(other) ?? {};
  assert.deepEqual({ name, version }, ANN);
  pass(SIGNED_IN_MS - 1);
  assert.ok(sessions.find(other));
  pass(1);
  assert.equal(sessions.find(other), undefined);
  sessions.begin({ name: 'bob', version: 'v' });
  assert.equal(sessions.count, 1, 'what is over takes no room');
});

test('of one user there are 16, however the name is spelt; the oldest gives way, and nobody else does', () => {
  const { sessions } = newSessions();
  const bob = sessions.begin({ name: 'bob', version: 'v' });
  const all = Array.from({ length: 1_000 }, (_, i) => sessions.begin({ ...ANN, name: i % 2 === 0 ? 'ann' : 'ANN' }));
  assert.equal(sessions.count, 17);
  assert.ok(sessions.find(bob));
  assert.deepEqual(
    all.filter((id) => sessions.find(id) !== undefined),
    all.slice(-16),
  );
});
