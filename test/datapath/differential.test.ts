/** The two data paths against each other: the same bytes in give the same packets, events and counters. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { DataLinkCounters, PeerLink } from '../../datapath/index.ts';
import { makeNativeLab } from './native-packets.ts';
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
  type TestOwner,
} from './packets.ts';

const CLIENT = 'c0a84d0a';
const HOST = 'cb007105';
const OTHER = 'c0a84d0b';
const CLIENT6 = '20010db800010007 0000000000000002';
const HOST6 = '20010db8ffff0000 0000000000000001';
const LINK_LOCAL = 'fe800000000000000000000000000001';
const SOLICITATION = hex(`60000000 0008 3a ff ${'00'.repeat(16)} ff02000000000000 0000000000000002 8500 7bb8 00000000`);

const payload = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));
const addresses4 = fc.constantFrom(CLIENT, HOST, OTHER, '7f000001', 'effffffa', '00000000', 'ffffffff', 'a9fea9fe');
const addresses6 = fc.constantFrom(CLIENT6, HOST6, LINK_LOCAL, `ff02${'00'.repeat(13)}01`, `${'00'.repeat(15)}01`);
const protocol = fc.constantFrom(1, 6, 17, 44, 58);

const packet4 = fc.tuple(addresses4, addresses4, payload, protocol).map((parts) => ipv4(...parts));
const packet6 = fc.tuple(addresses6, addresses6, payload, protocol).map((parts) => ipv6(...parts));
const good4 = fc.oneof(
  payload.map((bytes) => ipv4(CLIENT, HOST, bytes)),
  fc.constant(ipv4(CLIENT, HOST, SYN_1460, 6)),
);
const good6 = payload.map((bytes) => ipv6(CLIENT6, HOST6, bytes));

/** One SSTP packet: good ones, refused ones, lies about the length, control packets, PPP frames. */
const frame = fc.oneof(
  { arbitrary: good4.map(pppIpv4), weight: 4 },
  { arbitrary: good6.map(pppIpv6), weight: 3 },
  { arbitrary: packet4.map(pppIpv4), weight: 3 },
  { arbitrary: packet6.map(pppIpv6), weight: 3 },
  fc.tuple(good4, payload).map(([packet, padding]) => pppIpv4(Buffer.concat([packet, padding]))),
  fc.tuple(packet4, fc.nat(80)).map(([packet, length]) => pppIpv4(packet.subarray(0, length))),
  fc.tuple(packet6, fc.nat(80)).map(([packet, length]) => pppIpv6(packet.subarray(0, length))),
  payload.map((bytes) => pppIpv4(bytes)),
  payload.map((bytes) => pppIpv6(bytes)),
  good4.map((packet) => sstpData(Buffer.concat([hex('0021'), packet]))),
  payload.map((bytes) => sstpData(bytes)),
  fc.constant(ECHO_REQUEST),
  fc.constant(sstpData(hex('ff03 c021 0901 0008 00000000'))),
  fc.constant(pppIpv6(SOLICITATION)),
);

/** IPv4 without DF, perhaps with options, perhaps a fragment itself. */
const mayBeCut = fc
  .record({
    length: fc.integer({ min: 1, max: 1340 }),
    options: fc.uint8Array({ maxLength: 40 }),
    word: fc.oneof(fc.constantFrom(0, 0x2000), fc.integer({ min: 0, max: 0x3fff })),
  })
  .map(({ length, options, word }) => {
    const words = options.length >> 2;
    const plain = ipv4(HOST, CLIENT, Buffer.alloc(length, 0x5a));
    const packet = Buffer.concat([plain.subarray(0, 20), options.subarray(0, 4 * words), plain.subarray(20)]);
    packet[0] = 0x45 + words;
    packet.writeUInt16BE(packet.length, 2);
    packet.writeUInt16BE(word, 6);
    return packet;
  });

function open(link: PeerLink): void {
  link.openIpv4(CLIENT4);
  link.openIpv6(CLIENT_PREFIX, CLIENT_LINK_LOCAL);
}

/** `received` comes once per chunk or once per call: what counts is that it comes, and before the frames. */
function decided(owner: TestOwner): string[] {
  return owner.events.filter((event) => event !== 'received');
}

function whole(counters: DataLinkCounters): DataLinkCounters {
  return { ...counters };
}

test('property: from the peer, both paths give the same packets, frames to decide, and counters', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(frame, { maxLength: 40 }),
      fc.array(fc.nat(200), { maxLength: 12 }),
      async (frames, cuts) => {
        const stream = Buffer.concat(frames);
        const seen: string[][] = [[], []];
        const plain = makeLink({ onLinkLocal: (_, packet) => seen[0]?.push(packet.toString('hex')) });
        const lab = makeNativeLab();
        try {
          const { link, owner } = lab.makeLink({ onLinkLocal: (_, packet) => seen[1]?.push(packet.toString('hex')) });
          open(plain.link);
          open(link);
          let offset = 0;
          for (const cut of [...cuts, stream.length]) {
            const chunk = stream.subarray(offset, offset + cut);
            offset += chunk.length;
            plain.link.receive(Buffer.from(chunk));
            link.receive(Buffer.from(chunk));
          }
          await lab.settle();
          assert.deepEqual(lab.network.received(), plain.tun.sent);
          assert.deepEqual(decided(owner), decided(plain.owner));
          assert.deepEqual(whole(link.counters), whole(plain.link.counters));
          assert.deepEqual(seen[1], seen[0]);
          assert.equal(owner.events.includes('received'), plain.owner.events.includes('received'));
        } finally {
          lab.close();
        }
      },
    ),
    { numRuns: 120 },
  );
});

