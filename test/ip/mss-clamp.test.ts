import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { clampMss } from '../../ip/index.ts';

// 192.168.217.2 to 198.51.100.10 and fd00:1:0:1::2 to 2001:db8::a, port 49832 to 443; checksums made by another program.
const IPV4 = '4500003412344000400664a7c0a8d902c633640a';
const PORTS = 'c2a801bb1122334400000000';
const WINDOWS_SYN = `${IPV4}${PORTS}8002faf0a76c0000020405b40103030801010402`;
const WINDOWS_SYN_1360 = `${IPV4}${PORTS}8002faf0a7d00000020405500103030801010402`;
const IPV4_SHORT = '4500003012344000400664abc0a8d902c633640a';
const SYN_ACK_ODD = `${IPV4_SHORT}${PORTS}7012faf00f1f000001020405b4000000`;
const SYN_ACK_ODD_1360 = `${IPV4_SHORT}${PORTS}7012faf0731f00000102040550000000`;
const ADDRESSES6 = 'fd00000100000001000000000000000220010db800000000000000000000000a';
const TCP6 = `${PORTS}8002faf040a20000020405a00103030801010402`;
const TCP6_1340 = `${PORTS}8002faf0410600000204053c0103030801010402`;
const EXTENSIONS = '3c000104000000002b000104000000002c000000000000000600000100000001';

const changed = [
  { name: 'IPv4 SYN as Windows sends it', wire: WINDOWS_SYN, clamped: WINDOWS_SYN_1360 },
  { name: 'IPv4 SYN-ACK with the option at an odd offset', wire: SYN_ACK_ODD, clamped: SYN_ACK_ODD_1360 },
  {
    name: 'IPv6 SYN',
    wire: `6000000000200640${ADDRESSES6}${TCP6}`,
    clamped: `6000000000200640${ADDRESSES6}${TCP6_1340}`,
  },
  {
    name: 'IPv6 SYN in the first fragment behind hop-by-hop, destination and routing headers',
    wire: `6000000000400040${ADDRESSES6}${EXTENSIONS}${TCP6}`,
    clamped: `6000000000400040${ADDRESSES6}${EXTENSIONS}${TCP6_1340}`,
  },
];

for (const { name, wire, clamped } of changed) {
  test(`MSS lowered to the MTU less both headers, checksum right (RFC 6691, RFC 1624): ${name}`, () => {
    const bytes = Buffer.from(wire, 'hex');
    assert.equal(clampMss(bytes, 0, bytes.length, 1400), true);
    assert.equal(bytes.toString('hex'), clamped);
    assert.equal(clampMss(bytes, 0, bytes.length, 1400), false, 'a second time there is nothing to do');
    assert.equal(bytes.toString('hex'), clamped);
  });

  test(`every truncation is left alone: ${name}`, () => {
    const bytes = Buffer.from(wire, 'hex');
    for (let end = 0; end < bytes.length; end++) {
      assert.equal(clampMss(bytes, 0, end, 1400), false, `cut at ${end}`);
    }
    assert.equal(bytes.toString('hex'), wire);
  });

  test(`the frame's place in a larger buffer makes no difference: ${name}`, () => {
    const bytes = Buffer.from(`ffffff${wire}ffff`, 'hex');
    assert.equal(clampMss(bytes, 3, bytes.length - 2, 1400), true);
    assert.equal(bytes.toString('hex'), `ffffff${clamped}ffff`);
  });
}

