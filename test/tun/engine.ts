/**
 * What the tests of the native packet engine share: its functions with types, and the same packets made in plain
 * TypeScript, one at a time, from the RFCs.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { addWords, foldChecksum, internetChecksum } from '../../ip/checksum.ts';
import { loadNative, type NativeAddon } from '../../tun/native.ts';

/** See tun/native/engine_test_api.cc. Numbers for booleans: 0 or 1. */
export interface Engine {
  segment(bytes: Buffer, hasVnet: number, mtu: number): Buffer | undefined;
  describe(bytes: Buffer, hasVnet: number): Buffer | undefined;
  /** All chunks of `chunkLength` bytes, or one if 0, are one batch. */
  coalesce(frames: Buffer, flags: number, chunkLength: number): Buffer;
  judgeIpv4(packet: Buffer, fromServer: number, client: number): number;
  judgeIpv6(packet: Buffer, fromServer: number, addresses: Buffer): number;
  clampMss(packet: Buffer, mtu: number): Buffer;
  split(stream: Buffer, chunks: Int32Array, pauses: number): Buffer;
  checksum(bytes: Buffer): number;
  /** @returns an errno, or 0 */
  readAcknowledgement(answer: Buffer): number;
  endsDump(received: Buffer): number;
  /** @returns DumpState, errno, number of requests in 4 bytes each, and the requests to delete flows of these addresses */
  readDump(received: Buffer, addresses: Buffer): Buffer;
}

export const engine: Engine = (loadNative() as NativeAddon & { readonly engine: Engine }).engine;

export const VNET_HEADER = 10;
export const NEEDS_CSUM = 1;
export const GsoType = { None: 0, TcpV4: 1, Ufo: 3, TcpV6: 4, UdpL4: 5, Ecn: 0x80 } as const;
export const TCP = 6;
export const UDP = 17;
export const TcpFlag = { Fin: 0x01, Syn: 0x02, Psh: 0x08, Ack: 0x10, Cwr: 0x80 } as const;
/** Flags of `coalesce`: virtio header, TSO4, TSO6, USO. */
export const ALL_OFFLOADS = 15;

/** A TCP segment or UDP datagram in an IP packet, field by field. */
export interface PacketSpec {
  readonly isIpv6: boolean;
  readonly protocol: typeof TCP | typeof UDP;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Type of service or traffic class. */
  readonly tos: number;
  /** IPv6 only. */
  readonly flowLabel: number;
  readonly hopLimit: number;
  readonly id: number;
  readonly dontFragment: boolean;
  /** IPv4 options, or one IPv6 Destination Options header; mostly none. */
  readonly ipOptions: Uint8Array;
  readonly sequence: number;
  readonly acknowledgement: number;
  readonly flags: number;
  readonly window: number;
  /** Whole 32-bit words. */
  readonly tcpOptions: Uint8Array;
  /** UDP without a checksum, RFC 768. */
  readonly zeroChecksum: boolean;
  readonly payload: Uint8Array;
}

const DESTINATION_OPTIONS = 60;

/** Where the transport header starts. */
export function transportOffset(spec: PacketSpec): number {
  return (spec.isIpv6 ? 40 : 20) + spec.ipOptions.length;
}

export function headerLength(spec: PacketSpec): number {
  return transportOffset(spec) + (spec.protocol === TCP ? 20 + spec.tcpOptions.length : 8);
}

function transportHeader(spec: PacketSpec): Buffer {
  if (spec.protocol === UDP) {
    const udp = Buffer.alloc(8);
    udp.writeUInt16BE(spec.sourcePort, 0);
    udp.writeUInt16BE(spec.destinationPort, 2);
    udp.writeUInt16BE(8 + spec.payload.length, 4);
    return udp;
  }
  const tcp = Buffer.alloc(20);
  tcp.writeUInt16BE(spec.sourcePort, 0);
  tcp.writeUInt16BE(spec.destinationPort, 2);
  tcp.writeUInt32BE(spec.sequence >>> 0, 4);
  tcp.writeUInt32BE(spec.acknowledgement, 8);
  tcp[12] = (5 + spec.tcpOptions.length / 4) << 4;
  tcp[13] = spec.flags;
  tcp.writeUInt16BE(spec.window, 14);
  return Buffer.concat([tcp, spec.tcpOptions]);
}

