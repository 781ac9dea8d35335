import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AdmissionMachine, type Opening, type Place } from '../../../server/admission/machine.ts';

const LIMITS = { connections: 100, unauthenticated: 16, unauthenticatedPerAddress: 4 };
const LUCKY = 0.999;

class Door {
  readonly machine: AdmissionMachine;
  now = 0;
  lot = LUCKY;

  constructor(limits: Partial<typeof LIMITS> = {}) {
    this.machine = new AdmissionMachine({ ...LIMITS, ...limits });
  }

  try(address: string, options: { readonly isKnown?: boolean; readonly isShared?: boolean } = {}): Opening {
    const { isKnown = false, isShared = false } = options;
    return this.machine.open(address, { isKnown, isShared, lot: this.lot }, this.now);
  }

  open(address: string, options: { readonly isKnown?: boolean; readonly isShared?: boolean } = {}): Place {
    const opening = this.try(address, options);
    return opening.kind === 'admitted' ? opening.place : assert.fail(`${address}: limits.${opening.limit}`);
  }
}

test('at the limit of all, the oldest of the address with most makes room for one that comes for the first time', () => {
  const door = new Door();
  const first = door.open('192.0.2.1');
  for (let i = 2; i <= 9; i++) door.open(`203.0.${i}.1`);
  for (let i = 0; i < 3; i++) door.open('192.0.2.1');
  const opening = door.try('198.51.100.1');
  assert.ok(opening.kind === 'admitted');
  assert.deepEqual([opening.pushedOut?.place, opening.pushedOut?.limit], [first, 'unauthenticated']);
  assert.equal(first.state, 'pushed-out');
  assert.equal(door.machine.unauthenticated, 12);
});

test('a network counts with a quarter of what it holds: forty addresses of a /24 give way, not two of an office', () => {
  const door = new Door({ unauthenticated: 64 });
  for (let i = 0; i < 2; i++) door.open('192.0.2.1');
  for (let i = 0; i < 46; i++) door.open(`203.0.113.${i}`);
  const opening = door.try('198.51.100.1');
  assert.ok(opening.kind === 'admitted');
  assert.equal(opening.pushedOut?.place.address, '203.0.113.0');
});

test('of IPv6 the /64, the /56 and the /48 have limits of their own, which grow', () => {
  const patient = (addresses: readonly string[]): number => {
    const door = new Door({ unauthenticated: 1_000 });
    return addresses.findIndex((address) => door.try(address).kind === 'refused');
  };
  const hex = (n: number): string => n.toString(16);
  const many = Array.from({ length: 40 }, (_, i) => i + 1);
  assert.equal(patient(many.map((i) => `2001:db8::${hex(i)}`)), 4, 'one /64');
  assert.equal(patient(many.map((i) => `2001:db8:0:${hex(i)}::1`)), 8, 'one /56');
  assert.equal(patient(many.map((i) => `2001:db8:0:${hex(i * 256)}::1`)), 16, 'one /48');
  assert.equal(patient(many.map((i) => `2001:db8:${hex(i)}::1`)), -1, 'many /48');
  assert.equal(patient(many.map((i) => `192.0.2.${i}`)), -1, 'one IPv4 /24');
  assert.equal(patient(many.map(() => '::ffff:192.0.2.1')), 4, 'IPv4 as a dual-stack socket shows it');
});

test('an address at its limit is refused while its connections are young, and pushes out its own oldest later', () => {
  const door = new Door();
  const first = door.open('192.0.2.1');
  door.now = 1_000;
  for (let i = 0; i < 3; i++) door.open('192.0.2.1');
  assert.deepEqual(door.try('192.0.2.1'), { kind: 'refused', limit: 'unauthenticatedPerAddress' });
  door.now = 3_000;
  const opening = door.try('192.0.2.1');
  assert.equal(opening.kind === 'admitted' && opening.pushedOut?.place, first);
});

test('an address from which almost nothing logs in turns over faster: a neighbour of a flood gets in', () => {
  const door = new Door();
  for (let i = 0; i < 8; i++) door.machine.close(door.open('192.0.2.1'), door.now);
  for (let i = 0; i < 4; i++) door.open('192.0.2.1');
  door.now = 500;
  door.open('192.0.2.1');
});

test('who has said nothing for too long goes first, whoever has most', () => {
  const door = new Door();
  const silent = door.open('198.51.100.1');
  for (const i of [1, 2, 3]) for (let n = 0; n < 3; n++) door.open(`203.0.${i}.1`);
  door.open('203.0.9.1');
  door.open('203.0.10.1');
  door.machine.silent(silent);
  const opening = door.try('198.51.100.77');
  // A neighbour in the /24 is no first one there; the lot was good.
  assert.equal(opening.kind === 'admitted' && opening.pushedOut?.place, silent);
});

test('a quarter is for known addresses, which strangers can not fill', () => {
  const door = new Door();
  for (let i = 0; i < 12; i++) door.open(`203.0.${i}.1`);
  assert.equal(door.try('198.51.100.1').kind, 'refused', 'strangers with one each, all young');
  for (let i = 0; i < 4; i++) assert.equal(door.try(`192.0.${i}.1`, { isKnown: true }).kind, 'admitted');
  assert.equal(door.machine.unauthenticated, 16);
  assert.equal(door.try('192.0.99.1', { isKnown: true }).kind, 'refused');
});

