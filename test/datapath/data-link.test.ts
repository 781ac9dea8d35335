import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type DataLinkCounters, PPP_IPV4, PPP_IPV6 } from '../../datapath/index.ts';
import {
  CLIENT_LINK_LOCAL,
  CLIENT_PREFIX,
  CLIENT4,
  ECHO_REQUEST,
  hex,
  ipv4,
  ipv6,
  makeLink,
  pppIpv4,
  pppIpv6,
  SYN_1460,
  settle,
  sstpData,
} from './packets.ts';

const CLIENT = 'c0a84d0a';
const HOST = 'cb007105';
const CLIENT6 = '20010db800010007 0000000000000002';
const HOST6 = '20010db8ffff0000 0000000000000001';
const LCP_ECHO = hex('ff03 c021 0901 0008 00000000');

/** Counters that are not zero. */
function counted(counters: DataLinkCounters): Record<string, number> {
  return Object.fromEntries(Object.entries(counters).filter(([, value]) => value !== 0));
}

test('IPv4 in PPP protocol 0x0021 goes to the device without its headers (MS-SSTP 2.2.3, RFC 1332 2)', () => {
  const { link, tun, owner } = makeLink();
  link.openIpv4(CLIENT4);
  link.receive(hex('1000 001c ff03 0021 4500 0014 0000 4000 4011 0000 c0a84d0a cb007105'));
  assert.deepEqual(
    tun.sent.map((packet) => packet.toString('hex')),
    ['450000140000400040110000c0a84d0acb007105'],
  );
  assert.deepEqual(owner.events, ['received']);
  assert.deepEqual(counted(link.counters), { packetsIn: 1, bytesIn: 20 });
});

test('IPv6 in PPP protocol 0x0057 goes to the device (RFC 5072 3)', () => {
  const { link, tun } = makeLink();
  link.openIpv6(CLIENT_PREFIX, CLIENT_LINK_LOCAL);
  const packet = ipv6(CLIENT6, HOST6, hex('0102'));
  link.receive(pppIpv6(packet));
  assert.deepEqual(tun.sent, [packet]);
});

test('an IPv4 packet to the peer gets SSTP and PPP headers in front', async () => {
  const { link, owner } = makeLink();
  link.openIpv4(CLIENT4);
  link.sendPacket(hex('ee 4500 0014 0000 4000 4011 0000 cb007105 c0a84d0a ee'), 1, 21, PPP_IPV4);
  await settle();
  assert.deepEqual(
    owner.writes.map((bytes) => bytes.toString('hex')),
    ['1000001cff030021450000140000400040110000cb007105c0a84d0a'],
  );
  assert.deepEqual(counted(link.counters), { packetsOut: 1, bytesOut: 20 });
});

test('an IPv6 packet to the peer bears protocol 0x0057', async () => {
  const { link, owner } = makeLink();
  link.openIpv6(undefined, CLIENT_LINK_LOCAL);
  const packet = ipv6(HOST6, CLIENT6, hex(''));
  link.sendPacket(packet, 0, packet.length, PPP_IPV6);
  await settle();
  assert.deepEqual(owner.writes, [Buffer.concat([hex('1000 0030 ff03 0057'), packet])]);
});

test('padding behind the length in the IP header is cut (RFC 1661 5.1: padding may follow)', () => {
  const { link, tun } = makeLink();
  link.openIpv4(CLIENT4);
  link.openIpv6(CLIENT_PREFIX, CLIENT_LINK_LOCAL);
  const packet4 = ipv4(CLIENT, HOST, hex('0102'));
  const packet6 = ipv6(CLIENT6, HOST6, hex('0304'));
  link.receive(pppIpv4(Buffer.concat([packet4, hex('00000000')])));
  link.receive(pppIpv6(Buffer.concat([packet6, hex('00')])));
  assert.deepEqual(tun.sent, [packet4, packet6]);
});

