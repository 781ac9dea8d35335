import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EVERYBODY, sourceKey, UpstreamPlaces } from '../../../server/site/upstream-places.ts';

const OPTIONS = { most: 4, mostPerSource: 2, mostWaiting: 8, mostWaitingPerSource: 4 };

test('a source has no more than its share, and who waits is served in turn, one of each source', () => {
  const places = new UpstreamPlaces(OPTIONS);
  const order: string[] = [];
  const enter = (key: string) => places.enter(key, () => order.push(key));
  const leaves = ['a', 'a', 'a', 'a', 'b', 'b', 'b', 'c', 'd'].map(enter);
  assert.deepEqual(order, ['a', 'a', 'b', 'b']);
  leaves[0]?.();
  leaves[0]?.();
  leaves[1]?.();
  leaves[4]?.();
  assert.deepEqual(order.slice(4), ['c', 'd', 'a'], 'the first free place goes to who has waited for longest');
});

test('too many that wait, of one source or in all, are turned away', () => {
  const places = new UpstreamPlaces(OPTIONS);
  const kinds = (key: string, count: number) =>
    Array.from({ length: count }, () => (places.enter(key, () => {}) === undefined ? 'no' : 'yes'));
  assert.deepEqual(kinds('a', 8), ['yes', 'yes', 'yes', 'yes', 'yes', 'yes', 'no', 'no']);
  assert.deepEqual(kinds('b', 8), ['yes', 'yes', 'yes', 'yes', 'yes', 'yes', 'no', 'no']);
  assert.deepEqual(kinds('c', 1), ['no']);
});

test('where all have one address, one has all places', () => {
  const places = new UpstreamPlaces(OPTIONS);
  let inside = 0;
  for (let i = 0; i < 6; i++) places.enter(EVERYBODY, () => inside++);
  assert.equal(inside, 4);
  assert.deepEqual([undefined, '127.0.0.1', '::1'].map(sourceKey), [EVERYBODY, EVERYBODY, EVERYBODY]);
  assert.equal(sourceKey('2001:db8::1'), sourceKey('2001:db8::2'));
  assert.notEqual(sourceKey('2001:db8::1'), sourceKey('2001:db8:0:1::1'));
});

test('in any order of coming and leaving no place is lost, and none is taken twice', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(4), fc.nat(100)), { maxLength: 200 }), (steps) => {
      const places = new UpstreamPlaces(OPTIONS);
      const visits: { key: string; inside: boolean; leave: (() => void) | undefined }[] = [];
      for (const [comes, source, which] of steps) {
        if (comes) {
          const visit = { key: String(source + 1), inside: false, leave: undefined as (() => void) | undefined };
          visits.push(visit);
          visit.leave = places.enter(visit.key, () => {
            visit.inside = true;
          });
        } else {
          const visit = visits[which % (visits.length || 1)];
          if (visit !== undefined) visit.inside = false;
          visit?.leave?.();
        }
        const inside = visits.filter((visit) => visit.inside);
        assert.ok(inside.length <= OPTIONS.most);
        for (const group of Map.groupBy(inside, ({ key }) => key).values()) assert.ok(group.length <= 2);
      }
      for (const visit of visits) visit.leave?.();
      let free = 0;
      for (let i = 0; i < 4; i++) places.enter(String(i), () => free++);
      assert.equal(free, 4);
    }),
  );
});