function ipHeader(spec: PacketSpec, behind: number): Buffer {
  if (spec.isIpv6) {
    const header = Buffer.alloc(40);
    header.writeUInt32BE(((6 << 28) | (spec.tos << 20) | spec.flowLabel) >>> 0, 0);
    header.writeUInt16BE(spec.ipOptions.length + behind, 4);
    header[6] = spec.ipOptions.length === 0 ? spec.protocol : DESTINATION_OPTIONS;
    header[7] = spec.hopLimit;
    header.set(spec.source, 8);
    header.set(spec.destination, 24);
    return Buffer.concat([header, spec.ipOptions]);
  }
  const header = Buffer.concat([Buffer.alloc(20), spec.ipOptions]);
  header[0] = 0x40 | (header.length / 4);
  header[1] = spec.tos;
  header.writeUInt16BE(header.length + behind, 2);
  header.writeUInt16BE(spec.id & 0xffff, 4);
  header.writeUInt16BE(spec.dontFragment ? 0x4000 : 0, 6);
  header[8] = spec.hopLimit;
  header[9] = spec.protocol;
  header.set(spec.source.subarray(0, 4), 12);
  header.set(spec.destination.subarray(0, 4), 16);
  header.writeUInt16BE(internetChecksum(header, 0, header.length), 10);
  return header;
}

/** RFC 9293 3.1, RFC 8200 8.1; not folded. */
function pseudoHeaderSum(spec: PacketSpec, length: number): number {
  const size = spec.isIpv6 ? 16 : 4;
  return addWords(spec.destination, 0, size, addWords(spec.source, 0, size, length + spec.protocol));
}

/** The packet with all checksums. */
export function build(spec: PacketSpec): Buffer {
  const transport = Buffer.concat([transportHeader(spec), spec.payload]);
  if (!spec.zeroChecksum || spec.protocol === TCP) {
    const sum = pseudoHeaderSum(spec, transport.length);
    const checksum = foldChecksum(addWords(transport, 0, transport.length, sum));
    const isZeroUdp = spec.protocol === UDP && checksum === 0;
    transport.writeUInt16BE(isZeroUdp ? 0xffff : checksum, spec.protocol === TCP ? 16 : 6);
  }
  return Buffer.concat([ipHeader(spec, transport.length), transport]);
}

/** The packet as the kernel leaves it to the device: a checksum field with the sum of the pseudo-header in it. */
export function buildPartial(spec: PacketSpec): Buffer {
  const packet = build({ ...spec, zeroChecksum: false });
  const transport = transportOffset(spec);
  const sum = ~foldChecksum(pseudoHeaderSum(spec, packet.length - transport)) & 0xffff;
  packet.writeUInt16BE(sum, transport + (spec.protocol === TCP ? 16 : 6));
  return packet;
}

export interface Vnet {
  readonly flags: number;
  readonly gsoType: number;
  readonly headerLength: number;
  readonly gsoSize: number;
  readonly csumStart: number;
  readonly csumOffset: number;
}

/** struct virtio_net_hdr in the byte order of the machine; the tests run on little-endian ones. */
export function encodeVnet(vnet: Vnet): Buffer {
  const bytes = Buffer.alloc(VNET_HEADER);
  bytes[0] = vnet.flags;
  bytes[1] = vnet.gsoType;
  bytes.writeUInt16LE(vnet.headerLength, 2);
  bytes.writeUInt16LE(vnet.gsoSize, 4);
  bytes.writeUInt16LE(vnet.csumStart, 6);
  bytes.writeUInt16LE(vnet.csumOffset, 8);
  return bytes;
}

export function decodeVnet(bytes: Buffer): Vnet {
  return {
    flags: bytes[0] ?? 0,
    gsoType: bytes[1] ?? 0,
    headerLength: bytes.readUInt16LE(2),
    gsoSize: bytes.readUInt16LE(4),
    csumStart: bytes.readUInt16LE(6),
    csumOffset: bytes.readUInt16LE(8),
  };
}

