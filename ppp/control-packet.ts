/**
 * Packets of LCP and of the NCPs, RFC 1661 §5, with the two LCP extensions of RFC 1570.
 *
 *    0                   1                   2                   3
 *   |     Code      |  Identifier   |            Length             |   Data ...
 */
const Code = {
  ConfigureRequest: 1,
  ConfigureAck: 2,
  ConfigureNak: 3,
  ConfigureReject: 4,
  TerminateRequest: 5,
  TerminateAck: 6,
  CodeReject: 7,
  ProtocolReject: 8,
  EchoRequest: 9,
  EchoReply: 10,
  DiscardRequest: 11,
  Identification: 12,
  TimeRemaining: 13,
} as const;

const HEADER_LENGTH = 4;

/** What a Code-Reject or Protocol-Reject returns of the offending packet: fits the smallest MRU that we accept (576). */
export const MAX_REJECTED_LENGTH = 570;

export type ConfigureType = 'ConfigureRequest' | 'ConfigureAck' | 'ConfigureNak' | 'ConfigureReject';

/** Codes from 8 on belong to LCP alone; for an NCP they are unknown codes (RFC 1661 §5). */
export type ControlPacket =
  | { readonly type: ConfigureType; readonly identifier: number; readonly options: Buffer }
  | { readonly type: 'TerminateRequest' | 'TerminateAck'; readonly identifier: number; readonly data: Buffer }
  | { readonly type: 'CodeReject'; readonly identifier: number; readonly rejected: Buffer }
  | {
      readonly type: 'ProtocolReject';
      readonly identifier: number;
      readonly protocol: number;
      readonly rejected: Buffer;
    }
  | {
      readonly type: 'EchoRequest' | 'EchoReply' | 'DiscardRequest' | 'Identification' | 'TimeRemaining';
      readonly identifier: number;
      readonly magic: number;
      readonly data: Buffer;
    }
  | { readonly type: 'Unknown'; readonly code: number; readonly identifier: number; readonly data: Buffer };

/**
 * Bytes behind Length are padding and passed over (RFC 1661 §5).
 *
 * @returns the packet, which keeps no reference to `payload`; undefined if it is to be silently discarded: a Length that
 *   is under four or beyond the end, or data too short for the Code
 */
export function decodeControlPacket(payload: Buffer): ControlPacket | undefined {
  if (payload.length < HEADER_LENGTH) return undefined;
  const length = payload.readUInt16BE(2);
  if (length < HEADER_LENGTH || length > payload.length) return undefined;
  const code = payload.readUInt8(0);
  const identifier = payload.readUInt8(1);
  const data = Buffer.from(payload.subarray(HEADER_LENGTH, length));
  const type = TYPE_OF_CODE[code];
  switch (type) {
    case undefined:
      return { type: 'Unknown', code, identifier, data };
    case 'ConfigureRequest':
    case 'ConfigureAck':
    case 'ConfigureNak':
    case 'ConfigureReject':
      return { type, identifier, options: data };
    case 'TerminateRequest':
    case 'TerminateAck':
      return { type, identifier, data };
    case 'CodeReject':
      return { type, identifier, rejected: data };
    case 'ProtocolReject':
      if (data.length < 2) return undefined;
      return { type, identifier, protocol: data.readUInt16BE(0), rejected: data.subarray(2) };
    case 'EchoRequest':
    case 'EchoReply':
    case 'DiscardRequest':
    case 'Identification':
    case 'TimeRemaining':
      if (data.length < 4) return undefined;
      return { type, identifier, magic: data.readUInt32BE(0), data: data.subarray(4) };
    default:
      return type satisfies never;
  }
}

export function encodeControlPacket(packet: ControlPacket): Buffer {
  switch (packet.type) {
    case 'ConfigureRequest':
    case 'ConfigureAck':
    case 'ConfigureNak':
    case 'ConfigureReject':
      return build(Code[packet.type], packet.identifier, packet.options);
    case 'TerminateRequest':
    case 'TerminateAck':
      return build(Code[packet.type], packet.identifier, packet.data);
    case 'CodeReject':
      return build(Code.CodeReject, packet.identifier, packet.rejected);
    case 'ProtocolReject': {
      const protocol = Buffer.alloc(2);
      protocol.writeUInt16BE(packet.protocol);
      return build(Code.ProtocolReject, packet.identifier, Buffer.concat([protocol, packet.rejected]));
    }
    case 'EchoRequest':
    case 'EchoReply':
    case 'DiscardRequest':
    case 'Identification':
    case 'TimeRemaining': {
      const magic = Buffer.alloc(4);
      magic.writeUInt32BE(packet.magic);
      return build(Code[packet.type], packet.identifier, Buffer.concat([magic, packet.data]));
    }
    case 'Unknown':
      return build(packet.code, packet.identifier, packet.data);
    default:
      return packet satisfies never;
  }
}

/**
 * Whether a Code-Reject of `code` leaves the protocol unable to work. Without codes 1 to 7 it can't negotiate or end
 * (RXJ-, RFC 1661 §4.3); a peer that lacks an extension can be lived with (RXJ+).
 */
export function isEssentialCode(code: number): boolean {
  return code >= Code.ConfigureRequest && code <= Code.CodeReject;
}

const TYPE_OF_CODE: Readonly<Record<number, keyof typeof Code>> = Object.fromEntries(
  Object.entries(Code).map(([type, code]) => [code, type as keyof typeof Code]),
);

function build(code: number, identifier: number, data: Uint8Array): Buffer {
  const packet = Buffer.allocUnsafe(HEADER_LENGTH + data.length);
  packet[0] = code;
  packet[1] = identifier;
  packet.writeUInt16BE(packet.length, 2);
  packet.set(data, HEADER_LENGTH);
  return packet;
}
