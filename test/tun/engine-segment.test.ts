import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { internetChecksum } from '../../ip/checksum.ts';
import {
  anySpec,
  build,
  buildPartial,
  buildSuper,
  cut,
  destinationOptions,
  encodeVnet,
  engine,
  frame,
  GsoType,
  headerLength,
  NEEDS_CSUM,
  type PacketSpec,
  TCP,
  TcpFlag,
  transportOffset,
  UDP,
  VNET_HEADER,
  vnetOf,
} from './engine.ts';

const MOST_PACKET_BYTES = 4087;
const NO_VNET = Buffer.alloc(VNET_HEADER);

const base: PacketSpec = {
  isIpv6: false,
  protocol: TCP,
  source: Buffer.from('0a000001000000000000000000000001', 'hex'),
  destination: Buffer.from('0a000002000000000000000000000002', 'hex'),
  sourcePort: 443,
  destinationPort: 50_000,
  tos: 0,
  flowLabel: 0x12345,
  hopLimit: 64,
  id: 1000,
  dontFragment: true,
  ipOptions: Buffer.alloc(0),
  sequence: 0xfffffff0,
  acknowledgement: 7,
  flags: TcpFlag.Ack,
  window: 500,
  tcpOptions: Buffer.alloc(0),
  zeroChecksum: false,
  payload: Buffer.alloc(2500, 0x5a),
};
const udp6: PacketSpec = { ...base, isIpv6: true, protocol: UDP };

function hashOf(bytes: Buffer, hasVnet: number): number {
  const numbers = engine.describe(bytes, hasVnet);
  assert.ok(numbers !== undefined);
  return numbers.readUInt32BE(12);
}

test('any super-packet becomes the packets that TypeScript makes one by one', () => {
  fc.assert(
    fc.property(anySpec, fc.integer({ min: 1, max: 4000 }), (spec, size) => {
      const gsoSize = Math.max(size, Math.ceil(spec.payload.length / 300));
      const expected = cut(spec, gsoSize).filter((packet) => packet.length <= MOST_PACKET_BYTES);
      const frames = engine.segment(buildSuper(spec, gsoSize), 1, 0);
      assert.ok(frames !== undefined);
      assert.ok(frames.equals(Buffer.concat(expected.map(frame))));
    }),
    { numRuns: 400 },
  );
});

test('a partial checksum without segmentation is completed; a packet without either passes as it is', () => {
  fc.assert(
    fc.property(anySpec, (drawn) => {
      const spec = { ...drawn, zeroChecksum: false, payload: drawn.payload.subarray(0, 3900) };
      const whole = frame(build(spec));
      assert.ok(engine.segment(buildSuper(spec, 0), 1, 0)?.equals(whole));
      assert.ok(engine.segment(Buffer.concat([NO_VNET, build(spec)]), 1, 0)?.equals(whole));
      assert.ok(engine.segment(build(spec), 0, 0)?.equals(whole));
    }),
    { numRuns: 300 },
  );
});

test('a UDP checksum that comes to zero is sent as 0xffff (RFC 768)', () => {
  for (const isIpv6 of [false, true]) {
    const zero = { ...udp6, isIpv6, payload: Buffer.alloc(4) };
    // The payload takes up what the checksum would be, so the whole comes to zero.
    const checksum = build(zero).readUInt16BE(transportOffset(zero) + 6);
    zero.payload.writeUInt16BE(checksum, 0);
    const packet = build(zero);
    assert.equal(packet.readUInt16BE(transportOffset(zero) + 6), 0xffff);
    assert.deepEqual(engine.segment(buildSuper(zero, 0), 1, 0), frame(packet));
    assert.deepEqual(engine.segment(buildSuper(zero, 100), 1, 0), frame(packet));
  }
});

test('FIN and PSH stay with the last segment, CWR with the first (RFC 3168 6.1.2); id and sequence wrap', () => {
  const flags = TcpFlag.Ack | TcpFlag.Psh | TcpFlag.Fin | TcpFlag.Cwr;
  const frames = engine.segment(buildSuper({ ...base, flags, id: 0xffff }, 1000), 1, 0);
  assert.ok(frames !== undefined);
  const packets = [frames.subarray(8, 1048), frames.subarray(1056, 2096), frames.subarray(2104, 2644)];
  assert.deepEqual(
    packets.map((packet) => packet[33]),
    [0x90, 0x10, 0x19],
  );
  assert.deepEqual(
    packets.map((packet) => packet.readUInt16BE(4)),
    [0xffff, 0, 1],
  );
  assert.deepEqual(
    packets.map((packet) => packet.readUInt32BE(24)),
    [0xfffffff0, 0x3d8, 0x7c0],
  );
  for (const packet of packets) assert.equal(internetChecksum(packet, 0, 20), 0);
});

