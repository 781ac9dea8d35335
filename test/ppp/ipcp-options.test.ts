import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeIpcpOption, encodeIpcpOption, type IpcpOption, judgeIpcpOption } from '../../ppp/ipcp-options.ts';
import { decodeOptions, encodeOptions } from '../../ppp/options.ts';
import { hex } from './support.ts';

const OPTIONS: readonly { readonly wire: string; readonly option: IpcpOption }[] = [
  { wire: '0306 0a090008', option: { type: 'IpAddress', address: 0x0a090008 } },
  { wire: '8106 ffffffff', option: { type: 'PrimaryDns', address: 0xffffffff } },
  { wire: '8206 00000000', option: { type: 'PrimaryNbns', address: 0 } },
  { wire: '8306 09090909', option: { type: 'SecondaryDns', address: 0x09090909 } },
  { wire: '8406 01020304', option: { type: 'SecondaryNbns', address: 0x01020304 } },
  { wire: '0206 002d0f01', option: { type: 'Other', code: 2, data: hex('002d0f01') } },
  { wire: '010a 0a0900080a090001', option: { type: 'Other', code: 1, data: hex('0a0900080a090001') } },
  { wire: '0305 0a0900', option: { type: 'Other', code: 3, data: hex('0a0900') } },
  { wire: '8102', option: { type: 'Other', code: 129, data: hex('') } },
];

for (const { wire, option } of OPTIONS) {
  test(`IPCP option ${wire}: both directions (RFC 1332 §3, RFC 1877 §1)`, () => {
    assert.deepEqual(decodeOptions(hex(wire))?.map(decodeIpcpOption), [option]);
    assert.deepEqual(encodeOptions([encodeIpcpOption(option)]), hex(wire));
  });
}

const GRANT = {
  IpAddress: 0x0a090008,
  PrimaryDns: 0x09090909,
  SecondaryDns: undefined,
  PrimaryNbns: undefined,
  SecondaryNbns: undefined,
} as const;

test('an address that is not the leased one gets the leased one suggested (RFC 1332 §3.3)', () => {
  const suggest = { type: 'IpAddress', address: 0x0a090008 };
  for (const address of [0, 0x0a090009]) {
    assert.deepEqual(judgeIpcpOption({ type: 'IpAddress', address }, GRANT), { kind: 'nak', suggest });
  }
  assert.deepEqual(judgeIpcpOption({ type: 'IpAddress', address: 0x0a090008 }, GRANT), { kind: 'ack' });
});

test('a resolver that we have is suggested, one that we have not is rejected (RFC 1877 §1.1 to §1.4)', () => {
  const suggest = { type: 'PrimaryDns', address: 0x09090909 };
  assert.deepEqual(judgeIpcpOption({ type: 'PrimaryDns', address: 0 }, GRANT), { kind: 'nak', suggest });
  for (const type of ['SecondaryDns', 'PrimaryNbns', 'SecondaryNbns'] as const) {
    assert.deepEqual(judgeIpcpOption({ type, address: 0 }, GRANT), { kind: 'reject' });
  }
});

test('VJ compression and unknown options are rejected', () => {
  for (const code of [1, 2, 4, 200]) {
    assert.deepEqual(judgeIpcpOption({ type: 'Other', code, data: hex('') }, GRANT), { kind: 'reject' });
  }
});
