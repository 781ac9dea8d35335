import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Admission, type Ticket } from '../../server/admission.ts';

const limits = { connections: 10, unauthenticated: 6, unauthenticatedPerAddress: 2 };

test('the third unauthenticated connection of an address is told which limit it met, the fifth is not accepted', () => {
  const admission = new Admission(limits);
  const refusals = [1, 2, 3, 4].map(() => admission.open('192.0.2.1')?.refusal);
  assert.deepEqual(refusals, [undefined, undefined, 'unauthenticatedPerAddress', 'unauthenticatedPerAddress']);
  assert.equal(admission.open('192.0.2.1'), undefined);
  assert.equal(admission.open('192.0.2.2')?.refusal, undefined);
});

test('an authenticated connection no longer counts against its address', () => {
  const admission = new Admission(limits);
  for (let i = 0; i < 5; i++) {
    const ticket = admission.open('192.0.2.1');
    assert.equal(ticket?.refusal, undefined);
    ticket?.authenticated();
  }
  assert.equal(admission.unauthenticated, 0);
  assert.equal(admission.connections, 5);
});

test('IPv6 addresses of one /64 are one source, an IPv4-mapped address is its IPv4 address', () => {
  const admission = new Admission(limits);
  admission.open('2001:db8::1');
  admission.open('2001:db8::2');
  assert.equal(admission.open('2001:db8::3')?.refusal, 'unauthenticatedPerAddress');
  assert.equal(admission.open('2001:db8:0:1::3')?.refusal, undefined);
  admission.open('::ffff:192.0.2.9');
  admission.open('192.0.2.9');
  assert.equal(admission.open('192.0.2.9')?.refusal, 'unauthenticated');
});

test('limits in all are reported before those of an address', () => {
  const admission = new Admission(limits);
  for (let i = 0; i < 6; i++) admission.open(`192.0.2.${i}`);
  assert.equal(admission.open('192.0.2.99')?.refusal, 'unauthenticated');
});

test('any order of opening, authenticating and closing (each also twice) ends with empty counts', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(3), fc.nat(2), fc.nat(20))), (steps) => {
      const admission = new Admission(limits);
      const tickets: Ticket[] = [];
      for (const [address, action, which] of steps) {
        const ticket = action === 0 ? admission.open(`10.0.0.${address}`) : tickets[which % (tickets.length || 1)];
        if (ticket === undefined) continue;
        if (action === 0) tickets.push(ticket);
        if (action === 1) ticket.authenticated();
        if (action === 2) ticket.close();
      }
      for (const ticket of tickets) {
        ticket.close();
        ticket.close();
        ticket.authenticated();
      }
      assert.equal(admission.connections, 0);
      assert.equal(admission.unauthenticated, 0);
      assert.equal(admission.open('10.0.0.1')?.refusal, undefined);
    }),
  );
});
