/** The native source check and MSS clamp against ip/source-check.ts and ip/mss-clamp.ts: the same for any bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { judgeIpv4, judgeIpv6 } from '../../datapath/ingress.ts';
import { clampMss, type Ipv6Client, Verdict } from '../../ip/index.ts';
import { anySpec, build, engine, TcpFlag } from './engine.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const CLIENT4 = 0xc0a84d0a;
const CLIENT6: Ipv6Client = {
  prefix: hex('20010db800010007 0000000000000000'),
  linkLocal: hex('fe80000000000000 020202fffe020202'),
  serverLinkLocal: hex('fe80000000000000 0000000000000001'),
};
const { prefix: _, ...withoutPrefix } = CLIENT6;
const LINK_LOCAL_ONLY: Ipv6Client = { ...withoutPrefix, prefix: undefined };

const addressesOf = (client: Ipv6Client): Buffer =>
  Buffer.concat([client.linkLocal, client.serverLinkLocal, client.prefix?.subarray(0, 8) ?? hex('')]);

/** Addresses around every border of the rules. */
const address4 = fc.constantFrom(
  ...['c0a84d0a', 'c0a84d0b', '00000000', '00ffffff', '01000000', '7effffff', '7f000001', '80000000', 'a9fdffff'],
  ...['a9fe0000', 'a9feffff', 'a9ff0000', 'dfffffff', 'e0000001', 'efffffff', 'f0000000', 'fffffffe', 'ffffffff'],
);
const address6 = fc.constantFrom(
  ...['20010db8000100070000000000000002', '20010db8000100080000000000000002', 'fe80000000000000020202fffe020202'],
  ...['fe800000000000000000000000000001', 'febfffffffffffffffffffffffffffff', 'fec00000000000000000000000000001'],
  ...['00000000000000000000000000000000', '00000000000000000000000000000001', '00000000000000000000ffff01020304'],
  ...['00000000000000000000fffe01020304', '00000000000000000001000000000000', '00000000000000000000000001020304'],
  ...['ff020000000000000000000000000002', 'ff0e0000000000000000000000000001', '20010db8ffff00000000000000000001'],
);
const change = fc.tuple(fc.nat(70), fc.nat(255));
/** A header with a payload, a few octets changed, now and then cut or followed by padding. */
function drawn(packet: Buffer, changes: readonly (readonly [number, number])[], cut: number): Buffer {
  const changed = Buffer.concat([packet, Buffer.alloc(cut >= 80 ? 9 : 0)]);
  for (const [at, value] of changes) if (at < changed.length) changed[at] = value;
  return cut < packet.length ? changed.subarray(0, cut) : changed;
}
const changes = fc.oneof(fc.constant([]), fc.constant([]), fc.array(change, { maxLength: 3 }));
const cutAt = fc.oneof(fc.constant(70), fc.constant(70), fc.nat(90));

const packet4 = fc.record({ source: address4, destination: address4, changes, cut: cutAt }).map((draw) => {
  const header = hex(`4500001c 00004000 40110000 ${draw.source} ${draw.destination}`);
  return drawn(Buffer.concat([header, Buffer.alloc(8)]), draw.changes, draw.cut);
});
const packet6 = fc
  .record({
    source: address6,
    destination: address6,
    next: fc.constantFrom(58, 58, 58, 17, 0, 43, 44, 51, 60, 59),
    type: fc.constantFrom(133, 134, 135, 136, 137, 128, 143),
    length: fc.constantFrom(8, 8, 8, 8, 1, 0, 9),
    changes,
    cut: cutAt,
  })
  .map((draw) => {
    const header = hex(`60000000 00000040 ${draw.source} ${draw.destination}`);
    header[5] = draw.length;
    header[6] = draw.next;
    return drawn(Buffer.concat([header, Buffer.alloc(8, draw.type)]), draw.changes, draw.cut);
  });