test('every truncation of a packet is refused, with and without work left to do', () => {
  for (const spec of [base, udp6, { ...base, isIpv6: true }, { ...base, protocol: UDP } as const]) {
    const small = { ...spec, payload: Buffer.alloc(120, 1) };
    for (const [bytes, hasVnet] of [
      [buildSuper(small, 50), 1],
      [buildSuper(small, 0), 1],
      [Buffer.concat([NO_VNET, build(small)]), 1],
      [build(small), 0],
    ] as const) {
      assert.ok(engine.segment(bytes, hasVnet, 0) !== undefined);
      for (let length = 0; length < bytes.length; length++) {
        assert.equal(engine.segment(bytes.subarray(0, length), hasVnet, 0), undefined, `${length}`);
      }
    }
  }
});

test('a header that lies is refused', () => {
  const packet = buildPartial(base);
  const right = vnetOf(base, 1000);
  const lies: Readonly<Record<string, Partial<typeof right>>> = {
    'no size': { gsoSize: 0 },
    'wrong version': { gsoType: GsoType.TcpV6 },
    'wrong protocol': { gsoType: GsoType.UdpL4 },
    'UFO, which we never offer': { gsoType: GsoType.Ufo },
    'unknown type': { gsoType: 0x40 },
    'checksum of another header': { csumStart: 24 },
    'checksum elsewhere': { csumOffset: 6 },
    'checksum behind the end': { gsoType: GsoType.None, csumStart: 2539 },
    'checksum far behind the end': { gsoType: GsoType.None, csumStart: 0xffff, csumOffset: 0xfffe },
    'checksum in the IP header': { gsoType: GsoType.None, csumStart: 0 },
    'odd checksum field': { gsoType: GsoType.None, csumOffset: 15 },
  };
  assert.ok(engine.segment(Buffer.concat([encodeVnet(right), packet]), 1, 0) !== undefined);
  for (const [name, lie] of Object.entries(lies)) {
    const bytes = Buffer.concat([encodeVnet({ ...right, ...lie }), packet]);
    assert.equal(engine.segment(bytes, 1, 0), undefined, name);
  }
  for (const [offset, value] of [
    [VNET_HEADER, 0x44], // header length below 20
    [VNET_HEADER, 0x55], // version 5
    [VNET_HEADER + 3, 0xff], // total length
    [VNET_HEADER + 6, 0x20], // More Fragments
    [VNET_HEADER + 32, 0x40], // data offset 4
  ] as const) {
    const bytes = buildSuper(base, 1000);
    bytes[offset] = value;
    assert.equal(engine.segment(bytes, 1, 0), undefined, `${offset}`);
  }
  const longOffset = buildSuper({ ...base, payload: Buffer.alloc(30) }, 10);
  longOffset[VNET_HEADER + 32] = 0xf0;
  assert.equal(engine.segment(longOffset, 1, 0), undefined, 'data offset behind the end');
});

test('bytes behind a whole packet are cut off, where the kernel left no work', () => {
  const packet = build({ ...base, payload: Buffer.alloc(3) });
  const padded = Buffer.concat([packet, Buffer.alloc(17, 0xee)]);
  assert.deepEqual(engine.segment(padded, 0, 0), frame(packet));
  assert.deepEqual(engine.segment(Buffer.concat([NO_VNET, padded]), 1, 0), frame(packet));
  const partial = Buffer.concat([buildSuper({ ...base, payload: Buffer.alloc(3) }, 0), Buffer.alloc(1)]);
  assert.equal(engine.segment(partial, 1, 0), undefined);
});

test('a packet longer than an SSTP packet holds gives no frame, the rest of it does', () => {
  const spec = { ...base, payload: Buffer.alloc(4048 + 100) };
  assert.deepEqual(engine.segment(buildSuper(spec, 4048), 1, 0), frame(cut(spec, 4048)[1] ?? Buffer.alloc(0)));
  assert.equal(engine.segment(buildSuper(spec, 4047), 1, 0)?.length, 4095 + 8 + 40 + 101);
});

