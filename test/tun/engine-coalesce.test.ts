import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ALL_OFFLOADS,
  anySpec,
  build,
  cut,
  destinationOptions,
  engine,
  expand,
  frame,
  type PacketSpec,
  splitLengths,
  TCP,
  TcpFlag,
  UDP,
  VNET_HEADER,
} from './engine.ts';

const tcp4: PacketSpec = {
  isIpv6: false,
  protocol: TCP,
  source: Buffer.from('0a000001000000000000000000000001', 'hex'),
  destination: Buffer.from('0a000002000000000000000000000002', 'hex'),
  sourcePort: 50_000,
  destinationPort: 443,
  tos: 0,
  flowLabel: 0x12345,
  hopLimit: 64,
  id: 0xfffe,
  dontFragment: false,
  ipOptions: Buffer.alloc(0),
  sequence: 0xffffff00,
  acknowledgement: 7,
  flags: TcpFlag.Ack,
  window: 500,
  tcpOptions: Buffer.from('0101080a0000000100000002', 'hex'),
  zeroChecksum: false,
  payload: Buffer.alloc(0),
};
const FLOWS: readonly PacketSpec[] = [
  tcp4,
  { ...tcp4, isIpv6: true },
  { ...tcp4, protocol: UDP },
  { ...tcp4, isIpv6: true, protocol: UDP },
];

const write = (packets: readonly Buffer[], flags = ALL_OFFLOADS, chunkLength = 0): Buffer[] =>
  splitLengths(engine.coalesce(Buffer.concat(packets.map(frame)), flags, chunkLength));

/** A patterned payload, so that a piece in the wrong place shows. */
const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff));

/** IPv4 identification and header checksum of a packet with DF: no meaning, RFC 6864 4.1. */
function withoutAtomicId(packet: Buffer): string {
  const copy = Buffer.from(packet);
  if ((copy[0] ?? 0) >> 4 === 4 && copy.length >= 20 && (copy[6] ?? 0) === 0x40) {
    copy.writeUInt16BE(0, 4);
    copy.writeUInt16BE(0, 10);
  }
  return copy.toString('hex');
}

test('a run of segments of one flow is one write, and segmentation gives the same bytes again', () => {
  for (const flow of FLOWS) {
    for (const dontFragment of [false, true]) {
      const packets = cut({ ...flow, dontFragment, payload: bytes(30 * 1300 + 17) }, 1300);
      const written = write(packets);
      assert.equal(written.length, 1);
      assert.deepEqual(expand(written[0] ?? Buffer.alloc(0)), packets);
    }
  }
});

test('packets put together from several chunks of a batch stay whole until it ends', () => {
  for (const flow of FLOWS) {
    const packets = cut({ ...flow, payload: bytes(30 * 300) }, 300);
    for (const chunkLength of [1, 7, 100, 359, 360, 1000, 5000]) {
      assert.deepEqual(write(packets, ALL_OFFLOADS, chunkLength), write(packets), `${chunkLength}`);
    }
  }
});

test('at most 64 segments and 65535 bytes go into one write', () => {
  for (const flow of FLOWS) {
    const header = (flow.isIpv6 ? 40 : 20) + (flow.protocol === TCP ? 32 : 8);
    assert.deepEqual(
      write(cut({ ...flow, payload: bytes(130 * 64) }, 64)).map((written) => written.length - VNET_HEADER),
      [header + 64 * 64, header + 64 * 64, header + 2 * 64],
    );
    const fits = Math.floor((65_535 - header) / 4000) * 4000;
    const long = [...cut({ ...flow, payload: bytes(fits) }, 4000), ...cut({ ...flow, payload: bytes(0) }, 1).slice(1)];
    assert.equal(write(long).length, 1);
    const more = cut({ ...flow, payload: Buffer.alloc(64_000) }, 4000);
    const next = cut({ ...flow, id: flow.id + 16, sequence: flow.sequence + 64_000, payload: bytes(4000) }, 4000);
    assert.equal(write([...more, ...next]).length, 2);
  }
});

