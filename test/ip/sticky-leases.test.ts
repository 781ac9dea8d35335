import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { StickyLeases } from '../../ip/sticky-leases.ts';

const FIRST = 10;
const LAST = 15;

/** What may happen to leases, with few enough users, sessions and places that everything collides. */
const step = fc.oneof(
  fc.record({ kind: fc.constant('take'), user: fc.nat(4), session: fc.nat(8), place: fc.constant(0) }),
  fc.record({
    kind: fc.constant('choose'),
    user: fc.nat(4),
    session: fc.nat(8),
    place: fc.integer({ min: 8, max: 17 }),
  }),
  fc.record({
    kind: fc.constant('claim'),
    user: fc.constant(0),
    session: fc.nat(8),
    place: fc.integer({ min: 8, max: 17 }),
  }),
  fc.record({
    kind: fc.constant('release'),
    user: fc.constant(0),
    session: fc.nat(8),
    place: fc.integer({ min: 8, max: 17 }),
  }),
  fc.record({
    kind: fc.constant('block'),
    user: fc.constant(0),
    session: fc.constant(0),
    place: fc.integer({ min: 8, max: 17 }),
  }),
  fc.record({
    kind: fc.constant('unblock'),
    user: fc.constant(0),
    session: fc.constant(0),
    place: fc.integer({ min: 8, max: 17 }),
  }),
  fc.record({
    kind: fc.constant('recall'),
    user: fc.nat(4),
    session: fc.constant(0),
    place: fc.integer({ min: 8, max: 17 }),
  }),
);

/** The plain truth beside the class under test: who holds what, and what is blocked. */
class Model {
  readonly held = new Map<number, string>();
  readonly blocked = new Set<number>();

  placeOf(session: string): number | undefined {
    return [...this.held].find(([, holder]) => holder === session)?.[0];
  }

  give(place: number, session: string): void {
    const before = this.placeOf(session);
    if (before !== undefined) this.held.delete(before);
    this.held.set(place, session);
  }

  isFree(place: number): boolean {
    return place >= FIRST && place <= LAST && !this.held.has(place) && !this.blocked.has(place);
  }

  get free(): number[] {
    return Array.from({ length: LAST - FIRST + 1 }, (_, i) => FIRST + i).filter((place) => this.isFree(place));
  }
}

function apply(leases: StickyLeases, model: Model, kind: string, user: string, session: string, place: number): void {
  switch (kind) {
    case 'take': {
      const own = model.placeOf(session);
      const free = model.free;
      const taken = leases.take(user, session);
      if (own !== undefined) assert.equal(taken, own, 'a session keeps its place');
      else if (free.length === 0) assert.equal(taken, undefined, 'nothing left');
      else assert.ok(taken !== undefined && free.includes(taken), `${taken} is not one of the free ${free}`);
      if (taken !== undefined) model.give(taken, session);
      return;
    }
    case 'choose': {
      const mayBe = model.isFree(place) || model.placeOf(session) === place;
      const isTaken = leases.choose(place, user, session);
      assert.ok(mayBe || !isTaken, `${place} is not to be had`);
      if (isTaken) model.give(place, session);
      return;
    }
    case 'claim': {
      const holder = model.held.get(place);
      const refused = leases.claim(place, session);
      assert.equal(refused, holder === session ? undefined : holder);
      if (refused === undefined) model.give(place, session);
      return;
    }
    case 'release':
      leases.release(place, session);
      if (model.held.get(place) === session) model.held.delete(place);
      return;
    case 'block':
      leases.block(place);
      model.blocked.add(place);
      return;
    case 'unblock':
      leases.unblock(place);
      model.blocked.delete(place);
      return;
    case 'recall':
      leases.recall(user, place);
      return;
    default:
      assert.fail(kind);
  }
}

test('whatever happens: no place is held twice, and a session gets one exactly if one is free', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const leases = new StickyLeases(FIRST, LAST);
      const model = new Model();
      for (const { kind, user, session, place } of steps) {
        apply(leases, model, kind, `user${user}`, `s${session}`, place);
        for (let at = 8; at <= 17; at++) assert.equal(leases.holder(at), model.held.get(at));
        assert.equal(leases.used, [...model.held.keys()].filter((at) => at >= FIRST && at <= LAST).length);
      }
    }),
    { numRuns: 300 },
  );
});

test('whatever happened: after everything is released, every place can be leased again', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const leases = new StickyLeases(FIRST, LAST);
      const model = new Model();
      for (const { kind, user, session, place } of steps) apply(leases, model, kind, `u${user}`, `s${session}`, place);
      for (const [place, session] of model.held) leases.release(place, session);
      for (let at = 8; at <= 17; at++) leases.unblock(at);
      const again = new Set<number | undefined>();
      for (let at = FIRST; at <= LAST; at++) again.add(leases.take('new', `n${at}`));
      assert.deepEqual([...again].sort(), [10, 11, 12, 13, 14, 15]);
      assert.equal(leases.take('new', 'one more'), undefined);
    }),
    { numRuns: 200 },
  );
});