test('the MSS of a SYN is lowered, with a complete and with a partial checksum', () => {
  const mss = (value: number): Buffer => Buffer.from([2, 4, value >> 8, value & 0xff]);
  for (const isIpv6 of [false, true]) {
    const syn = { ...base, isIpv6, flags: TcpFlag.Syn, payload: Buffer.alloc(0), tcpOptions: mss(8960) };
    const clamped = frame(build({ ...syn, tcpOptions: mss(isIpv6 ? 1340 : 1360) }));
    assert.deepEqual(engine.segment(buildSuper(syn, 0), 1, 1400), clamped);
    assert.deepEqual(engine.segment(Buffer.concat([NO_VNET, build(syn)]), 1, 1400), clamped);
    assert.deepEqual(engine.segment(build(syn), 0, 1400), clamped);
    const withData = { ...syn, payload: Buffer.alloc(300, 3) };
    const expected = cut({ ...withData, tcpOptions: mss(isIpv6 ? 1340 : 1360) }, 200).map(frame);
    assert.deepEqual(engine.segment(buildSuper(withData, 200), 1, 1400), Buffer.concat(expected));
  }
});

test('packets of a flow and their super-packet have one hash, other flows have others', () => {
  fc.assert(
    fc.property(anySpec, (spec) => {
      const hash = hashOf(buildSuper(spec, 500), 1);
      for (const packet of cut(spec, 500).slice(0, 5)) assert.equal(hashOf(packet, 0), hash);
      const other = { ...spec, sourcePort: spec.sourcePort ^ 1 };
      assert.notEqual(hashOf(buildSuper(other, 500), 1), hash);
    }),
    { numRuns: 100 },
  );
});

test('all fragments of a datagram have one hash, those of the next another (RFC 791 3.2, RFC 8200 4.5)', () => {
  const fragment = (id: number, flags: number): Buffer => {
    const packet = build({ ...base, id, payload: Buffer.alloc(64, flags & 0xff) });
    packet.writeUInt16BE(flags, 6);
    return packet;
  };
  assert.equal(hashOf(fragment(5, 0x2000), 0), hashOf(fragment(5, 0x0007), 0));
  assert.notEqual(hashOf(fragment(5, 0x2000), 0), hashOf(fragment(6, 0x2000), 0));
  const fragment6 = (id: number, next: number): Buffer => {
    const packet = build({ ...udp6, ipOptions: destinationOptions(8, next) });
    packet[6] = 44;
    packet.writeUInt32BE(id, 44);
    return packet;
  };
  assert.equal(hashOf(fragment6(5, UDP), 0), hashOf(fragment6(5, 60), 0));
  assert.notEqual(hashOf(fragment6(5, UDP), 0), hashOf(fragment6(6, UDP), 0));
});

test('any bytes: refused, or frames whose lengths agree with what they hold', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc
      .tuple(anySpec, fc.nat(1500), fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { minLength: 1, maxLength: 4 }))
      .map(([spec, gsoSize, changes]) => {
        const packet = buildSuper({ ...spec, payload: spec.payload.subarray(0, 2000) }, gsoSize);
        for (const [at, value] of changes) packet[at % packet.length] = value;
        return packet;
      }),
  );
  fc.assert(
    fc.property(bytes, fc.constantFrom(0, 1), (drawn, hasVnet) => {
      const frames = engine.segment(Buffer.from(drawn), hasVnet, 1400);
      for (let offset = 0; frames !== undefined && offset < frames.length; ) {
        const length = frames.readUInt16BE(offset + 2);
        const isIpv6 = frames[offset + 7] === 0x57;
        const packet = frames.subarray(offset + 8, offset + length);
        assert.equal(packet.readUInt16BE(isIpv6 ? 4 : 2) + (isIpv6 ? 40 : 0), packet.length);
        assert.equal((packet[0] ?? 0) >> 4, isIpv6 ? 6 : 4);
        offset += length;
      }
    }),
    { numRuns: 2000 },
  );
});

test('the checksum of any bytes, summed and copied, is that of RFC 1071', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ minLength: 60_000, maxLength: 65_535 })),
      (bytes) => {
        const expected = internetChecksum(bytes, 0, bytes.length);
        assert.equal(engine.checksum(Buffer.from(bytes)), ((expected << 16) | expected) >>> 0);
      },
    ),
    { numRuns: 100 },
  );
  const ones = Buffer.alloc(65_535, 0xff);
  assert.equal(engine.checksum(ones) & 0xffff, internetChecksum(ones, 0, ones.length));
});

test('the header of each segment counts: neither NEEDS_CSUM nor headerLength is needed for TCP', () => {
  const vnet = encodeVnet({ ...vnetOf(base, 1000), flags: 0, headerLength: 0xffff, csumStart: 0, csumOffset: 0 });
  const frames = engine.segment(Buffer.concat([vnet, buildPartial(base)]), 1, 0);
  assert.deepEqual(frames, Buffer.concat(cut(base, 1000).map(frame)));
  assert.equal(NEEDS_CSUM, 1);
  assert.equal(headerLength(base), 40);
});