export function vnetOf(spec: PacketSpec, gsoSize: number): Vnet {
  const tcpType = spec.isIpv6 ? GsoType.TcpV6 : GsoType.TcpV4;
  return {
    flags: spec.zeroChecksum && spec.protocol === UDP ? 0 : NEEDS_CSUM,
    gsoType: gsoSize === 0 ? GsoType.None : spec.protocol === TCP ? tcpType : GsoType.UdpL4,
    headerLength: headerLength(spec),
    gsoSize,
    csumStart: transportOffset(spec),
    csumOffset: spec.protocol === TCP ? 16 : 6,
  };
}

/** What a read of the device gives. */
export function buildSuper(spec: PacketSpec, gsoSize: number): Buffer {
  const packet = spec.zeroChecksum && spec.protocol === UDP ? build(spec) : buildPartial(spec);
  return Buffer.concat([encodeVnet(vnetOf(spec, gsoSize)), packet]);
}

/** The packets that a super-packet stands for, each made from its fields. */
export function cut(spec: PacketSpec, gsoSize: number): Buffer[] {
  const packets: Buffer[] = [];
  for (let i = 0, from = 0; from < spec.payload.length || i === 0; i++, from += gsoSize) {
    const isLast = from + gsoSize >= spec.payload.length;
    let { flags } = spec;
    if (!isLast) flags &= ~(TcpFlag.Fin | TcpFlag.Psh);
    if (i > 0) flags &= ~TcpFlag.Cwr;
    const payload = spec.payload.subarray(from, from + gsoSize);
    packets.push(build({ ...spec, id: spec.id + i, sequence: spec.sequence + from, flags, payload }));
  }
  return packets;
}

/** An SSTP data packet with a PPP frame around an IP packet: MS-SSTP 2.2.3, RFC 1662 3.1. */
export function frame(packet: Uint8Array): Buffer {
  const length = 8 + packet.length;
  const protocol = (packet[0] ?? 0) >> 4 === 6 ? 0x57 : 0x21;
  return Buffer.concat([Buffer.from([0x10, 0, length >> 8, length & 0xff, 0xff, 0x03, 0, protocol]), packet]);
}

/**
 * The packets that a super-packet behind its virtio header stands for, from its fields; a plain one as it is. Checks what
 * the reader relies on, and that the native segmentation gives the same.
 */
export function expand(written: Buffer): Buffer[] {
  const vnet = decodeVnet(written);
  const packet = written.subarray(VNET_HEADER);
  if (vnet.gsoType === GsoType.None) {
    assert.deepEqual(written.subarray(0, VNET_HEADER), Buffer.alloc(VNET_HEADER));
    return [packet];
  }
  const isIpv6 = (packet[0] ?? 0) >> 4 === 6;
  const isTcp = vnet.gsoType !== GsoType.UdpL4;
  const ipHeader = isIpv6 ? 40 : 20;
  const header = ipHeader + (isTcp ? ((packet[ipHeader + 12] ?? 0) >> 4) * 4 : 8);
  assert.deepEqual(vnet, {
    flags: NEEDS_CSUM,
    gsoType: isTcp ? (isIpv6 ? GsoType.TcpV6 : GsoType.TcpV4) : GsoType.UdpL4,
    headerLength: vnet.headerLength,
    gsoSize: vnet.gsoSize,
    csumStart: ipHeader,
    csumOffset: isTcp ? 16 : 6,
  });
  assert.ok(vnet.headerLength >= header);
  assert.ok(packet.length <= 65_535 && packet.length > header + vnet.gsoSize);
  assert.equal(packet.readUInt16BE(isIpv6 ? 4 : 2), isIpv6 ? packet.length - 40 : packet.length);
  if (!isIpv6) assert.equal(internetChecksum(packet, 0, 20), 0);
  if (!isTcp) assert.equal(packet.readUInt16BE(ipHeader + 4), packet.length - ipHeader);
  const addresses = addWords(packet, isIpv6 ? 8 : 12, ipHeader);
  const pseudo = addresses + (packet.length - ipHeader) + (isTcp ? TCP : UDP);
  assert.equal(packet.readUInt16BE(ipHeader + vnet.csumOffset), ~foldChecksum(pseudo) & 0xffff);
  const spec: PacketSpec = {
    isIpv6,
    protocol: isTcp ? TCP : UDP,
    source: packet.subarray(isIpv6 ? 8 : 12, isIpv6 ? 24 : 16),
    destination: packet.subarray(isIpv6 ? 24 : 16, ipHeader),
    sourcePort: packet.readUInt16BE(ipHeader),
    destinationPort: packet.readUInt16BE(ipHeader + 2),
    tos: isIpv6 ? (packet.readUInt16BE(0) >> 4) & 0xff : (packet[1] ?? 0),
    flowLabel: isIpv6 ? packet.readUInt32BE(0) & 0xfffff : 0,
    hopLimit: packet[isIpv6 ? 7 : 8] ?? 0,
    id: packet.readUInt16BE(4),
    dontFragment: packet[6] === 0x40,
    ipOptions: Buffer.alloc(0),
    sequence: isTcp ? packet.readUInt32BE(ipHeader + 4) : 0,
    acknowledgement: isTcp ? packet.readUInt32BE(ipHeader + 8) : 0,
    flags: packet[ipHeader + 13] ?? 0,
    window: isTcp ? packet.readUInt16BE(ipHeader + 14) : 0,
    tcpOptions: isTcp ? packet.subarray(ipHeader + 20, header) : Buffer.alloc(0),
    zeroChecksum: false,
    payload: packet.subarray(header),
  };
  const packets = cut(spec, vnet.gsoSize);
  assert.ok(engine.segment(written, 1, 0)?.equals(Buffer.concat(packets.map(frame))));
  return packets;
}