test("a chosen place is free, of the range, not blocked and nobody else's; then it is the user's", () => {
  const leases = new StickyLeases(10, 20);
  leases.recall('ben', 12);
  leases.block(13);
  assert.equal(leases.take('cy', 'c1'), 10);
  for (const place of [9, 21, 0, -1, 2 ** 32, 1.5, 10, 12, 13]) assert.equal(leases.choose(place, 'ann', 'a1'), false);
  assert.equal(leases.choose(15, 'Ann', 'a1'), true);
  assert.equal(leases.holder(15), 'a1');
  assert.equal(leases.choose(15, 'ann', 'a1'), true, 'asked for again');
  assert.equal(leases.choose(16, 'ann', 'a1'), true, 'in the stead of the other');
  assert.equal(leases.holder(15), undefined);
  leases.release(16, 'a1');
  for (const place of [15, 16]) assert.equal(leases.choose(place, 'dee', 'd1'), false, 'it is remembered');
  assert.equal(leases.take('ann', 'a2'), 15);
  assert.equal(leases.choose(12, 'BEN', 'b1'), true, 'its own');
  leases.unblock(13);
  assert.equal(leases.choose(13, 'dee', 'd1'), true);
});

test('order: own place, then never used, then least recently used of nobody, then longest unneeded of somebody', () => {
  const leases = new StickyLeases(1, 4);
  for (const user of ['a', 'b', 'c', 'd']) leases.take(user, user);
  for (const user of ['c', 'a', 'd', 'b']) leases.release(leases.take(user, user) ?? 0, user);
  assert.equal(leases.take('b', 'b2'), 2, "b's own");
  assert.equal(leases.take('e', 'e1'), 3, "c's, released first");
  assert.equal(leases.take('c', 'c2'), 1, "c lost its place; a's was released next");
  leases.block(4);
  assert.equal(leases.take('d', 'd2'), undefined, 'the only free place is blocked');
  leases.unblock(4);
  assert.equal(leases.take('d', 'd2'), 4);
});

test('a place that nobody remembers goes before one that somebody does', () => {
  const leases = new StickyLeases(1, 3);
  leases.recall('a', 1);
  leases.claim(2, 'fixed');
  leases.release(2, 'fixed');
  assert.equal(leases.take('b', 'b'), 3, 'never used');
  assert.equal(leases.take('c', 'c'), 2, 'used, nobody remembers it');
  assert.equal(leases.take('d', 'd'), 1, 'remembered by a');
});

test('two devices of one user come back to the same two places', () => {
  const leases = new StickyLeases(1, 10);
  const first = leases.take('Anna', 's1') ?? assert.fail();
  const second = leases.take('anna', 's2') ?? assert.fail();
  leases.release(first, 's1');
  leases.release(second, 's2');
  leases.take('bert', 's3');
  assert.deepEqual([leases.take('ANNA', 's4'), leases.take('anna', 's5')], [first, second]);
});

test('at most eight places are remembered for one user; the ninth displaces the oldest that is free', () => {
  const leases = new StickyLeases(1, 20);
  for (let i = 1; i <= 9; i++) {
    leases.take('anna', `s${i}`);
    if (i === 8) leases.release(1, 's1');
  }
  // Place 1 was hers and free, so the ninth session got it back: eight places still.
  assert.equal(leases.holder(1), 's9');
  leases.take('anna', 's10');
  assert.equal(leases.holder(9), 's10', 'none of the nine was free: all stay remembered');
  for (const place of [5, 6, 7]) leases.release(place, `s${place}`);
  leases.take('bert', 'b'); // takes 10: never used
  leases.block(5);
  leases.block(6);
  leases.block(7);
  leases.take('anna', 's11'); // her free ones are blocked; 11 is new and 5 is forgotten
  for (const place of [5, 6, 7]) leases.unblock(place);
  assert.deepEqual([leases.take('anna', 's12'), leases.take('anna', 's13')], [6, 7]);
});

test('a place displaced from its user’s memory goes before one that somebody remembers', () => {
  const leases = new StickyLeases(1, 10);
  leases.recall('bert', 10);
  for (let i = 1; i <= 8; i++) leases.take('anna', `s${i}`);
  leases.release(1, 's1');
  leases.block(1);
  leases.take('anna', 's9'); // 9: her ninth place, so 1 is nobody's
  leases.unblock(1);
  leases.release(2, 's2');
  leases.block(2);
  leases.take('anna', 's10'); // 1 again, her ninth: 2 is displaced while blocked
  leases.unblock(2);
  leases.release(3, 's3');
  assert.equal(leases.take('carl', 'c'), 2, 'nobody’s');
  assert.equal(leases.take('dora', 'd'), 10, 'bert’s, free for longest');
});

test('a free place that its user’s ninth displaces is nobody’s at once', () => {
  const leases = new StickyLeases(1, 11);
  for (let place = 1; place <= 11; place++) leases.claim(place, `x${place}`);
  for (let place = 1; place <= 11; place++) leases.release(place, `x${place}`);
  assert.equal(leases.take('dora', 'd'), 1, 'all were used, none is remembered');
  leases.recall('carl', 11);
  for (let place = 2; place <= 10; place++) leases.recall('anna', place); // 2 is displaced
  leases.recall('bert', 3); // without effect: it is hers
  assert.deepEqual([leases.take('bert', 'b1'), leases.take('bert', 'b2')], [2, 11]);
});

test('a lease out of a large range costs no walk through it', () => {
  const leases = new StickyLeases(1, 2 ** 31);
  for (let i = 0; i < 1000; i++) assert.equal(leases.take(`u${i}`, `s${i}`), i + 1);
});