test('every cut of a TCP stream: a shorter segment or PSH ends a super-packet', () => {
  const stream = bytes(3000);
  const at = (from: number, length: number, flags: number = TcpFlag.Ack, id = 0): Buffer =>
    build({
      ...tcp4,
      dontFragment: true,
      id,
      sequence: 5 + from,
      flags,
      payload: stream.subarray(from, from + length),
    });
  const sizes = (packets: Buffer[]): number[] => write(packets).map((written) => written.length - VNET_HEADER - 52);
  assert.deepEqual(sizes([at(0, 500), at(500, 500), at(1000, 400), at(1400, 400)]), [1400, 400]);
  assert.deepEqual(sizes([at(0, 500), at(500, 500, 0x18), at(1000, 500)]), [1000, 500]);
  assert.deepEqual(sizes([at(0, 500, 0x18), at(500, 500)]), [500, 500]);
  assert.deepEqual(sizes([at(0, 400), at(400, 500), at(900, 500)]), [400, 1000]);
  assert.deepEqual(sizes([at(0, 500), at(1000, 500)]), [500, 500], 'a gap');
  assert.deepEqual(sizes([at(0, 500), at(0, 500)]), [500, 500], 'a repetition');
});

test('TCP segments below the size by which the kernel cuts are not merged; datagrams of any size are', () => {
  const count = (flow: PacketSpec, size: number): number =>
    write(cut({ ...flow, payload: bytes(5 * size) }, size)).length;
  assert.deepEqual(
    FLOWS.map((flow) => [count(flow, 7), count(flow, 8)]),
    [
      [5, 1],
      [5, 1],
      [1, 1],
      [1, 1],
    ],
  );
});

/** Ways in which the second of three packets of a flow differs, so that the first two are no super-packet. */
const DIFFERENT: Readonly<Record<string, Partial<PacketSpec>>> = {
  'type of service or traffic class': { tos: 1 },
  'TTL or hop limit': { hopLimit: 63 },
  acknowledgement: { acknowledgement: 8 },
  window: { window: 501 },
  'value of an option': { tcpOptions: Buffer.from('0101080a0000000100000003', 'hex') },
  'more options': { tcpOptions: Buffer.alloc(16, 1) },
  FIN: { flags: 0x11 },
  SYN: { flags: 0x12 },
  RST: { flags: 0x14 },
  URG: { flags: 0x30 },
  ECE: { flags: 0x50 },
  CWR: { flags: 0x90 },
  'no ACK': { flags: 0x00 },
};

test('nothing that differs in another field is merged, and nothing is reordered', () => {
  for (const [name, difference] of Object.entries(DIFFERENT)) {
    for (const isIpv6 of [false, true]) {
      const flow = { ...tcp4, isIpv6, dontFragment: true };
      const packets = [0, 1, 2].map((i) =>
        build({ ...flow, ...(i === 1 ? difference : {}), id: i, sequence: i * 100, payload: bytes(100) }),
      );
      assert.deepEqual(write(packets).flatMap(expand), packets, name);
      assert.equal(write(packets).length, 3, name);
    }
  }
});

