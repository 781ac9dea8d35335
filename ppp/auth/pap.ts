import { decodeText, encodeText } from './text.ts';

/** Password Authentication Protocol, RFC 1334 §2. */
export type PapPacket =
  | {
      readonly type: 'AuthenticateRequest';
      readonly identifier: number;
      readonly name: string;
      readonly password: string;
    }
  | {
      readonly type: 'AuthenticateAck' | 'AuthenticateNak';
      readonly identifier: number;
      readonly message: string;
    };

const Code = { AuthenticateRequest: 1, AuthenticateAck: 2, AuthenticateNak: 3 } as const;
const HEADER_LENGTH = 4;
const MAX_FIELD_LENGTH = 255; // each field has a length of one byte in front

/**
 *   | Code 1 | Identifier | Length | Peer-ID Length | Peer-ID | Passwd-Length | Password |
 *   | Code 2, 3 | Identifier | Length | Msg-Length | Message |
 *
 * @returns undefined if the packet is to be silently discarded: truncated, a field beyond the end, an unknown Code
 */
export function decodePapPacket(payload: Buffer): PapPacket | undefined {
  if (payload.length < HEADER_LENGTH) return undefined;
  const length = payload.readUInt16BE(2);
  if (length < HEADER_LENGTH || length > payload.length) return undefined;
  const identifier = payload.readUInt8(1);
  const data = payload.subarray(HEADER_LENGTH, length);
  switch (payload.readUInt8(0)) {
    case Code.AuthenticateRequest: {
      const name = field(data, 0);
      const password = name && field(data, 1 + name.length);
      if (name === undefined || password === undefined) return undefined;
      return { type: 'AuthenticateRequest', identifier, name: decodeText(name), password: decodeText(password) };
    }
    case Code.AuthenticateAck:
      return answer('AuthenticateAck', identifier, data);
    case Code.AuthenticateNak:
      return answer('AuthenticateNak', identifier, data);
    default:
      return undefined;
  }
}

/** Fields longer than 255 bytes of UTF-8 are cut. */
export function encodePapPacket(packet: PapPacket): Buffer {
  const texts = packet.type === 'AuthenticateRequest' ? [packet.name, packet.password] : [packet.message];
  const fields = texts.flatMap((text) => {
    const bytes = encodeText(text, MAX_FIELD_LENGTH);
    return [Buffer.of(bytes.length), bytes];
  });
  const bytes = Buffer.concat([Buffer.of(Code[packet.type], packet.identifier, 0, 0), ...fields]);
  bytes.writeUInt16BE(bytes.length, 2);
  return bytes;
}

function field(data: Buffer, at: number): Buffer | undefined {
  const length = data[at];
  if (length === undefined || at + 1 + length > data.length) return undefined;
  return data.subarray(at + 1, at + 1 + length);
}

/** Some servers leave out Msg-Length when there is no message, so an empty answer stands. */
function answer(type: 'AuthenticateAck' | 'AuthenticateNak', identifier: number, data: Buffer): PapPacket | undefined {
  const message = data.length === 0 ? data : field(data, 0);
  return message && { type, identifier, message: decodeText(message) };
}
