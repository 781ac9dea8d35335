import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PacketReceiver, PacketRouter, sendAllTo } from '../../datapath/index.ts';
import { MemoryTun } from '../../tun/index.ts';
import { CLIENT_LINK_LOCAL, CLIENT_PREFIX, CLIENT4, hex, ipv4, ipv6, makeLink, pppIpv4, settle } from './packets.ts';

const HOST = 'cb007105';
const HOST6 = '20010db8ffff00000000000000000001';
const OTHER4 = 0xc0a84d0b;

class Receiver implements PacketReceiver {
  readonly packets: string[] = [];
  sendPacket(bytes: Uint8Array, start: number, end: number, protocol: number): void {
    this.packets.push(`${protocol.toString(16)} ${Buffer.from(bytes.subarray(start, end)).toString('hex')}`);
  }
}

function makeRouter(isolate = false) {
  const tun = new MemoryTun();
  return { tun, router: new PacketRouter(tun, { isolate }), a: new Receiver(), b: new Receiver() };
}

const to4 = ipv4(HOST, 'c0a84d0a', hex('01'));
const toOther4 = ipv4(HOST, 'c0a84d0b', hex('02'));
const to6 = ipv6(HOST6, '20010db8000100075555666677778888', hex('03'));
const toLinkLocal = ipv6(HOST6, 'fe80000000000000020202fffe020202', hex('04'));

test('a packet goes to the link that has its destination: address, /64 or link-local address', () => {
  const { tun, router, a, b } = makeRouter();
  router.addIpv4(CLIENT4, a);
  router.addIpv4(OTHER4, b);
  router.addIpv6(CLIENT_PREFIX, a);
  router.addLinkLocal(CLIENT_LINK_LOCAL, b);
  tun.inject([to4, toOther4, to6, toLinkLocal]);
  assert.deepEqual(a.packets, [`21 ${to4.toString('hex')}`, `57 ${to6.toString('hex')}`]);
  assert.deepEqual(b.packets, [`21 ${toOther4.toString('hex')}`, `57 ${toLinkLocal.toString('hex')}`]);
  assert.deepEqual(router.counters, { dropsUnknown: 0, dropsGroup: 0, dropsMalformed: 0 });
});

test('addresses on both sides of 128.0.0.0 are told apart', () => {
  const { tun, router, a, b } = makeRouter();
  router.addIpv4(0x0a000001, a);
  router.addIpv4(0x8a000001, b);
  tun.inject([ipv4(HOST, '0a000001', hex('')), ipv4(HOST, '8a000001', hex(''))]);
  assert.equal(a.packets.length, 1);
  assert.equal(b.packets.length, 1);
});

test('neighbours of a /64 and of a link-local address are not ours', () => {
  const { tun, router, a } = makeRouter();
  router.addIpv6(CLIENT_PREFIX, a);
  router.addLinkLocal(CLIENT_LINK_LOCAL, a);
  tun.inject([
    ipv6(HOST6, '20010db8000100085555666677778888', hex('')),
    ipv6(HOST6, '20010db9000100075555666677778888', hex('')),
    ipv6(HOST6, 'fe80000000000000020202fffe020203', hex('')),
  ]);
  assert.deepEqual(a.packets, []);
  assert.equal(router.counters.dropsUnknown, 3);
});

test('without a link: unknown destinations, groups and what is no IP are counted apart', () => {
  const { tun, router } = makeRouter();
  tun.inject([
    to4,
    to6,
    ipv4(HOST, 'e00000fb', hex('')),
    ipv4(HOST, 'ffffffff', hex('')),
    ipv6(HOST6, 'ff020000000000000000000000000001', hex('')),
    hex('20 00'),
    hex('4500 0014'),
    to6.subarray(0, 39),
  ]);
  assert.deepEqual(router.counters, { dropsUnknown: 2, dropsGroup: 3, dropsMalformed: 3 });
});

test('a removed address is unknown; one that moved to another link stays there', () => {
  const { tun, router, a, b } = makeRouter();
  router.addIpv4(CLIENT4, a);
  router.addIpv6(CLIENT_PREFIX, a);
  router.addLinkLocal(CLIENT_LINK_LOCAL, a);
  router.addIpv4(CLIENT4, b);
  router.addIpv6(CLIENT_PREFIX, b);
  router.addLinkLocal(CLIENT_LINK_LOCAL, b);
  router.removeIpv4(CLIENT4, a);
  router.removeIpv6(CLIENT_PREFIX, a);
  router.removeLinkLocal(CLIENT_LINK_LOCAL, a);
  tun.inject([to4, to6, toLinkLocal]);
  assert.equal(a.packets.length, 0);
  assert.equal(b.packets.length, 3);
  router.removeIpv4(CLIENT4, b);
  router.removeIpv6(CLIENT_PREFIX, b);
  router.removeLinkLocal(CLIENT_LINK_LOCAL, b);
  tun.inject([to4, to6, toLinkLocal]);
  assert.equal(b.packets.length, 3);
  assert.equal(router.counters.dropsUnknown, 3);
});

test('isolation knows clients by every kind of address, and is absent unless asked for', () => {
  assert.equal(makeRouter(false).router.isolation, undefined);
  const { router, a } = makeRouter(true);
  const { isolation } = router;
  assert.ok(isolation);
  router.addIpv4(CLIENT4, a);
  router.addIpv6(CLIENT_PREFIX, a);
  router.addLinkLocal(CLIENT_LINK_LOCAL, a);
  for (const packet of [to4, to6, toLinkLocal]) assert.equal(isolation.isToClient(packet, 0), true);
  for (const packet of [toOther4, ipv6('00'.repeat(16), HOST6, hex(''))]) {
    assert.equal(isolation.isToClient(packet, 0), false);
  }
});

test('a batch for two links is one write for each', async () => {
  const tun = new MemoryTun();
  const router = new PacketRouter(tun, { isolate: false });
  const [a, b] = [makeLink({ tun }), makeLink({ tun })];
  a.link.openIpv4(CLIENT4);
  b.link.openIpv4(OTHER4);
  router.addIpv4(CLIENT4, a.link);
  router.addIpv4(OTHER4, b.link);
  tun.inject([toOther4, ...Array.from({ length: 8 }, () => to4)]);
  await settle();
  assert.deepEqual(a.owner.writes, [Buffer.concat(Array.from({ length: 8 }, () => pppIpv4(to4)))]);
  assert.deepEqual(b.owner.writes, [pppIpv4(toOther4)]);
});

test("on the client's side all packets of the device go to the one link", () => {
  const tun = new MemoryTun();
  const link = new Receiver();
  sendAllTo(link, tun);
  tun.inject([to4, hex('20'), to6]);
  assert.deepEqual(link.packets, [`21 ${to4.toString('hex')}`, `57 ${to6.toString('hex')}`]);
});
