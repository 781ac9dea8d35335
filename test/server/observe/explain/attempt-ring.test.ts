import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AttemptView } from '../../../../admin/index.ts';
import { AttemptRing } from '../../../../server/observe/explain/attempt-ring.ts';

function view(id: string, more: Partial<AttemptView> = {}): AttemptView {
  return {
    id,
    correlationId: undefined,
    peer: '192.0.2.7:50000',
    startedAt: '2026-01-01T00:00:00.000Z',
    endedAt: undefined,
    state: 'failed',
    user: undefined,
    tls: undefined,
    sni: undefined,
    offered: undefined,
    alert: undefined,
    http: undefined,
    stage: 'tls',
    stages: [],
    options: [],
    reason: undefined,
    explanation: undefined,
    ...more,
  };
}

const ids = (ring: AttemptRing): string[] => ring.list({}).attempts.map(({ id }) => id);

test('the oldest is forgotten first, in all and of each address', () => {
  const ring = new AttemptRing({ most: 4, mostPerPeer: 2 });
  for (const id of ['a', 'b', 'c']) ring.put(view(id));
  assert.deepEqual(ids(ring), ['b', 'c']);
  for (const [id, peer] of [
    ['d', '192.0.2.8:1'],
    ['e', '[2001:db8::1]:1'],
    ['f', '[2001:db8::1]:2'],
  ] as const) {
    ring.put(view(id, { peer }));
  }
  assert.deepEqual(ids(ring), ['c', 'd', 'e', 'f']);
});

test('of one address are all that come from it, whatever the port, and those without one', () => {
  for (const [first, second, third, other] of [
    ['192.0.2.7:1', '192.0.2.7:65535', '192.0.2.7', '192.0.2.70'],
    ['[2001:db8::7]:1', '2001:db8::7', '[2001:db8::7]:443', '2001:db8:0:1::7'],
    // A machine has all addresses of its /64, and a mapped address is the address.
    ['[2001:db8::7]:1', '[2001:db8::dead:beef]:1', '2001:db8::ffff:0:0:1', '[2001:db8:0:1::7]:1'],
    ['192.0.2.7:1', '[::ffff:192.0.2.7]:1', '::ffff:c000:207', '[::ffff:192.0.2.8]:1'],
  ] as const) {
    const ring = new AttemptRing({ most: 10, mostPerPeer: 2 });
    for (const [id, peer] of [first, other, second, third].entries()) ring.put(view(String(id), { peer }));
    assert.deepEqual(ids(ring), ['1', '2', '3']);
  }
});

test('the record of a session that is up outlives failures', () => {
  const ring = new AttemptRing({ most: 10, mostPerPeer: 2 });
  ring.put(view('up', { state: 'up' }));
  for (const id of ['b', 'c', 'd']) ring.put(view(id));
  assert.deepEqual(ids(ring), ['up', 'd']);
});

test('news of an attempt replaces what was known, in its place, and comes with the next list', () => {
  const ring = new AttemptRing({ most: 10, mostPerPeer: 10 });
  ring.put(view('a', { state: 'under-way' }));
  ring.put(view('b'));
  const { last } = ring.list({});
  assert.deepEqual(ring.list({ after: last }).attempts, []);
  ring.put(view('a', { state: 'up' }));
  assert.deepEqual(ids(ring), ['a', 'b']);
  assert.deepEqual(
    ring.list({ after: last }).attempts.map(({ id, state }) => [id, state]),
    [['a', 'up']],
  );
});

test('an id that comes again is another attempt', () => {
  const ring = new AttemptRing({ most: 10, mostPerPeer: 10 });
  ring.put(view('a'));
  ring.put(view('b'));
  ring.put(view('a', { startedAt: '2026-01-02T00:00:00.000Z' }));
  assert.deepEqual(ids(ring), ['b', 'a']);
});

test('found by id, or by correlation id however it is written; by user without regard to case', () => {
  const ring = new AttemptRing({ most: 10, mostPerPeer: 10 });
  ring.put(view('0011aabb', { correlationId: '{48B82435-099A-4158-A987-052E7570CFAA}', user: 'Ann' }));
  ring.put(view('0022aabb', { correlationId: '46649A51-9601-AEDC-25A63085' }));
  assert.equal(ring.find('0011AABB')?.id, '0011aabb');
  assert.equal(ring.find('48b82435-099a-4158-a987-052e7570cfaa')?.id, '0011aabb');
  assert.equal(ring.find('{46649A51-9601-AEDC-25A63085}')?.id, '0022aabb');
  assert.equal(ring.find('nothing'), undefined);
  assert.deepEqual(ring.list({ user: 'aNN' }).attempts.length, 1);
  assert.deepEqual(
    ring.list({ limit: 1 }).attempts.map(({ id }) => id),
    ['0022aabb'],
  );
});

test('never more than allowed, whoever comes', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(30), fc.boolean())), (puts) => {
      const ring = new AttemptRing({ most: 8, mostPerPeer: 3 });
      for (const [id, isUp] of puts) {
        ring.put(view(String(id), { peer: `192.0.2.${id % 4}:1`, state: isUp ? 'up' : 'failed' }));
        assert.ok(ring.size <= 8);
        for (let i = 0; i <= 3; i++) {
          const ofPeer = ring.list({}).attempts.filter((one) => one.peer === `192.0.2.${i}:1`);
          assert.ok(ofPeer.length <= 3);
        }
      }
    }),
  );
});
