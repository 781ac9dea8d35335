import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { describeFrame, formatOptions, protocolName } from '../../ppp/index.ts';

const frame = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');

for (const { name, hex, protocol, packet, options } of [
  {
    name: 'the first LCP Configure-Request of Windows 10',
    hex: 'ff03 c021 01 00 0015 0104 0ffb 0506 11223344 0702 0802 0d03 06',
    protocol: 'LCP',
    packet: 'Configure-Request',
    options: 'MRU 4091, Magic-Number, PFC, ACFC, Callback',
  },
  {
    name: 'a wish for EAP',
    hex: 'ff03 c021 03 01 0008 0304 c227',
    protocol: 'LCP',
    packet: 'Configure-Nak',
    options: 'Authentication-Protocol EAP',
  },
  {
    name: 'MS-CHAPv2',
    hex: 'ff03 c021 01 01 0009 0305 c223 81',
    protocol: 'LCP',
    packet: 'Configure-Request',
    options: 'Authentication-Protocol MS-CHAPv2',
  },
  {
    name: 'IPCP with an address and a resolver',
    hex: 'ff03 8021 01 07 0010 0306 0a090002 8106 00000000',
    protocol: 'IPCP',
    packet: 'Configure-Request',
    options: 'IP-Address 10.9.0.2, Primary-DNS 0.0.0.0',
  },
  {
    name: 'an interface identifier',
    hex: 'ff03 8057 01 06 000e 010a 0011223344556677',
    protocol: 'IPv6CP',
    packet: 'Configure-Request',
    options: 'Interface-Identifier 0011:2233:4455:6677',
  },
  { name: 'Terminate', hex: 'ff03 c021 05 09 0004', protocol: 'LCP', packet: 'Terminate-Request', options: '' },
  {
    name: 'MPPE',
    hex: 'ff03 80fd 01 04 000a 1206 01000040',
    protocol: 'CCP',
    packet: 'Configure-Request',
    options: 'MPPE 128 bit',
  },
  {
    name: 'options that lie about their length',
    hex: 'ff03 c021 01 01 0006 01ff',
    protocol: 'LCP',
    packet: 'Configure-Request',
    options: '',
  },
]) {
  test(`described: ${name}`, () => {
    const summary = describeFrame(frame(hex)) ?? assert.fail();
    assert.deepEqual([summary.protocol, summary.packet, formatOptions(summary.options)], [protocol, packet, options]);
  });
}

test('a Protocol-Reject names what it refuses', () => {
  assert.equal(describeFrame(frame('ff03 c021 08 02 0008 80fd 0104'))?.rejectedProtocol, 0x80fd);
  assert.equal(protocolName(0x80fd), 'CCP');
  assert.equal(protocolName(0x8281), 'protocol 0x8281');
});

test('logins, echoes and data are left out', () => {
  for (const hex of [
    'ff03 c223 01 01 0004',
    'ff03 c023 01 01 0004',
    'ff03 c021 09 01 0008 11223344',
    'ff03 0021 45',
    '',
  ]) {
    assert.equal(describeFrame(frame(hex)), undefined, hex);
  }
});

test('any bytes have a description or none', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => void describeFrame(Buffer.from(bytes))));
});