test('what has no super-packet to stand for it goes alone, unchanged', () => {
  const alone: Readonly<Record<string, readonly Buffer[]>> = {
    'pure ACKs': [0, 1].map((i) => build({ ...tcp4, acknowledgement: i })),
    'UDP without checksum': [0, 1].map((i) =>
      build({ ...tcp4, protocol: UDP, id: i, zeroChecksum: true, payload: bytes(9) }),
    ),
    'UDP without checksum, where the right one would be zero': [0, 1].map((id) => {
      const flow = { ...tcp4, protocol: UDP, id, payload: Buffer.alloc(4) } as const;
      flow.payload.writeUInt16BE(build(flow).readUInt16BE(26), 0);
      return build({ ...flow, zeroChecksum: true });
    }),
    'empty UDP': [0, 1].map((i) => build({ ...tcp4, protocol: UDP, id: i })),
    'IPv4 options': [0, 1].map((i) =>
      build({ ...tcp4, ipOptions: Buffer.alloc(4, 1), id: i, sequence: i * 9, payload: bytes(9) }),
    ),
    'IPv6 extension headers': [0, 1].map((i) =>
      build({ ...tcp4, isIpv6: true, ipOptions: destinationOptions(8, TCP), sequence: i * 9, payload: bytes(9) }),
    ),
    'ids that do not count up, without DF': [5, 7].map((id, i) =>
      build({ ...tcp4, id, sequence: i * 9, payload: bytes(9) }),
    ),
    fragments: [0, 1].map((i) => {
      const packet = build({ ...tcp4, id: i, sequence: i * 9, payload: bytes(9) });
      packet[6] = 0x20;
      return packet;
    }),
    'the reserved bit': [0, 1].map((i) => {
      const packet = build({ ...tcp4, id: i, sequence: i * 9, payload: bytes(9) });
      packet[6] = 0x80;
      return packet;
    }),
    'reserved TCP bits': [0, 1].map((i) => {
      const packet = build({ ...tcp4, id: i, sequence: i * 9, payload: bytes(9) });
      packet[32] = (packet[32] ?? 0) | 1;
      return packet;
    }),
    'UDP length below that of IP': [0, 1].map((i) => {
      const packet = build({ ...tcp4, protocol: UDP, id: i, payload: bytes(9) });
      packet.writeUInt16BE(16, 24);
      return packet;
    }),
    'no IP at all': [Buffer.alloc(1), Buffer.alloc(30, 0xff), Buffer.from([0x45]), Buffer.from([0x60])],
  };
  for (const [name, packets] of Object.entries(alone)) {
    const written = write(packets);
    assert.deepEqual(
      written,
      packets.map((packet) => Buffer.concat([Buffer.alloc(VNET_HEADER), packet])),
      name,
    );
  }
});

test('a damaged packet is not laundered: it goes alone with every bit as it came', () => {
  for (const flow of FLOWS) {
    const packets = cut({ ...flow, payload: bytes(5 * 40) }, 40);
    for (let damaged = 0; damaged < packets.length; damaged++) {
      const length = packets[damaged]?.length ?? 0;
      for (let at = 0; at < length; at++) {
        const changed = packets.map((packet) => Buffer.from(packet));
        const packet = changed[damaged] ?? Buffer.alloc(0);
        packet[at] = (packet[at] ?? 0) ^ 0x04;
        const received = write(changed).flatMap(expand);
        // Another port or address is another flow, so only there order may change.
        assert.deepEqual(
          received.map((one) => one.toString('hex')).sort(),
          changed.map((one) => one.toString('hex')).sort(),
          `byte ${at} of packet ${damaged}`,
        );
      }
    }
  }
});

test('without the offload for it a packet is written as it came; without a virtio header bare', () => {
  const packets = FLOWS.map((flow) => cut({ ...flow, payload: bytes(300) }, 100));
  const lone = (flags: number): number[] => packets.map((flow) => write(flow, flags).length);
  assert.deepEqual(lone(1), [3, 3, 3, 3]);
  assert.deepEqual(lone(1 | 2), [1, 3, 3, 3]);
  assert.deepEqual(lone(1 | 4), [3, 1, 3, 3]);
  assert.deepEqual(lone(1 | 8), [3, 3, 1, 1]);
  assert.deepEqual(write(packets.flat(), 14), packets.flat());
});

test('interleaved flows are merged each for itself, also more than there are places for', () => {
  const flows = (count: number): Buffer[][] =>
    Array.from({ length: count }, (_, i) => cut({ ...tcp4, sourcePort: 1000 + i, payload: bytes(4 * 50) }, 50));
  const interleaved = (all: Buffer[][]): Buffer[] =>
    [0, 1, 2, 3].flatMap((i) => all.map((flow) => flow[i] ?? Buffer.alloc(0)));
  assert.equal(write(interleaved(flows(64))).length, 64);
  const many = flows(100);
  const received = write(interleaved(many)).flatMap(expand);
  for (const [i, flow] of many.entries()) {
    assert.deepEqual(
      received.filter((packet) => packet.readUInt16BE(20) === 1000 + i),
      flow,
    );
  }
});

