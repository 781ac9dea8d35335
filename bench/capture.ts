/** Counts round trips in a capture of the client's side of a line. */
import { readFileSync } from 'node:fs';

/** One packet that carried something other than an acknowledgement. */
export interface CapturedPacket {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly isFromClient: boolean;
}

const FILE_HEADER = 24;
const RECORD_HEADER = 16;
const MICROSECONDS = 0xa1b2c3d4;
const LINKTYPE_RAW = 101;
const TCP = 6;
const SYN = 0x02;

/**
 * Reads what tcpdump wrote on a TUN device (pcap, LINKTYPE_RAW, IPv4). TCP segments without SYN or payload are left out:
 * they answer nothing.
 *
 * @throws {Error} if the file is anything else
 */
export function readCapture(file: string, clientAddress: string): CapturedPacket[] {
  const bytes = readFileSync(file);
  if (bytes.length < FILE_HEADER || bytes.readUInt32LE(0) !== MICROSECONDS || bytes.readUInt32LE(20) !== LINKTYPE_RAW) {
    throw new Error(`${file} is no capture of IP packets`);
  }
  const packets: CapturedPacket[] = [];
  let offset = FILE_HEADER;
  while (offset + RECORD_HEADER <= bytes.length) {
    const at = bytes.readUInt32LE(offset) * 1e3 + bytes.readUInt32LE(offset + 4) / 1e3;
    const length = bytes.readUInt32LE(offset + 8);
    const packet = bytes.subarray(offset + RECORD_HEADER, offset + RECORD_HEADER + length);
    offset += RECORD_HEADER + length;
    if (packet.length < 20 || (packet[0] ?? 0) >> 4 !== 4 || !saysSomething(packet)) continue;
    packets.push({ at, isFromClient: packet.subarray(12, 16).join('.') === clientAddress });
  }
  return packets;
}

function saysSomething(packet: Buffer): boolean {
  if (packet[9] !== TCP) return true;
  const ipHeader = ((packet[0] ?? 0) & 0x0f) * 4;
  if (packet.length < ipHeader + 14) return false;
  const tcpHeader = (packet.readUInt8(ipHeader + 12) >> 4) * 4;
  const isSyn = (packet.readUInt8(ipHeader + 13) & SYN) !== 0;
  return isSyn || packet.readUInt16BE(2) > ipHeader + tcpHeader;
}

/**
 * The longest chain in which each packet can have been caused by the one before, up to `end`: a client's packet by any
 * that has arrived, a server's by one that was sent a round trip earlier. Each link back from the server is one round
 * trip. Waiting without a packet adds none.
 */
export function countRoundTrips(packets: readonly CapturedPacket[], roundTripMs: number, end: number): number {
  // Depth of the deepest client packet so far, with the time from which on an answer to it may arrive.
  const answers: { readonly from: number; readonly depth: number }[] = [];
  let received = 0;
  for (const { at, isFromClient } of packets) {
    if (at > end) break;
    if (isFromClient) {
      // What the clocks of capture and line disagree by is far below a tenth.
      if ((answers.at(-1)?.depth ?? 0) <= received) answers.push({ from: at + 0.9 * roundTripMs, depth: received + 1 });
    } else {
      for (const { from, depth } of answers) if (from <= at) received = Math.max(received, depth);
    }
  }
  return received;
}
