import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ipv6cpClientPolicy, Ipv6cpServerPolicy } from '../../ppp/ipv6cp.ts';
import { constantRandom, hex, seededRandom } from './support.ts';

const CLIENT_ID = hex('0000000000000002');
const SERVER_ID = hex('0000000000000001');
const ZERO = hex('0000000000000000');
const option = (id: Buffer) => ({ type: 'InterfaceIdentifier', id }) as const;

test('the server insists on the identifier that it chose for the client (RFC 5072 §4.1)', () => {
  const policy = new Ipv6cpServerPolicy(CLIENT_ID, SERVER_ID);
  assert.deepEqual(policy.judge(option(CLIENT_ID)), { kind: 'ack' });
  for (const id of [ZERO, SERVER_ID, hex('02005efffe005301')]) {
    assert.deepEqual(policy.judge(option(id)), { kind: 'nak', suggest: option(CLIENT_ID) });
  }
  assert.deepEqual(policy.missing([]), [option(CLIENT_ID)]);
  assert.deepEqual(policy.missing([option(ZERO)]), []);
});

test('the server keeps its own identifier unless it is rejected', () => {
  const policy = new Ipv6cpServerPolicy(CLIENT_ID, SERVER_ID);
  policy.nakked();
  assert.deepEqual(policy.request(), [option(SERVER_ID)]);
  policy.rejected();
  assert.deepEqual(policy.request(), []);
});

test('the client starts with a random identifier, universal bit cleared, never zero', () => {
  assert.deepEqual(new Ipv6cpClientPolicy(constantRandom(0xff)).ownId, hex('fdffffffffffffff'));
  assert.deepEqual(new Ipv6cpClientPolicy(constantRandom(0)).ownId, hex('0000000000000001'));
});

test('the client takes the identifier that it is told, and another random one for zero', () => {
  const policy = new Ipv6cpClientPolicy(seededRandom('ipv6cp'));
  const first = policy.ownId;
  policy.nakked([option(ZERO)]);
  assert.notDeepEqual(policy.ownId, first);
  assert.notDeepEqual(policy.ownId, ZERO);
  policy.nakked([option(CLIENT_ID)]);
  assert.deepEqual(policy.request(), [option(CLIENT_ID)]);
  policy.rejected();
  policy.nakked([option(CLIENT_ID)]);
  assert.equal(policy.ownId, undefined);
});

test('the client refuses zero and its own identifier for the server', () => {
  const policy = new Ipv6cpClientPolicy(constantRandom(0x41));
  assert.deepEqual(policy.judge(option(SERVER_ID)), { kind: 'ack' });
  for (const id of [ZERO, hex('4141414141414141')]) assert.equal(policy.judge(option(id)).kind, 'nak');
  policy.agreed([option(SERVER_ID)]);
  assert.deepEqual(policy.peerId, SERVER_ID);
});