const unchanged = [
  { name: 'an MSS that fits is never raised', wire: WINDOWS_SYN, mtu: 1500 },
  { name: 'no SYN flag', wire: WINDOWS_SYN.replace('8002faf0', '8010faf0') },
  { name: 'UDP', wire: WINDOWS_SYN.replace('4006', '4011') },
  { name: 'a later IPv4 fragment', wire: WINDOWS_SYN.replace('12344000', '12340001') },
  { name: 'no options', wire: `${IPV4}${PORTS}5002faf0a76c0000020405b40103030801010402` },
  { name: 'the list ended before the option', wire: WINDOWS_SYN.replace('020405b4', '000405b4') },
  { name: 'an option of length 0', wire: WINDOWS_SYN.replace('020405b401030308', '1e00020405b40303') },
  { name: 'an option of length 1', wire: WINDOWS_SYN.replace('020405b401030308', '1e01020405b40303') },
  { name: 'an option that ends behind the list', wire: WINDOWS_SYN.replace('020405b401030308', '1e0d020405b40303') },
  {
    name: 'a kind without a length at the very end',
    wire: WINDOWS_SYN.replace('020405b40103030801010402', `${'01'.repeat(11)}02`),
  },
  { name: 'an MSS option of the wrong length', wire: WINDOWS_SYN.replace('020405b401', '020505b401') },
  {
    name: 'an MSS that runs past the data offset',
    wire: WINDOWS_SYN.replace('020405b40103030801010402', `${'01'.repeat(10)}0204`),
  },
  { name: 'a data offset below 5', wire: WINDOWS_SYN.replace('8002faf0', '4002faf0') },
  { name: 'an IPv4 header length below 5', wire: WINDOWS_SYN.replace('4500', '4400') },
  { name: 'neither IPv4 nor IPv6', wire: WINDOWS_SYN.replace('4500', '5500') },
  { name: 'a total length that cuts the options off', wire: WINDOWS_SYN.replace('45000034', '45000033') },
  {
    name: 'a later IPv6 fragment',
    wire: `6000000000400040${ADDRESSES6}${EXTENSIONS.replace('06000001', '06000009')}${TCP6}`,
  },
  {
    name: 'an extension header longer than the packet',
    wire: `6000000000400040${ADDRESSES6}${EXTENSIONS.replace('3c00', '3cff')}${TCP6}`,
  },
  {
    name: 'an authentication header signs what is behind it',
    wire: `6000000000283340${ADDRESSES6}0600000000000000${TCP6}`,
  },
  { name: 'IPv6 UDP', wire: `6000000000201140${ADDRESSES6}${TCP6}` },
  { name: 'an MTU smaller than the headers', wire: WINDOWS_SYN, mtu: 40 },
];

for (const { name, wire, mtu = 1400 } of unchanged) {
  test(`left alone: ${name}`, () => {
    const bytes = Buffer.from(wire, 'hex');
    assert.equal(clampMss(bytes, 0, bytes.length, mtu), false);
    assert.equal(bytes.toString('hex'), wire);
  });
}

test('more than eight extension headers are not walked', () => {
  const most = `6000000000600000${ADDRESSES6}${'0000010400000000'.repeat(7)}0600010400000000${TCP6}`;
  const bytes = Buffer.from(most, 'hex');
  assert.equal(clampMss(bytes, 0, bytes.length, 1400), true);
  const more = Buffer.from(
    `6000000000680000${ADDRESSES6}${'0000010400000000'.repeat(8)}0600010400000000${TCP6}`,
    'hex',
  );
  assert.equal(clampMss(more, 0, more.length, 1400), false);
});

test('each of several MSS options is lowered', () => {
  const bytes = Buffer.from(`${IPV4}${PORTS}8002faf0a76c0000020405b4020405b402040400`, 'hex');
  assert.equal(clampMss(bytes, 0, bytes.length, 1400), true);
  assert.equal(bytes.toString('hex', 40), '020405500204055002040400');
});

test('no bytes make it throw, and it touches only an MSS value and the checksum', () => {
  const syn = fc.uint8Array({ minLength: 0, maxLength: 44 }).map((options) => {
    const bytes = Buffer.concat([Buffer.from(`${IPV4}${PORTS}8002faf0a76c0000`, 'hex'), options]);
    bytes.writeUInt16BE(bytes.length, 2);
    bytes[32] = Math.min(15, 5 + (options.length >> 2)) << 4;
    return bytes;
  });
  fc.assert(
    fc.property(
      fc.oneof(
        syn,
        fc.uint8Array({ maxLength: 120 }).map((bytes) => Buffer.from(bytes)),
      ),
      (bytes) => {
        const before = Buffer.from(bytes);
        const isChanged = clampMss(bytes, 0, bytes.length, 1400);
        const touched = [...bytes].filter((byte, i) => byte !== before[i]).length;
        assert.equal(isChanged, touched > 0);
        assert.deepEqual(bytes.subarray(0, 20), before.subarray(0, 20), 'the IP header');
      },
    ),
    { numRuns: 300 },
  );
});
