import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IpcpClientPolicy, IpcpServerPolicy } from '../../ppp/ipcp.ts';

const LEASE = { address: 0x0a090008, serverAddress: 0x0a090001, dns: [1, 2, 3], wins: [4] };

test('the server asks for nothing but its own address, and for nothing once that is rejected', () => {
  const policy = new IpcpServerPolicy(LEASE);
  assert.deepEqual(policy.request(), [{ type: 'IpAddress', address: 0x0a090001 }]);
  policy.nakked();
  assert.deepEqual(policy.request(), [{ type: 'IpAddress', address: 0x0a090001 }]);
  policy.rejected();
  assert.deepEqual(policy.request(), []);
});

test('the server tells two resolvers and the WINS server there is', () => {
  const policy = new IpcpServerPolicy(LEASE);
  const verdicts = (['PrimaryDns', 'SecondaryDns', 'PrimaryNbns', 'SecondaryNbns'] as const).map((type) =>
    policy.judge({ type, address: 0 }),
  );
  assert.deepEqual(verdicts, [
    { kind: 'nak', suggest: { type: 'PrimaryDns', address: 1 } },
    { kind: 'nak', suggest: { type: 'SecondaryDns', address: 2 } },
    { kind: 'nak', suggest: { type: 'PrimaryNbns', address: 4 } },
    { kind: 'reject' },
  ]);
});

test('a client that names no address gets one suggested', () => {
  const policy = new IpcpServerPolicy(LEASE);
  const own = { type: 'IpAddress', address: 0x0a090008 } as const;
  assert.deepEqual(policy.missing([{ type: 'PrimaryDns', address: 1 }]), [own]);
  assert.deepEqual(policy.missing([own]), []);
});

test('the client asks for 3, 129, 131 in this order, takes what it is told and drops what is rejected', () => {
  const policy = new IpcpClientPolicy();
  const types = () => policy.request().map((option) => option.type);
  assert.deepEqual(types(), ['IpAddress', 'PrimaryDns', 'SecondaryDns']);
  assert.ok(policy.request().every((option) => option.type !== 'Other' && option.address === 0));
  assert.equal(policy.address, undefined);
  policy.rejected([{ type: 'PrimaryDns', address: 0 }]);
  policy.nakked([
    { type: 'IpAddress', address: 0x0a090008 },
    { type: 'SecondaryDns', address: 7 },
    { type: 'PrimaryNbns', address: 9 },
  ]);
  assert.deepEqual(types(), ['IpAddress', 'SecondaryDns']);
  assert.equal(policy.address, 0x0a090008);
  assert.deepEqual(policy.dns, [7]);
});

test('a client with a wish asks for just that, and takes what it is told instead', () => {
  const policy = new IpcpClientPolicy({ address: 0x0a090008, dns: [7] });
  assert.deepEqual(policy.request(), [
    { type: 'IpAddress', address: 0x0a090008 },
    { type: 'PrimaryDns', address: 7 },
  ]);
  policy.nakked([{ type: 'IpAddress', address: 0x0a090009 }]);
  assert.equal(policy.address, 0x0a090009);
  assert.deepEqual(policy.dns, [7]);
});

test("the client acks the server's address and rejects all else", () => {
  const policy = new IpcpClientPolicy();
  const own = { type: 'IpAddress', address: 0x0a090001 } as const;
  assert.deepEqual(policy.judge(own), { kind: 'ack' });
  assert.deepEqual(policy.judge({ type: 'IpAddress', address: 0 }), { kind: 'reject' });
  assert.deepEqual(policy.judge({ type: 'PrimaryDns', address: 1 }), { kind: 'reject' });
  assert.deepEqual(policy.judge({ type: 'Other', code: 2, data: Buffer.alloc(4) }), { kind: 'reject' });
  policy.agreed([own]);
  assert.equal(policy.serverAddress, 0x0a090001);
  policy.agreed([]);
  assert.equal(policy.serverAddress, undefined);
});