/** Splits [length, 4 bytes][bytes]... */
export function splitLengths(bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const length = bytes.readUInt32BE(offset);
    pieces.push(bytes.subarray(offset + 4, offset + 4 + length));
    offset += 4 + length;
  }
  return pieces;
}

const word = fc.nat(0xffff);
const number32 = fc.nat(0xffffffff);
const bytesOf = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
/** Whole NOPs and PadN as options: what matters is that they are there and copied. */
const tcpOptions = fc.constantFrom(0, 4, 12, 40).map((length) => Buffer.alloc(length, 1));
const ipOptions = (isIpv6: boolean, protocol: number): fc.Arbitrary<Uint8Array> =>
  fc
    .constantFrom(0, 0, 0, 8, 24)
    .map((length) => (isIpv6 ? destinationOptions(length, protocol) : Buffer.alloc(length, 1)));

/** One Destination Options header with PadN in it, RFC 8200 4.2 and 4.6. */
export function destinationOptions(length: number, next: number): Buffer {
  const header = Buffer.alloc(length);
  if (length > 0) header.set([next, length / 8 - 1, 1, length - 4]);
  return header;
}

/** Sizes that reach each branch: odd, even, empty, around and far above a segment. */
export const payload: fc.Arbitrary<Uint8Array> = fc
  .tuple(fc.oneof(fc.nat(64), fc.nat(3000), fc.nat(20_000)), fc.nat(0xffff))
  .map(([length, seed]) => {
    const bytes = Buffer.alloc(length);
    for (let i = 0; i < length; i++) bytes[i] = (i * (seed | 1) + (i >> 8) * 7 + seed) & 0xff;
    return bytes;
  });

export const anySpec: fc.Arbitrary<PacketSpec> = fc
  .tuple(fc.boolean(), fc.constantFrom<typeof TCP | typeof UDP>(TCP, UDP))
  .chain(([isIpv6, protocol]) =>
    fc.record({
      isIpv6: fc.constant(isIpv6),
      protocol: fc.constant(protocol),
      source: bytesOf(16),
      destination: bytesOf(16),
      sourcePort: word,
      destinationPort: word,
      tos: fc.nat(0xff),
      flowLabel: fc.nat(0xfffff),
      hopLimit: fc.nat(0xff),
      id: fc.oneof(word, fc.constant(0xffff)),
      dontFragment: fc.boolean(),
      ipOptions: ipOptions(isIpv6, protocol),
      sequence: fc.oneof(number32, fc.constant(0xffffff00)),
      acknowledgement: number32,
      flags: fc.nat(0xff).map((flags) => flags & ~TcpFlag.Syn),
      window: word,
      tcpOptions,
      zeroChecksum: fc.integer({ min: 0, max: 4 }).map((n) => n === 0 && protocol === UDP),
      payload,
    }),
  );
