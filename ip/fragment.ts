/** IPv4 packets that do not fit the next hop, cut into fragments: RFC 791 3.2, RFC 1812 5.2.6. */
import { internetChecksum } from './checksum.ts';

const HEADER = 20;
const DO_NOT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS = 0x2000;
const OFFSET = 0x1fff;
const END_OF_OPTIONS = 0;
const NO_OPERATION = 1;
const COPIED = 0x80;

/**
 * @param bytes with a whole IPv4 packet in [start, end), perhaps a fragment already
 * @param mtu bytes that fit
 * @returns the fragments in order, with their checksums; undefined where it may not be cut (DF), where no piece would
 *   fit, or where its own lengths make no sense
 */
export function fragmentIpv4(bytes: Uint8Array, start: number, end: number, mtu: number): Buffer[] | undefined {
  const packet = Buffer.from(bytes.buffer, bytes.byteOffset + start, Math.max(0, end - start));
  if (packet.length < HEADER || packet.readUInt8(0) >> 4 !== 4) return undefined;
  const headerLength = (packet.readUInt8(0) & 0x0f) << 2;
  const word = packet.readUInt16BE(6);
  const isWhole = headerLength >= HEADER && headerLength < packet.length;
  if (!isWhole || (word & DO_NOT_FRAGMENT) !== 0 || mtu < headerLength + 8) return undefined;
  const payload = packet.subarray(headerLength);
  if ((word & OFFSET) * 8 + payload.length > 0xffff) return undefined;

  const fixed = packet.subarray(0, HEADER);
  const later = Buffer.concat([fixed, copiedOptions(packet.subarray(HEADER, headerLength))]);
  const fragments: Buffer[] = [];
  for (let position = 0; position < payload.length; ) {
    const header = position === 0 ? packet.subarray(0, headerLength) : later;
    const left = payload.length - position;
    const length = left <= mtu - header.length ? left : (mtu - header.length) & ~7;
    const isLast = length === left;
    const fragment = Buffer.concat([header, payload.subarray(position, position + length)]);
    const more = isLast ? word & MORE_FRAGMENTS : MORE_FRAGMENTS;
    fragment[0] = 0x40 | (header.length >> 2);
    fragment.writeUInt16BE(fragment.length, 2);
    fragment.writeUInt16BE((word & ~(MORE_FRAGMENTS | OFFSET)) | more | ((word & OFFSET) + position / 8), 6);
    fragment.writeUInt16BE(0, 10);
    fragment.writeUInt16BE(internetChecksum(fragment, 0, header.length), 10);
    fragments.push(fragment);
    position += length;
  }
  return fragments;
}

/** RFC 791 3.1: those with the copied flag, padded to whole words. What makes no sense ends the list. */
function copiedOptions(options: Buffer): Buffer {
  const kept: Buffer[] = [];
  for (let at = 0; at < options.length; ) {
    const type = options[at];
    if (type === undefined || type === END_OF_OPTIONS) break;
    if (type === NO_OPERATION) {
      at += 1;
      continue;
    }
    const length = options[at + 1];
    if (length === undefined || length < 2 || length > options.length - at) break;
    if ((type & COPIED) !== 0) kept.push(options.subarray(at, at + length));
    at += length;
  }
  const filled = kept.reduce((sum, { length }) => sum + length, 0);
  return Buffer.concat(kept, (filled + 3) & ~3);
}
