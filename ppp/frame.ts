/** PPP protocol numbers (IANA "PPP Numbers") that this implementation knows by name. */
export const PppProtocol = {
  Ip: 0x0021,
  Ipv6: 0x0057,
  Ipcp: 0x8021,
  Ipv6cp: 0x8057,
  Ccp: 0x80fd,
  Lcp: 0xc021,
  Pap: 0xc023,
  Lqr: 0xc025,
  Chap: 0xc223,
  Eap: 0xc227,
} as const;

const ADDRESS = 0xff; // all stations, RFC 1662 §3.1
const CONTROL = 0x03; // unnumbered information

/**
 * Takes off the PPP header. Address and Control may be missing, for a peer may have understood our silence on ACFC its
 * own way; a Protocol field of one byte is refused, because we reject PFC (RFC 1661 §6.5).
 *
 * @param frame a PPP frame without HDLC flags, escapes and FCS, as SSTP carries it (MS-SSTP 2.2.3)
 * @returns the protocol and a view into `frame`, or undefined if the header is incomplete or its Protocol is malformed
 */
export function decodePppFrame(frame: Buffer): { readonly protocol: number; readonly payload: Buffer } | undefined {
  const start = frame[0] === ADDRESS && frame[1] === CONTROL ? 2 : 0;
  if (frame.length < start + 2) return undefined;
  const protocol = frame.readUInt16BE(start);
  // RFC 1661 §2: the low bit of the last octet is one, that of the first is zero.
  if ((protocol & 0x0101) !== 0x0001) return undefined;
  return { protocol, payload: frame.subarray(start + 2) };
}

/** A frame with the whole header, `FF 03` and two bytes of Protocol: some clients take no other form. */
export function encodePppFrame(protocol: number, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(4 + payload.length);
  frame[0] = ADDRESS;
  frame[1] = CONTROL;
  frame.writeUInt16BE(protocol, 2);
  frame.set(payload, 4);
  return frame;
}
