/** The Internet checksum: RFC 1071, its incremental update of RFC 1624, and the pseudo-header of RFC 8200 8.1. */

/**
 * Adds bytes[start, end) as 16-bit words in network order to `sum`; an odd last byte counts as the high one.
 *
 * @returns the unfolded sum: exact for up to 2^36 bytes, fold it with `foldChecksum`
 */
export function addWords(bytes: Uint8Array, start: number, end: number, sum = 0): number {
  let total = sum;
  let i = start;
  for (; i + 1 < end; i += 2) total += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  if (i < end) total += (bytes[i] ?? 0) << 8;
  return total;
}

/** The ones' complement of an unfolded sum: what goes into a checksum field. 0 for a message with a right checksum in it. */
export function foldChecksum(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded % 0x10000) + Math.floor(folded / 0x10000);
  return ~folded & 0xffff;
}

/** RFC 1071 over bytes[start, end). */
export function internetChecksum(bytes: Uint8Array, start: number, end: number): number {
  return foldChecksum(addWords(bytes, start, end));
}

/**
 * Checksum of an upper-layer message with the IPv6 pseudo-header, RFC 8200 8.1.
 *
 * @param bytes an IPv6 packet from `start`, whose addresses are read; the message is bytes[messageStart, end)
 * @returns 0 if the message holds its right checksum; else what belongs there, if the field was 0
 */
export function ipv6Checksum(
  bytes: Uint8Array,
  start: number,
  messageStart: number,
  end: number,
  protocol: number,
): number {
  const pseudoHeader = addWords(bytes, start + 8, start + 40) + (end - messageStart) + protocol;
  return foldChecksum(addWords(bytes, messageStart, end, pseudoHeader));
}

/** The checksum after one 16-bit word under it changed from `before` to `after`: RFC 1624 equation 3. */
export function updateChecksum(checksum: number, before: number, after: number): number {
  return foldChecksum((~checksum & 0xffff) + (~before & 0xffff) + after);
}