test('IPv4: the verdict of the source check, for any bytes', () => {
  const seen = new Set<number>();
  fc.assert(
    fc.property(fc.oneof(packet4, packet4, fc.uint8Array({ maxLength: 60 })), (bytes) => {
      const packet = Buffer.from(bytes);
      for (const [ingress, fromServer] of [
        ['from-client', 0],
        ['from-server', 1],
      ] as const) {
        const expected = judgeIpv4(ingress, packet, 0, packet.length, CLIENT4);
        assert.equal(engine.judgeIpv4(packet, fromServer, CLIENT4), expected);
        seen.add(expected);
      }
    }),
    { numRuns: 4000 },
  );
  assert.equal(seen.size, 5, 'every verdict but LinkScope was met');
});

test('IPv6: the verdict of the source check, for any bytes', () => {
  const seen = new Set<number>();
  fc.assert(
    fc.property(
      fc.oneof(packet6, packet6, fc.uint8Array({ maxLength: 60 })),
      fc.constantFrom(CLIENT6, CLIENT6, LINK_LOCAL_ONLY),
      (bytes, client) => {
        const packet = Buffer.from(bytes);
        for (const [ingress, fromServer] of [
          ['from-client', 0],
          ['from-server', 1],
        ] as const) {
          const expected = judgeIpv6(ingress, packet, 0, packet.length, client);
          assert.equal(engine.judgeIpv6(packet, fromServer, addressesOf(client)), expected);
          seen.add(expected);
        }
      },
    ),
    { numRuns: 6000 },
  );
  assert.equal(seen.size, Object.keys(Verdict).length, 'every verdict was met');
});

/** TCP options: MSS at even and odd places, short, long and lying ones. */
const options = fc
  .array(
    fc.constantFrom(
      '01',
      '0101',
      '00',
      '02040584',
      '020405b4',
      '02042000',
      '0204ffff',
      '020400',
      '0206aabbccdd',
      '0201',
      '03030a',
      '08',
      '0402',
    ),
    { maxLength: 8 },
  )
  .map((list) => {
    const bytes = hex(list.join('')).subarray(0, 40);
    return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
  });
const syn = fc.tuple(anySpec, options, fc.nat(5)).map(([spec, tcpOptions, flags]) =>
  build({
    ...spec,
    tcpOptions,
    flags: flags === 0 ? TcpFlag.Ack : TcpFlag.Syn,
    payload: spec.payload.subarray(0, 9),
  }),
);

test('MSS clamp: the same bytes as in TypeScript, for any packet', () => {
  let changed = 0;
  const mtu = fc.oneof(fc.constantFrom(1400, 1280, 576), fc.nat(0xffff), fc.nat(70));
  const any = fc.oneof(
    fc.tuple(syn, changes, fc.nat(400)).map(([packet, list, cut]) => drawn(packet, list, cut + 20)),
    syn,
  );
  fc.assert(
    fc.property(any, mtu, (packet, bytes) => {
      const expected = Buffer.from(packet);
      const isChanged = clampMss(expected, 0, expected.length, bytes);
      const result = engine.clampMss(packet, bytes);
      assert.ok(result.equals(Buffer.concat([expected, Buffer.from([isChanged ? 1 : 0])])));
      if (isChanged) changed += 1;
    }),
    { numRuns: 5000 },
  );
  assert.ok(changed > 150, `only ${changed} of 5000 packets were changed`);
});

test('MSS clamp: extension headers up to the limit, and one more', () => {
  for (let count = 0; count <= 10; count++) {
    const extensions = Buffer.concat(
      Array.from({ length: count }, (_, i) => hex(`${i === count - 1 ? '06' : '3c'}00 010400000000`)),
    );
    const tcp = hex('0400 0050 00000001 00000000 6002 ffff 0000 0000 0204 05b4');
    const header = hex(`60000000 0000 00 40 20010db8000100070000000000000002 20010db8ffff00000000000000000001`);
    header.writeUInt16BE(extensions.length + tcp.length, 4);
    header[6] = count === 0 ? 6 : 60;
    const packet = Buffer.concat([header, extensions, tcp]);
    const expected = Buffer.from(packet);
    const isChanged = clampMss(expected, 0, expected.length, 1400);
    assert.equal(isChanged, count <= 8);
    assert.deepEqual(engine.clampMss(packet, 1400), Buffer.concat([expected, Buffer.from([isChanged ? 1 : 0])]));
  }
});
