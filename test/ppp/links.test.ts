import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type AuthMethod, methodRows } from '../../ppp/index.ts';
import { LEASE, LinkPair } from './support.ts';

const METHODS: readonly AuthMethod[] = ['mschapv2', 'chap', 'pap'];

for (const method of METHODS) {
  test(`server and client come up with ${method}, without waiting for a timer`, () => {
    const pair = new LinkPair({ server: { authMethods: methodRows([method]) }, latencyMs: 10 });
    pair.run(10_000, () => pair.isUp && pair.names('client').includes('ipv6-up'));
    assert.ok(pair.isUp);
    assert.ok(pair.now <= 140, `${pair.now} ms`);
    const up = pair.clientActions.find((action) => action.kind === 'ipv4-up');
    assert.deepEqual(up, {
      kind: 'ipv4-up',
      address: LEASE.ipv4.address,
      serverAddress: LEASE.ipv4.serverAddress,
      dns: LEASE.ipv4.dns,
    });
    const ipv6 = pair.clientActions.find((action) => action.kind === 'ipv6-up');
    assert.deepEqual(ipv6?.interfaceId, LEASE.interfaceId);
    assert.deepEqual(ipv6?.serverInterfaceId, LEASE.serverInterfaceId);
    const [ours, theirs] = [pair.serverActions, pair.clientActions].map((actions) =>
      actions.find((action) => action.kind === 'authenticated'),
    );
    assert.deepEqual(ours?.innerAuth, theirs?.innerAuth);
    assert.equal(ours?.innerAuth.kind, method === 'mschapv2' ? 'keys' : 'no-keys');
  });
}

// A copy that comes while the answer is under way makes an open peer start anew (RFC 1661 §4.1), and a second Challenge
// makes pppd forget the Response that our Success belongs to.
test('on a slow path nothing is sent twice to a peer that has spoken', () => {
  for (let latencyMs = 0; latencyMs < 1500; latencyMs += 50) {
    for (const authMethod of METHODS) {
      const pair = new LinkPair({ server: { authMethods: methodRows([authMethod]) }, latencyMs });
      pair.run(100_000, () => pair.isUp && pair.names('client').includes('ipv6-up'));
      const what = `${authMethod} ${latencyMs} ms: ${pair.names('server').join(' ')}`;
      assert.ok(pair.isUp, what);
      assert.ok(pair.now <= 14 * latencyMs + 1000, `${what} took ${pair.now} ms`);
      for (const kind of ['lcp-opened', 'authenticated', 'ipv4-up', 'ipv6-up'] as const) {
        assert.equal(pair.names('server').filter((name) => name === kind).length, 1, what);
      }
      const challenges = pair.frames.filter(([, way, frame]) => way === '<' && frame.startsWith('ff03c22301'));
      assert.equal(challenges.length, authMethod === 'pap' ? 0 : 1, what);
    }
  }
});

const disturbance = fc.array(
  fc.tuple(
    fc.nat({ max: 40 }),
    fc.oneof(fc.constant([]), fc.tuple(fc.nat({ max: 4000 })), fc.tuple(fc.nat({ max: 4000 }), fc.nat({ max: 4000 }))),
  ),
  { maxLength: 8 },
);

test('any loss, delay and duplication in order ends in an open link (RFC 1661 §4)', () => {
  fc.assert(
    fc.property(disturbance, fc.constantFrom(...METHODS), fc.boolean(), (plan, method, ipv6) => {
      const changes = new Map<number, readonly number[]>(plan);
      const disturb = (index: number) => changes.get(index);
      const pair = new LinkPair({ server: { authMethods: methodRows([method]), ipv6 }, keepsOrder: true, disturb });
      pair.run(200_000);
      assert.ok(pair.isUp, `${pair.names('server').join(' ')} / ${pair.names('client').join(' ')}`);
    }),
    { numRuns: 300 },
  );
});

// RFC 1661 needs a link that keeps frames in order. Without that an authentication may fail, but nothing may hang.
test('reordering ends in an open link or in one that is down at both ends', () => {
  fc.assert(
    fc.property(disturbance, fc.constantFrom(...METHODS), (plan, method) => {
      const changes = new Map<number, readonly number[]>(plan);
      const pair = new LinkPair({
        server: { authMethods: methodRows([method]) },
        disturb: (index) => changes.get(index),
      });
      pair.run(400_000);
      const isDown = pair.server.phase === 'Dead' && pair.client.phase === 'Dead';
      assert.ok(pair.isUp || isDown, `${pair.names('server').join(' ')} / ${pair.names('client').join(' ')}`);
    }),
    { numRuns: 300 },
  );
});