test('lots are drawn from half full on, only among those who hold one; at the limit all of theirs are blanks', () => {
  const door = new Door({ unauthenticated: 64, unauthenticatedPerAddress: 64 });
  door.lot = 0;
  for (let i = 0; i < 25; i++) door.open('192.0.2.1');
  assert.equal(door.try('192.0.2.1').kind, 'refused');
  assert.equal(door.try('192.0.2.2').kind, 'refused', 'in the /24');
  for (let i = 0; i < 23; i++) door.open(`203.0.${i}.1`);
  assert.equal(door.try('198.51.100.1').kind, 'admitted');
  door.lot = LUCKY;
  assert.equal(door.try('192.0.2.1').kind, 'refused');
});

test('honest clients that all come at once do not push out one another; in a flood the oldest go after half a second', () => {
  const rush = new Door();
  const places = Array.from({ length: 12 }, (_, i) => rush.open(`203.0.${i}.1`));
  for (const place of places.slice(0, 6)) rush.machine.authenticated(place, 0);
  for (let i = 20; i < 26; i++) rush.open(`203.0.${i}.1`);
  rush.now = 2_000;
  assert.equal(rush.try('198.51.100.1').kind, 'refused');
  const flood = new Door();
  for (let i = 0; i < 12; i++) flood.open(`203.0.${i}.1`);
  assert.equal(flood.try('198.51.100.1').kind, 'refused');
  flood.now = 500;
  assert.equal(flood.try('198.51.100.1').kind, 'admitted');
});

test('behind a proxy on this host everybody has one address: it has no limit of its own, and no lots', () => {
  const door = new Door();
  door.lot = 0;
  for (let i = 0; i < 12; i++) door.open('127.0.0.1', { isShared: true });
  assert.equal(door.try('127.0.0.1', { isShared: true }).kind, 'refused');
  door.now = 500;
  assert.equal(door.try('127.0.0.1', { isShared: true }).kind, 'admitted');
});

const actions = fc.array(
  fc.tuple(
    fc.constantFrom('open', 'authenticated', 'close', 'silent', 'wait' as const),
    fc.nat(40),
    fc.nat(60),
    fc.boolean(),
    fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  ),
  { maxLength: 300 },
);

function addressOf(n: number): string {
  return n % 3 === 0 ? `2001:db8:${n % 4}:${n % 8}00::1` : `192.0.${n % 4}.${n}`;
}

test('in any order of events nobody who has logged in is ended, and counts are right', () => {
  fc.assert(
    fc.property(actions, (steps) => {
      const door = new Door({ connections: 24 });
      const places: Place[] = [];
      for (const [what, n, which, isKnown, lot] of steps) {
        const place = places[which % (places.length || 1)];
        door.lot = lot;
        if (what === 'open') {
          const opening = door.try(addressOf(n), { isKnown });
          if (opening.kind === 'admitted') {
            const before = opening.pushedOut?.place;
            assert.ok(before === undefined || (places.includes(before) && before.state === 'pushed-out'));
            places.push(opening.place);
          }
        } else if (what === 'wait') door.now += n * 100;
        else if (place !== undefined && what === 'silent') door.machine.silent(place);
        else if (place !== undefined && what === 'close') door.machine.close(place, door.now);
        else if (place !== undefined && what === 'authenticated') door.machine.authenticated(place, door.now);
        const waiting = places.filter(({ state }) => state === 'waiting').length;
        const inside = places.filter(({ state }) => state === 'authenticated').length;
        assert.deepEqual([door.machine.unauthenticated, door.machine.connections], [waiting, waiting + inside]);
        assert.ok(waiting <= LIMITS.unauthenticated);
      }
      for (const place of places) {
        door.machine.close(place, door.now);
        door.machine.close(place, door.now);
        door.machine.authenticated(place, door.now);
      }
      assert.deepEqual([door.machine.unauthenticated, door.machine.connections], [0, 0]);
    }),
  );
});

test('the first connection of a new network is never refused while a stranger holds two', () => {
  fc.assert(
    fc.property(actions, (steps) => {
      const door = new Door();
      const places: Place[] = [];
      for (const [what, n, which, , lot] of steps) {
        const place = places[which % (places.length || 1)];
        door.lot = lot;
        const opening = what === 'open' ? door.try(addressOf(n)) : undefined;
        if (opening?.kind === 'admitted') places.push(opening.place);
        if (what === 'wait') door.now += n;
        if (place !== undefined && what === 'close') door.machine.close(place, door.now);
        if (place !== undefined && what === 'authenticated') door.machine.authenticated(place, door.now);
        const held = Map.groupBy(
          places.filter(({ state }) => state === 'waiting'),
          ({ address }) => address,
        );
        if (![...held.values()].some((group) => group.length >= 2)) continue;
        door.lot = 0;
        const clean = door.try('198.51.100.9');
        assert.equal(clean.kind, 'admitted');
        if (clean.kind === 'admitted') door.machine.authenticated(clean.place, door.now);
        if (clean.kind === 'admitted') door.machine.close(clean.place, door.now);
      }
    }),
  );
});