test('property: bytes that are no SSTP stream break both paths, after the same packets', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(
          frame,
          fc.uint8Array({ minLength: 1, maxLength: 30 }).map((bytes) => Buffer.from(bytes)),
        ),
      ),
      async (parts) => {
        const plain = makeLink();
        const lab = makeNativeLab();
        try {
          const { link, owner } = lab.makeLink();
          open(plain.link);
          open(link);
          let broken = false;
          for (const part of parts) {
            link.receive(Buffer.from(part));
            try {
              if (!broken) plain.link.receive(Buffer.from(part));
            } catch (error) {
              assert.equal((error as { code?: string }).code, 'ERR_SSTP_FRAMING');
              broken = true;
            }
          }
          await lab.settle();
          assert.equal(owner.events.includes('broken ERR_SSTP_FRAMING'), broken);
          assert.deepEqual(lab.network.received(), plain.tun.sent);
          assert.deepEqual(
            decided(owner).filter((event) => !event.startsWith('broken')),
            decided(plain.owner),
          );
        } finally {
          lab.close();
        }
      },
    ),
    { numRuns: 120 },
  );
});

function cannotBeCut(): Buffer {
  const packet = ipv4(HOST, CLIENT, Buffer.alloc(528));
  packet.writeUInt16BE(0x1fbe, 6);
  return packet;
}

test('property: to the peer, both paths write the same frames of a flow, in its order', async () => {
  const toClient = fc.oneof(
    fc.tuple(fc.constantFrom(HOST, OTHER), fc.constant(CLIENT), payload).map((parts) => ipv4(...parts)),
    fc.tuple(fc.constant(HOST6), fc.constantFrom(CLIENT6, HOST6), payload).map((parts) => ipv6(...parts)),
    fc.constant(ipv4(HOST, CLIENT, SYN_1460, 6)),
    fc.constant(ipv4(HOST, CLIENT, Buffer.alloc(1381))),
    fc.constant(ipv4(HOST, 'e00000fb', hex('01'))),
    mayBeCut,
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(toClient, { maxLength: 30 }),
      fc.oneof(fc.integer({ min: 68, max: 1500 }), fc.constantFrom(576, 1400, 1401)),
      async (packets, mru) => {
        const { PacketRouter } = await import('../../datapath/index.ts');
        const plain = makeLink();
        const router = new PacketRouter(plain.tun, { isolate: false });
        const lab = makeNativeLab();
        try {
          const { link, owner } = lab.makeLink();
          for (const each of [plain.link, link]) {
            open(each);
            each.setMru(mru);
          }
          router.addIpv4(CLIENT4, plain.link);
          router.addIpv6(CLIENT_PREFIX, plain.link);
          lab.path.addIpv4(CLIENT4, link);
          lab.path.addIpv6(CLIENT_PREFIX, link);
          plain.owner.isFast = true;
          owner.isFast = true;
          plain.tun.inject(packets);
          lab.network.inject(packets);
          await settle();
          await lab.settle();
          assert.deepEqual(byFlow(Buffer.concat(owner.writes)), byFlow(Buffer.concat(plain.owner.writes)));
          assert.deepEqual(whole(link.counters), whole(plain.link.counters));
          assert.deepEqual(lab.network.received(), plain.tun.sent, 'ICMP to the sender of what is too big');
          assert.equal(lab.tun.totals.dropsUnknown, router.counters.dropsUnknown);
          assert.equal(lab.tun.totals.dropsGroup, router.counters.dropsGroup);
        } finally {
          lab.close();
        }
      },
    ),
    {
      numRuns: 100,
      examples: [
        // A fragment that would end past 64 KiB gets no answer, and takes none away from the packet behind it.
        [[cannotBeCut(), ipv4(HOST, CLIENT, Buffer.alloc(1381))], 68],
      ],
    },
  );
});

/** Frames of a stream by addresses, protocol and ports: between flows the order is free. */
function byFlow(stream: Buffer): Record<string, string[]> {
  const flows: Record<string, string[]> = {};
  for (let at = 0; at < stream.length; ) {
    const length = stream.readUInt16BE(at + 2) & 0x0fff;
    const packet = stream.subarray(at + 8, at + length);
    const isIpv6 = (packet[0] ?? 0) >> 4 === 6;
    // Where ports would be: in other protocols that splits more finely than flows do, which compares less, never wrongly.
    const key = isIpv6
      ? `${packet[6]} ${packet.toString('hex', 8, 44)}`
      : `${packet[9]} ${packet.toString('hex', 12, 24)}`;
    flows[key] = [...(flows[key] ?? []), stream.toString('hex', at, at + length)];
    at += length;
  }
  return flows;
}
