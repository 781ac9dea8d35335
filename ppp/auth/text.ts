/**
 * A name, password or message from the wire. UTF-8 where it is that, else one character per byte, so that different
 * bytes never become the same text.
 */
export function decodeText(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? text : bytes.toString('latin1');
}

/** A copy of the bytes of such a text where they are not UTF-8, so that the text does not tell which they were. */
export function bytesUnlessUtf8(bytes: Buffer): Buffer | undefined {
  return Buffer.from(bytes.toString('utf8'), 'utf8').equals(bytes) ? undefined : Buffer.from(bytes);
}

/** Text for a field of at most `limit` bytes; a character that does not fit whole is left out. */
export function encodeText(text: string, limit: number): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= limit) return bytes;
  let end = limit;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1; // not inside a character
  return bytes.subarray(0, end);
}
