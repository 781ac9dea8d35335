/** What stands in front of an IP packet on an SSTP connection: SSTP header (MS-SSTP 2.2.3), then PPP (RFC 1662 3.1). */
import { encodeDataHeader } from '../sstp/index.ts';

/** PPP protocol numbers of network data: RFC 1332 2, RFC 5072 3. */
export const PPP_IPV4 = 0x0021;
export const PPP_IPV6 = 0x0057;
export type IpProtocol = typeof PPP_IPV4 | typeof PPP_IPV6;

/** FF 03, All-Stations and Unnumbered Information: never compressed, as we refuse Address-and-Control compression. */
export const PPP_ADDRESS = 0xff;
export const PPP_CONTROL = 0x03;

const PPP_HEADER = 4;
/** Bytes in front of an IP packet. */
export const DATA_HEADER = 8;
/** The SSTP length has 12 bits and counts itself: 4095 - 8. */
export const MOST_PACKET_BYTES = 4087;

/**
 * Writes the `DATA_HEADER` bytes.
 *
 * @param length of the IP packet, at most `MOST_PACKET_BYTES`
 */
export function encodeFrameHeader(target: Buffer, offset: number, length: number, protocol: IpProtocol): void {
  encodeDataHeader(target, offset, PPP_HEADER + length);
  target[offset + 4] = PPP_ADDRESS;
  target[offset + 5] = PPP_CONTROL;
  target[offset + 6] = protocol >> 8;
  target[offset + 7] = protocol & 0xff;
}