test('a frame without address and control octets is taken (RFC 1661 6.6)', () => {
  const { link, tun, owner } = makeLink();
  link.openIpv4(CLIENT4);
  const packet = ipv4(CLIENT, HOST, hex('05'));
  link.receive(sstpData(Buffer.concat([hex('0021'), packet])));
  link.receive(sstpData(hex('c021 0901 0008 00000000')));
  assert.deepEqual(tun.sent, [packet]);
  assert.deepEqual(owner.events, ['received', 'received', 'ppp c0210901000800000000']);
});

test('control packets and PPP frames that carry no IP go to the owner, in the order they came', () => {
  const { link, owner } = makeLink();
  link.receive(Buffer.concat([sstpData(LCP_ECHO), ECHO_REQUEST, sstpData(hex('ff03 8021 01010004'))]));
  assert.deepEqual(owner.events, [
    'received',
    'ppp ff03c0210901000800000000',
    'control 1001000800080000',
    'ppp ff03802101010004',
  ]);
});

test('received is told once per chunk, and only when the chunk ends a packet', () => {
  const { link, owner } = makeLink();
  link.receive(ECHO_REQUEST.subarray(0, 5));
  assert.deepEqual(owner.events, []);
  link.receive(Buffer.concat([ECHO_REQUEST.subarray(5), ECHO_REQUEST]));
  assert.deepEqual(
    owner.events.filter((event) => event === 'received'),
    ['received'],
  );
});

test('network data before the link is open, and after, is dropped and counted both ways', async () => {
  const { link, tun, owner } = makeLink();
  const packet4 = ipv4(CLIENT, HOST, hex('01'));
  const packet6 = ipv6(CLIENT6, HOST6, hex('01'));
  const bothWays = (): void => {
    link.receive(Buffer.concat([pppIpv4(packet4), pppIpv6(packet6)]));
    link.sendPacket(packet4, 0, packet4.length, PPP_IPV4);
    link.sendPacket(packet6, 0, packet6.length, PPP_IPV6);
  };
  bothWays();
  link.openIpv4(CLIENT4);
  link.openIpv6(CLIENT_PREFIX, CLIENT_LINK_LOCAL);
  link.closeIpv4();
  link.closeIpv6();
  bothWays();
  await settle();
  assert.deepEqual(tun.sent, []);
  assert.deepEqual(owner.writes, []);
  assert.deepEqual(owner.events, ['received', 'received']);
  assert.deepEqual(counted(link.counters), { dropsClosed: 8 });
});

test('opening one protocol does not open the other', () => {
  const { link, tun } = makeLink();
  link.openIpv6(CLIENT_PREFIX, CLIENT_LINK_LOCAL);
  link.receive(pppIpv4(ipv4(CLIENT, HOST, hex('01'))));
  assert.deepEqual(tun.sent, []);
  assert.equal(link.counters.dropsClosed, 1);
});