/** Which packets must keep their order: `flow` by ports, or undefined for what stands in order with all of its addresses. */
function orderKeys(packet: Buffer): { addresses: string; flow: string | undefined } {
  const version = (packet[0] ?? 0) >> 4;
  if (version !== 4 && version !== 6) return { addresses: 'none', flow: undefined };
  const isIpv6 = version === 6;
  const addresses = packet.toString('hex', isIpv6 ? 8 : 12, isIpv6 ? 40 : 20);
  const protocol = packet[isIpv6 ? 6 : 9] ?? 0;
  const isFragment = !isIpv6 && (packet.readUInt16BE(6) & 0x3fff) !== 0;
  if ((protocol !== TCP && protocol !== UDP) || isFragment) return { addresses, flow: undefined };
  const transport = isIpv6 ? 40 : ((packet[0] ?? 0) & 0x0f) * 4;
  return { addresses, flow: `${addresses} ${protocol} ${packet.toString('hex', transport, transport + 4)}` };
}

test('any traffic: the same packets come out, in order within each flow', () => {
  const perturbed = fc.record({
    flow: fc.nat(7),
    run: fc.integer({ min: 1, max: 6 }),
    size: fc.constantFrom(1, 2, 63, 64, 100, 100, 100, 100, 101),
    change: fc.constantFrom(
      'none',
      'none',
      'none',
      'none',
      'none',
      'push',
      'gap',
      'bit',
      'fragment',
      'field',
      'other',
      'strange',
    ),
    at: fc.nat(200),
    strange: anySpec,
  });
  let merged = 0;
  fc.assert(
    fc.property(fc.array(perturbed, { minLength: 1, maxLength: 30 }), fc.boolean(), (draws, dontFragment) => {
      const state = FLOWS.flatMap((flow) => [flow, { ...flow, sourcePort: 50_001 }]).map((flow) => ({
        flow,
        sequence: flow.sequence,
        id: flow.id,
      }));
      // Runs of one flow, with the change in one packet of each.
      const runs = draws.flatMap((draw) =>
        Array.from({ length: draw.run }, (_, i) => (i === draw.at % draw.run ? draw : { ...draw, change: 'none' })),
      );
      const packets = runs.map(({ flow: index, size, change, at, strange }) => {
        const one = state[index];
        assert.ok(one !== undefined);
        if (change === 'gap') one.sequence += 50;
        if (change === 'gap' && at % 2 === 0) one.id += 1;
        const flags = change === 'push' ? 0x18 : change === 'field' ? at : TcpFlag.Ack;
        const spec = {
          ...one.flow,
          dontFragment,
          sequence: one.sequence,
          id: one.id,
          flags,
          payload: bytes(at + size).subarray(at),
        };
        one.sequence += size;
        one.id += 1;
        if (change === 'strange') return build({ ...strange, payload: strange.payload.subarray(0, 3000) });
        const packet = build(change === 'field' ? { ...spec, tos: at & 3, hopLimit: 64 - (at & 1) } : spec);
        if (change === 'bit') packet[at % packet.length] = (packet[at % packet.length] ?? 0) ^ (1 << (at & 7));
        if (change === 'fragment' && !one.flow.isIpv6) packet[6] = 0x20;
        if (change === 'other') packet[one.flow.isIpv6 ? 6 : 9] = 58;
        return packet;
      });
      const written = write(packets);
      if (written.length < packets.length) merged += 1;
      const received = written.flatMap(expand);
      assert.deepEqual(received.map(withoutAtomicId).sort(), packets.map(withoutAtomicId).sort());
      for (const key of new Set(packets.map((packet) => orderKeys(packet).flow))) {
        const addresses = key?.split(' ')[0];
        const belongs = (packet: Buffer): boolean => {
          const keys = orderKeys(packet);
          return keys.flow === key || (keys.flow === undefined && keys.addresses === addresses);
        };
        assert.deepEqual(received.filter(belongs).map(withoutAtomicId), packets.filter(belongs).map(withoutAtomicId));
      }
    }),
    { numRuns: 500 },
  );
  assert.ok(merged > 300, `only ${merged} of 500 runs merged anything`);
});
