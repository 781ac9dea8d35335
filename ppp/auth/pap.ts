import { bytesUnlessUtf8, decodeText, encodeText } from './text.ts';

/** Password Authentication Protocol, RFC 1334 §2. */
export type PapPacket =
  | {
      readonly type: 'AuthenticateRequest';
      readonly identifier: number;
      readonly name: string;
      readonly password: string;
      /** Of what came and was not UTF-8; none is sent. */
      readonly nameBytes?: Buffer;
      readonly passwordBytes?: Buffer;
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
 * @returns undefined if the packet is to be silently discarded: truncated, a field of a request beyond the end, an
 *   unknown Code. An answer counts by its Code: the Message is for people, and how much of it there is decides nothing
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
      const texts = { name: decodeText(name), password: decodeText(password) };
      const [nameBytes, passwordBytes] = [name, password].map(bytesUnlessUtf8);
      const bytes = { ...(nameBytes && { nameBytes }), ...(passwordBytes && { passwordBytes }) };
      return { type: 'AuthenticateRequest', identifier, ...texts, ...bytes };
    }
    case Code.AuthenticateAck:
      return answer('AuthenticateAck', identifier, data);
    case Code.AuthenticateNak:
      return answer('AuthenticateNak', identifier, data);
    default:
      return undefined;
  }
}

/**
 * Fields longer than 255 bytes of UTF-8 are cut.
 *
 * Deviation: RFC 1334 §2.2.2 has a Msg-Length in each answer. One without a message is sent as the header alone:
 * Open-SSTP-Client 1.10.2 leaves all that follows the header in its buffer, takes it for the next packet, and ends. pppd
 * takes both forms, and SoftEther sends the short one to all its clients.
 */
export function encodePapPacket(packet: PapPacket): Buffer {
  const fields = textsOf(packet).flatMap((text) => {
    const bytes = encodeText(text, MAX_FIELD_LENGTH);
    return [Buffer.of(bytes.length), bytes];
  });
  const bytes = Buffer.concat([Buffer.of(Code[packet.type], packet.identifier, 0, 0), ...fields]);
  bytes.writeUInt16BE(bytes.length, 2);
  return bytes;
}

function textsOf(packet: PapPacket): readonly string[] {
  if (packet.type === 'AuthenticateRequest') return [packet.name, packet.password];
  return packet.message === '' ? [] : [packet.message];
}

function field(data: Buffer, at: number): Buffer | undefined {
  const length = data[at];
  if (length === undefined || at + 1 + length > data.length) return undefined;
  return data.subarray(at + 1, at + 1 + length);
}

/** Some servers leave out Msg-Length where there is no message, and what it says may be more than there is. */
function answer(type: 'AuthenticateAck' | 'AuthenticateNak', identifier: number, data: Buffer): PapPacket {
  return { type, identifier, message: decodeText(data.subarray(1, 1 + (data[0] ?? 0))) };
}