const REFUSED: readonly { name: string; wire: Buffer; counter: keyof DataLinkCounters }[] = [
  { name: 'IPv4 from another address', wire: pppIpv4(ipv4('c0a84d0b', HOST, hex('01'))), counter: 'dropsSource' },
  { name: 'IPv4 to 127.0.0.1', wire: pppIpv4(ipv4(CLIENT, '7f000001', hex('01'))), counter: 'dropsDestination' },
  { name: 'IPv4 to 0.0.0.0', wire: pppIpv4(ipv4(CLIENT, '00000000', hex('01'))), counter: 'dropsDestination' },
  { name: 'IPv4 to 239.255.255.250 (SSDP)', wire: pppIpv4(ipv4(CLIENT, 'effffffa', hex('01'))), counter: 'dropsGroup' },
  { name: 'IPv4 cut inside its header', wire: pppIpv4(hex('4500 0014 0000')), counter: 'dropsMalformed' },
  { name: 'IPv6 in protocol 0x0021', wire: pppIpv4(ipv6(CLIENT6, HOST6, hex(''))), counter: 'dropsMalformed' },
  { name: 'IPv6 from outside its /64', wire: pppIpv6(ipv6(HOST6, CLIENT6, hex(''))), counter: 'dropsSource' },
  { name: 'IPv6 to ::1', wire: pppIpv6(ipv6(CLIENT6, `${'00'.repeat(15)}01`, hex(''))), counter: 'dropsDestination' },
  { name: 'a PPP frame of one byte', wire: sstpData(hex('ff')), counter: 'dropsMalformed' },
  { name: 'an empty PPP frame', wire: sstpData(hex('')), counter: 'dropsMalformed' },
  { name: 'a PPP frame that ends before its protocol', wire: sstpData(hex('ff03 00')), counter: 'dropsMalformed' },
];
for (const { name, wire, counter } of REFUSED) {
  test(`from a client, ${name} is dropped and counted as ${counter}`, () => {
    const { link, tun, owner } = makeLink();
    link.openIpv4(CLIENT4);
    link.openIpv6(CLIENT_PREFIX, CLIENT_LINK_LOCAL);
    link.receive(wire);
    assert.deepEqual(tun.sent, []);
    assert.deepEqual(owner.events, ['received']);
    assert.deepEqual(counted(link.counters), { [counter]: 1 });
  });
}

test('a Router Solicitation from :: goes to onLinkLocal and not to the device (RFC 4861 4.1)', () => {
  const seen: string[] = [];
  const { link, tun } = makeLink({
    onLinkLocal: (from, packet) => {
      assert.equal(from, link);
      seen.push(packet.toString('hex'));
    },
  });
  link.openIpv6(undefined, CLIENT_LINK_LOCAL);
  const solicitation = hex(
    `60000000 0008 3a ff ${'00'.repeat(16)} ff02 0000 0000 0000 0000 0000 0000 0002 8500 7bb8 00000000`,
  );
  link.receive(pppIpv6(Buffer.concat([solicitation, hex('0000')])));
  assert.deepEqual(seen, [solicitation.toString('hex')]);
  assert.deepEqual(tun.sent, []);
  assert.deepEqual(counted(link.counters), { packetsLinkLocal: 1 });
});

test('isolation: a packet for another client is dropped, one for anybody else is not', () => {
  const { link, tun } = makeLink({ isolation: { isToClient: (bytes, start) => bytes[start + 19] === 0x0b } });
  link.openIpv4(CLIENT4);
  const toServer = ipv4(CLIENT, 'c0a84d01', hex('01'));
  link.receive(Buffer.concat([pppIpv4(ipv4(CLIENT, 'c0a84d0b', hex('01'))), pppIpv4(toServer)]));
  assert.deepEqual(tun.sent, [toServer]);
  assert.deepEqual(counted(link.counters), { dropsIsolated: 1, packetsIn: 1, bytesIn: 21 });
});

test('from a server any whole IP packet is taken, whatever its source', () => {
  const { link, tun } = makeLink({ ingress: 'from-server' });
  link.openIpv4(CLIENT4);
  link.openIpv6(undefined, CLIENT_LINK_LOCAL);
  const packet4 = ipv4(HOST, CLIENT, hex('01'));
  const advertisement = ipv6('fe80000000000000 0000000000000001', `ff02${'00'.repeat(13)}01`, hex('8600'), 58);
  link.receive(Buffer.concat([pppIpv4(packet4), pppIpv6(advertisement), pppIpv4(advertisement), pppIpv6(packet4)]));
  assert.deepEqual(tun.sent, [packet4, advertisement]);
  assert.equal(link.counters.dropsMalformed, 2);
});

test('the MSS of a SYN is lowered both ways to what device and peer take (RFC 6691)', async () => {
  const { link, tun, owner } = makeLink();
  link.openIpv4(CLIENT4);
  link.receive(pppIpv4(ipv4(CLIENT, HOST, SYN_1460, 6)));
  assert.equal(tun.sent[0]?.toString('hex', 40), '02040550'); // 1400 - 40
  link.setMru(1000);
  const answer = ipv4(HOST, CLIENT, SYN_1460, 6);
  link.sendPacket(answer, 0, answer.length, PPP_IPV4);
  await settle();
  assert.equal(owner.writes[0]?.toString('hex', 48), '020403c0'); // 1000 - 40
});

