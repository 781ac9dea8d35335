import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Admission } from '../../../server/admission/admission.ts';
import type { Ticket } from '../../../server/admission/ticket.ts';

function admission(options: { readonly unauthenticated?: number; readonly isKnown?: (place: string) => boolean } = {}) {
  const time = { now: 0 };
  const told: string[] = [];
  const door = new Admission(
    { connections: 100, unauthenticated: options.unauthenticated ?? 8, unauthenticatedPerAddress: 2 },
    {
      clock: { now: () => time.now },
      random: () => 0.999,
      ...(options.isKnown && { isKnown: options.isKnown }),
      observer: {
        pushedOut: (limit, network) => told.push(`pushed out ${limit} ${network}`),
        refused: (limit, network, isDropped) => told.push(`${isDropped ? 'dropped' : 'answered'} ${limit} ${network}`),
      },
    },
  );
  const open = (address: string): Ticket => {
    const ticket = door.open(address);
    return typeof ticket === 'string' ? assert.fail(ticket) : ticket;
  };
  return { door, time, told, open };
}

test('who has to make room is told, also if he asks later', () => {
  const { door, time, told, open } = admission();
  const first = open('192.0.2.1');
  open('192.0.2.1');
  const ends: unknown[] = [];
  first.whenTurnedAway(() => assert.fail('another one asks by now'));
  first.whenTurnedAway((why) => ends.push(why));
  time.now = 3_000;
  open('192.0.2.1');
  first.whenTurnedAway((why) => ends.push(why));
  const why = { limit: 'unauthenticatedPerAddress', kind: 'pushed-out' } as const;
  assert.deepEqual(ends, [why, why]);
  assert.deepEqual(told, ['pushed out unauthenticatedPerAddress 192.0.2.0/24']);
  assert.equal(door.pushedOut.unauthenticatedPerAddress, 1);
  first.close();
  assert.equal(door.connections, 2);
});

test('who is refused gets an answer, as long as few are: then the socket is closed at once', () => {
  const { door, time, open } = admission();
  open('192.0.2.1');
  open('192.0.2.1');
  const answers = Array.from({ length: 50 }, () => door.open('192.0.2.1'));
  const answered = answers.filter((each) => typeof each !== 'string');
  assert.deepEqual([answered.length, answers.at(-1), door.flooded], [40, 'unauthenticatedPerAddress', 10]);
  assert.ok(answered.every(({ refusal }) => refusal === 'unauthenticatedPerAddress'));
  assert.equal(door.connections, 2, 'they take no places');
  // 24 more may be under way at a time, however long nobody came.
  time.now = 2_500;
  const later = Array.from({ length: 50 }, () => door.open('192.0.2.1')).filter((each) => typeof each !== 'string');
  assert.equal(later.length, 24);
  for (const ticket of [...answered, ...answered]) ticket.close();
});

test('a known address is asked about by what a host has to itself', () => {
  const asked: string[] = [];
  const isKnown = (place: string): boolean => asked.push(place) > 0;
  const { open } = admission({ isKnown });
  open('2001:db8:0:7::9');
  open('::ffff:192.0.2.9');
  assert.deepEqual(asked, ['2001:db8:0:7::/64', '192.0.2.9']);
});

test('a ticket that is closed does nothing any more', () => {
  const { door, open } = admission();
  const ticket = open('192.0.2.1');
  ticket.close();
  ticket.authenticated();
  ticket.silent();
  ticket.close();
  assert.deepEqual([door.connections, door.unauthenticated], [0, 0]);
});
