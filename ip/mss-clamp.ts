/**
 * Lowers the TCP maximum segment size that the two ends of a connection tell each other to what fits the tunnel
 * (RFC 6691): without it a path that swallows ICMP leaves connections that open and then hang.
 */
import { updateChecksum } from './checksum.ts';

const TCP = 6;
const TCP_HEADER = 20;
const SYN = 0x02;
const OPTION_END = 0;
const OPTION_NOP = 1;
const OPTION_MSS = 2;
const OPTION_MSS_LENGTH = 4;
/** Extension headers before TCP that we walk; a packet with more of them passes unchanged. */
const MOST_EXTENSION_HEADERS = 8;

/**
 * Lowers the MSS option of a TCP SYN or SYN-ACK in bytes[start, end) in place and mends the TCP checksum. Anything else,
 * a SYN without the option and one whose option fits are left alone, as is whatever cannot be parsed.
 *
 * @param mtu bytes per IP packet on the narrower side
 * @returns whether the packet was changed
 */
export function clampMss(bytes: Uint8Array, start: number, end: number, mtu: number): boolean {
  switch (at(bytes, start) >> 4) {
    case 4:
      return clampIpv4(bytes, start, end, mtu);
    case 6:
      return clampIpv6(bytes, start, end, mtu);
    default:
      return false;
  }
}

function clampIpv4(bytes: Uint8Array, start: number, end: number, mtu: number): boolean {
  const headerLength = (at(bytes, start) & 0x0f) << 2;
  if (headerLength < 20 || start + headerLength + TCP_HEADER > end) return false;
  if (bytes[start + 9] !== TCP) return false;
  const fragmentOffset = uint16(bytes, start + 6) & 0x1fff;
  if (fragmentOffset !== 0) return false;
  const packetEnd = Math.min(end, start + uint16(bytes, start + 2));
  return clampTcp(bytes, start + headerLength, packetEnd, mtu - 20 - TCP_HEADER);
}

function clampIpv6(bytes: Uint8Array, start: number, end: number, mtu: number): boolean {
  if (start + 40 + TCP_HEADER > end) return false;
  const packetEnd = Math.min(end, start + 40 + uint16(bytes, start + 4));
  let next = at(bytes, start + 6);
  let offset = start + 40;
  for (let i = 0; i <= MOST_EXTENSION_HEADERS; i++) {
    if (next === TCP) return clampTcp(bytes, offset, packetEnd, mtu - 40 - TCP_HEADER);
    const length = extensionLength(bytes, offset, packetEnd, next);
    if (length === 0) return false;
    next = at(bytes, offset);
    offset += length;
  }
  return false;
}

/** @returns length of the extension header at `offset`, or 0 if TCP can't be behind it in this packet. RFC 8200 4. */
function extensionLength(bytes: Uint8Array, offset: number, end: number, type: number): number {
  if (offset + 8 > end) return 0;
  switch (type) {
    case 0: // Hop-by-Hop Options
    case 43: // Routing
    case 60: // Destination Options
      return (at(bytes, offset + 1) + 1) << 3;
    case 44: // Fragment: only the first one starts with the TCP header
      return uint16(bytes, offset + 2) >> 3 === 0 ? 8 : 0;
    default: // another protocol; or an Authentication Header (51), and what that signs must not be changed
      return 0;
  }
}

/** RFC 9293 3.1 and 3.2. The option list ends at the data offset; a length that runs past it ends the walk. */
function clampTcp(bytes: Uint8Array, start: number, end: number, most: number): boolean {
  if (start + TCP_HEADER > end || most <= 0) return false;
  if ((at(bytes, start + 13) & SYN) === 0) return false;
  const optionsEnd = start + ((at(bytes, start + 12) >> 4) << 2);
  if (optionsEnd > end) return false;

  let isChanged = false;
  let offset = start + TCP_HEADER;
  while (offset < optionsEnd) {
    const kind = at(bytes, offset);
    if (kind === OPTION_END) break;
    if (kind === OPTION_NOP) {
      offset += 1;
      continue;
    }
    if (offset + 1 >= optionsEnd) break;
    const length = at(bytes, offset + 1);
    if (length < 2 || offset + length > optionsEnd) break;
    if (kind === OPTION_MSS && length === OPTION_MSS_LENGTH && uint16(bytes, offset + 2) > most) {
      setWord(bytes, start, offset + 2, most);
      isChanged = true;
    }
    offset += length;
  }
  return isChanged;
}

/** Writes a 16-bit value and updates the TCP checksum; at an odd offset it counts with its bytes swapped (RFC 1071 2 B). */
function setWord(bytes: Uint8Array, tcpStart: number, offset: number, value: number): void {
  const isSwapped = ((offset - tcpStart) & 1) === 1;
  const before = uint16(bytes, offset);
  const checksum = uint16(bytes, tcpStart + 16);
  const updated = updateChecksum(checksum, isSwapped ? swap(before) : before, isSwapped ? swap(value) : value);
  bytes[offset] = value >> 8;
  bytes[offset + 1] = value & 0xff;
  bytes[tcpStart + 16] = updated >> 8;
  bytes[tcpStart + 17] = updated & 0xff;
}

function swap(word: number): number {
  return ((word & 0xff) << 8) | (word >> 8);
}

/** Callers have checked that the offset lies in the packet; outside of it there are zeros, never an exception. */
function at(bytes: Uint8Array, offset: number): number {
  return bytes[offset] ?? 0;
}

function uint16(bytes: Uint8Array, offset: number): number {
  return (at(bytes, offset) << 8) | at(bytes, offset + 1);
}