test("a packet above the peer's MRU is dropped; the sender learns the MRU, ten times a second (RFC 1191, RFC 4443 3.2)", async () => {
  const { link, tun, owner, clock } = makeLink();
  link.openIpv4(CLIENT4);
  link.openIpv6(CLIENT_PREFIX, CLIENT_LINK_LOCAL);
  link.setMru(1280);
  const fits = ipv4(HOST, CLIENT, Buffer.alloc(1260));
  const large = ipv4(HOST, CLIENT, Buffer.alloc(1261));
  const large6 = ipv6(HOST6, CLIENT6, Buffer.alloc(1241));
  link.sendPacket(fits, 0, fits.length, PPP_IPV4);
  link.sendPacket(large, 0, large.length, PPP_IPV4);
  clock.instant = 99;
  link.sendPacket(large, 0, large.length, PPP_IPV4);
  clock.instant = 100;
  link.sendPacket(large6, 0, large6.length, PPP_IPV6);
  await settle();
  assert.deepEqual(
    owner.writes.map((bytes) => bytes.length),
    [1288],
  );
  const [four, six] = tun.sent;
  assert.equal(tun.sent.length, 2);
  // From the client's address to the host, ICMP type 3 code 4, MTU 1280.
  assert.match(four?.toString('hex', 12, 28) ?? '', /^c0a84d0acb0071050304....00000500$/);
  assert.match(six?.toString('hex', 8, 48) ?? '', /^20010db8000100070{15}220010db8ffff00000{15}10200....00000500$/);
  assert.deepEqual(counted(link.counters), { packetsOut: 1, bytesOut: 1280, dropsTooBig: 3 });
});

test('what an SSTP packet cannot carry is dropped even if the peer asked for more (MS-SSTP 2.2.1: 12-bit length)', async () => {
  const { link, owner } = makeLink();
  link.openIpv4(CLIENT4);
  link.setMru(9000);
  for (const length of [4087, 4088])
    link.sendPacket(ipv4(HOST, CLIENT, Buffer.alloc(length - 20)), 0, length, PPP_IPV4);
  await settle();
  assert.deepEqual(
    owner.writes.map((bytes) => bytes.toString('hex', 0, 8)),
    ['10000fffff030021'],
  );
  assert.equal(link.counters.dropsTooBig, 1);
});

test('a control packet goes ahead of waiting data, never inside a frame', async () => {
  const { link, owner } = makeLink();
  link.openIpv4(CLIENT4);
  const packet = ipv4(HOST, CLIENT, hex('01'));
  const send = (): void => link.sendPacket(packet, 0, packet.length, PPP_IPV4);
  send();
  await settle();
  send();
  link.sendControl(ECHO_REQUEST);
  link.sendControl(sstpData(LCP_ECHO));
  for (let i = 0; i < 3; i++) owner.finishWrite();
  assert.deepEqual(owner.writes, [pppIpv4(packet), ECHO_REQUEST, sstpData(LCP_ECHO), pppIpv4(packet)]);
});

test('a peer that leaves 64 KiB of control packets unread is reported once', async () => {
  const { link, owner } = makeLink();
  link.sendControl(ECHO_REQUEST);
  await settle(); // this one is being written and does not wait
  for (let i = 0; i < 8192; i++) link.sendControl(ECHO_REQUEST);
  assert.deepEqual(owner.events, []);
  for (let i = 0; i < 10; i++) link.sendControl(ECHO_REQUEST);
  assert.deepEqual(owner.events, ['overflow']);
});

