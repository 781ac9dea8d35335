import { bytesUnlessUtf8, decodeText, encodeText } from './text.ts';

/** Challenge Handshake Authentication Protocol, RFC 1994 §4; MS-CHAPv2 puts other things into the same packets. */
export type ChapPacket =
  | {
      readonly type: 'Challenge' | 'Response';
      readonly identifier: number;
      readonly value: Buffer; // 1 to 255 bytes
      readonly name: string;
      /** Of a name that came and was not UTF-8; none is sent. */
      readonly nameBytes?: Buffer;
    }
  | { readonly type: 'Success' | 'Failure'; readonly identifier: number; readonly message: string };

const Code = { Challenge: 1, Response: 2, Success: 3, Failure: 4 } as const;
const HEADER_LENGTH = 4;
/** Bounds on what we keep of a packet: a longer name is nobody's, of a longer message the beginning will do. */
const MAX_NAME_LENGTH = 255;
const MAX_MESSAGE_LENGTH = 512;

/**
 *   | Code 1, 2 | Identifier | Length | Value-Size | Value | Name |
 *   | Code 3, 4 | Identifier | Length | Message |
 *
 * @returns a packet that keeps no reference to `payload`; undefined if it is to be silently discarded: truncated, a
 *   Value that is empty or beyond the end, a name of more than 255 bytes, an unknown Code
 */
export function decodeChapPacket(payload: Buffer): ChapPacket | undefined {
  if (payload.length < HEADER_LENGTH) return undefined;
  const length = payload.readUInt16BE(2);
  if (length < HEADER_LENGTH || length > payload.length) return undefined;
  const identifier = payload.readUInt8(1);
  const data = payload.subarray(HEADER_LENGTH, length);
  switch (payload.readUInt8(0)) {
    case Code.Challenge:
      return withValue('Challenge', identifier, data);
    case Code.Response:
      return withValue('Response', identifier, data);
    case Code.Success:
      return withMessage('Success', identifier, data);
    case Code.Failure:
      return withMessage('Failure', identifier, data);
    default:
      return undefined;
  }
}

/** A name of more than 255 bytes or a message of more than 512 is cut. */
export function encodeChapPacket(packet: ChapPacket): Buffer {
  const data =
    'value' in packet
      ? [Buffer.of(packet.value.length), packet.value, encodeText(packet.name, MAX_NAME_LENGTH)]
      : [encodeText(packet.message, MAX_MESSAGE_LENGTH)];
  const bytes = Buffer.concat([Buffer.of(Code[packet.type], packet.identifier, 0, 0), ...data]);
  bytes.writeUInt16BE(bytes.length, 2);
  return bytes;
}

function withValue(type: 'Challenge' | 'Response', identifier: number, data: Buffer): ChapPacket | undefined {
  const size = data[0];
  if (size === undefined || size === 0 || 1 + size > data.length) return undefined;
  const name = data.subarray(1 + size);
  if (name.length > MAX_NAME_LENGTH) return undefined;
  const value = Buffer.from(data.subarray(1, 1 + size));
  const nameBytes = bytesUnlessUtf8(name);
  return { type, identifier, value, name: decodeText(name), ...(nameBytes && { nameBytes }) };
}

function withMessage(type: 'Success' | 'Failure', identifier: number, data: Buffer): ChapPacket | undefined {
  return { type, identifier, message: decodeText(data.subarray(0, MAX_MESSAGE_LENGTH)) };
}