test('stop drops the rest of the chunk, later ones and waiting data, but not control packets given before', async () => {
  const { link, owner, tun, pool } = makeLink();
  link.openIpv4(CLIENT4);
  const packet = ipv4(CLIENT, HOST, hex('01'));
  link.sendPacket(packet, 0, packet.length, PPP_IPV4);
  link.sendControl(ECHO_REQUEST);
  owner.control = () => link.stop();
  link.receive(Buffer.concat([ECHO_REQUEST, pppIpv4(packet), sstpData(LCP_ECHO), ECHO_REQUEST]));
  link.receive(sstpData(LCP_ECHO));
  link.sendControl(ECHO_REQUEST);
  link.sendPacket(packet, 0, packet.length, PPP_IPV4);
  let isFlushed = false;
  const flushed = link.flushed().then(() => {
    isFlushed = true;
  });
  await settle();
  assert.equal(isFlushed, false);
  owner.finishWrite();
  await flushed;
  assert.deepEqual(owner.writes, [ECHO_REQUEST]);
  assert.deepEqual(owner.events, ['received']);
  assert.deepEqual(tun.sent, []);
  assert.equal(pool.usedBytes, 0);
});

test('a stream that cannot be split throws to the caller of receive (MS-SSTP 3.1.5.1)', () => {
  const { link } = makeLink();
  assert.throws(() => link.receive(hex('2001 0008 0008 0000')), { code: 'ERR_SSTP_FRAMING' });
});

const anyPacket = fc.oneof(
  fc
    .uint8Array({ maxLength: 1380 })
    .map((payload) => ({ version: 4, bytes: ipv4(CLIENT, HOST, Buffer.from(payload)) })),
  fc
    .uint8Array({ maxLength: 1360 })
    .map((payload) => ({ version: 6, bytes: ipv6(CLIENT6, HOST6, Buffer.from(payload)) })),
);

test('property: any packets in any chunks reach the device whole and in order', () => {
  fc.assert(
    fc.property(
      fc.array(anyPacket, { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 2000 })),
      (packets, cuts) => {
        const { link, tun } = makeLink();
        link.openIpv4(CLIENT4);
        link.openIpv6(CLIENT_PREFIX, CLIENT_LINK_LOCAL);
        const stream = Buffer.concat(packets.map((p) => (p.version === 4 ? pppIpv4(p.bytes) : pppIpv6(p.bytes))));
        let offset = 0;
        for (const cut of cuts) {
          link.receive(Buffer.from(stream.subarray(offset, offset + cut)));
          offset += cut;
        }
        if (offset < stream.length) link.receive(Buffer.from(stream.subarray(offset)));
        assert.deepEqual(
          tun.sent,
          packets.map((p) => p.bytes),
        );
      },
    ),
    { numRuns: 150 },
  );
});

test('property: hostile bytes throw nothing but the framing error, and nothing of them reaches the device unchecked', () => {
  const frame = fc
    .tuple(fc.constantFrom('ff030021', 'ff030057', '0021', '0057', 'ff', ''), fc.uint8Array({ maxLength: 90 }))
    .map(([start, rest]) => sstpData(Buffer.concat([hex(start), rest])));
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          frame,
          fc.uint8Array({ maxLength: 40 }).map((b) => Buffer.from(b)),
        ),
      ),
      (parts) => {
        const { link, tun } = makeLink();
        link.openIpv4(CLIENT4);
        link.openIpv6(CLIENT_PREFIX, CLIENT_LINK_LOCAL);
        try {
          for (const part of parts) link.receive(part);
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'ERR_SSTP_FRAMING');
        }
        for (const packet of tun.sent) {
          const isOwn4 = packet.toString('hex', 12, 16) === CLIENT;
          const isOwn6 =
            packet.toString('hex', 8, 16) === '20010db800010007' || packet.subarray(8, 24).equals(CLIENT_LINK_LOCAL);
          assert.ok((packet[0] ?? 0) >> 4 === 4 ? isOwn4 : isOwn6);
        }
      },
    ),
    { numRuns: 300 },
  );
});
