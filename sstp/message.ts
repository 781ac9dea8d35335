import {
  AttributeId,
  CONTROL_HEADER_LENGTH,
  HashProtocol,
  MAX_ATTRIB_VALUE_LENGTH,
  MAX_PACKET_LENGTH,
  MessageType,
  NONCE_LENGTH,
  PROTOCOL_PPP,
  Status,
  VERSION,
} from './constants.ts';

/** What a Status Info attribute says, MS-SSTP 2.2.8. Both numbers are as the peer sent them, known to us or not. */
export interface StatusInfo {
  /** The attribute that `status` is about. */
  readonly attributeId: number;
  readonly status: number;
  /** Only in a Nak: the refused value, at most 64 bytes. */
  readonly value: Uint8Array;
}

/** Control messages, MS-SSTP 2.2.9 to 2.2.15. `type` is the spec's name. */
export type SstpMessage =
  | { readonly type: 'CallConnectRequest'; readonly protocolId: number }
  | { readonly type: 'CallConnectAck'; readonly hashProtocols: number; readonly nonce: Uint8Array } // 32 bytes
  | { readonly type: 'CallConnectNak'; readonly statusInfos: readonly StatusInfo[] } // one or more
  | CallConnected
  | { readonly type: 'CallAbort'; readonly statusInfo: StatusInfo | undefined }
  | { readonly type: 'CallDisconnect'; readonly statusInfo: StatusInfo | undefined }
  | { readonly type: 'CallDisconnectAck' }
  | { readonly type: 'EchoRequest' }
  | { readonly type: 'EchoResponse' };

/** MS-SSTP 2.2.11. The two hashes are 20 bytes with SHA-1, else 32. */
export interface CallConnected {
  readonly type: 'CallConnected';
  readonly hashProtocol: number;
  readonly nonce: Uint8Array; // 32 bytes
  readonly certificateHash: Uint8Array;
  readonly compoundMac: Uint8Array;
}

/** One message is unacceptable; `status` and `attributeId` go into the Status Info of our Call Abort, MS-SSTP 2.2.8. */
export class SstpMessageError extends Error {
  readonly code = 'ERR_SSTP_MESSAGE';
  override readonly name = 'SstpMessageError';
  readonly status: Status;
  readonly attributeId: AttributeId;
  /** As received; 0 if the packet is too short to say. */
  readonly messageType: number;
  /** For a Call Connect Request whose attributes are at fault: what a Nak says, MS-SSTP 3.3.5.2.2. Else empty. */
  readonly nakStatusInfos: readonly StatusInfo[];

  constructor(text: string, status: Status, messageType: number, nakStatusInfos: readonly StatusInfo[] = []) {
    super(text);
    this.status = status;
    // 3.3.5.2.3 names this attribute for every abort that is not about the value of the binding.
    this.attributeId = AttributeId.StatusInfo;
    this.messageType = messageType;
    this.nakStatusInfos = nakStatusInfos;
  }
}

// Deviation: 3.3.5.2.2. Any client. A Nak lists at most 16 attributes: a request can hold a thousand bad ones, and the
// Status Infos for them would not fit into a packet.
const MAX_NAK_STATUS_INFOS = 16;
const ATTRIBUTE_HEADER_LENGTH = 4;
/** Reserved, AttribID and Status, before the AttribValue. */
const STATUS_INFO_LENGTH = 8;
const CRYPTO_BINDING_REQ_LENGTH = 36;
const CRYPTO_BINDING_LENGTH = 100;
/** Where the value of a Crypto Binding has its fields, MS-SSTP 2.2.7; hashes shorter than 32 bytes are padded to 32. */
const BINDING = { hashProtocol: 3, nonce: 4, certificateHash: 36, compoundMac: 68 } as const;
const NO_VALUE = new Uint8Array(0);

/** Length of the hash that a Hash Protocol stands for, in bytes. An unknown one has the whole 32-byte field. */
export function hashLength(hashProtocol: number): 20 | 32 {
  return hashProtocol === HashProtocol.Sha1 ? 20 : 32;
}

/** The Status Info of a Nak for a protocol that is not PPP, MS-SSTP 3.3.5.2.2. */
export function unsupportedProtocol(protocolId: number): StatusInfo {
  return {
    attributeId: AttributeId.EncapsulatedProtocolId,
    status: Status.ValueNotSupported,
    value: Uint8Array.of(protocolId >> 8, protocolId & 0xff),
  };
}

/**
 * Reads one control packet.
 *
 * @param packet from the Version octet to the end that its length field names; what is kept of it is copied
 * @throws {SstpMessageError} if the packet is not one of the messages of MS-SSTP 2.2.9 to 2.2.15, and nothing else
 */
export function decodeMessage(packet: Buffer): SstpMessage {
  if (packet.length < CONTROL_HEADER_LENGTH) throw badFrame('shorter than a control header', 0);
  const messageType = packet.readUInt16BE(4);
  if (packet[0] !== VERSION) throw badFrame('version is not 1.0', messageType);
  if (((packet[1] ?? 0) & 0x01) === 0) throw badFrame('not a control packet', messageType);
  if ((packet.readUInt16BE(2) & 0x0fff) !== packet.length) throw badFrame('length field is wrong', messageType);
  switch (messageType) {
    case MessageType.CallConnectRequest:
      return decodeCallConnectRequest(readAttributes(packet));
    case MessageType.CallConnectAck:
      return decodeCallConnectAck(onlyAttribute(packet, AttributeId.CryptoBindingReq, CRYPTO_BINDING_REQ_LENGTH));
    case MessageType.CallConnectNak:
      return { type: 'CallConnectNak', statusInfos: readStatusInfos(packet, 1, Number.POSITIVE_INFINITY) };
    case MessageType.CallConnected:
      return decodeCallConnected(onlyAttribute(packet, AttributeId.CryptoBinding, CRYPTO_BINDING_LENGTH));
    case MessageType.CallAbort:
      return { type: 'CallAbort', statusInfo: readStatusInfos(packet, 0, 1)[0] };
    case MessageType.CallDisconnect:
      return { type: 'CallDisconnect', statusInfo: readStatusInfos(packet, 0, 1)[0] };
    case MessageType.CallDisconnectAck:
      readStatusInfos(packet, 0, 0);
      return { type: 'CallDisconnectAck' };
    case MessageType.EchoRequest:
      readStatusInfos(packet, 0, 0);
      return { type: 'EchoRequest' };
    case MessageType.EchoResponse:
      readStatusInfos(packet, 0, 0);
      return { type: 'EchoResponse' };
    default:
      throw badFrame('unknown message type', messageType);
  }
}

/**
 * @returns the whole packet from the Version octet on
 * @throws {RangeError} if a byte string has not the length that the message type gives it, or the packet passes 4095 bytes
 */
export function encodeMessage(message: SstpMessage): Buffer {
  switch (message.type) {
    case 'CallConnectRequest': {
      const value = Buffer.alloc(2);
      value.writeUInt16BE(message.protocolId);
      return packet(MessageType.CallConnectRequest, [attribute(AttributeId.EncapsulatedProtocolId, value)]);
    }
    case 'CallConnectAck': {
      const value = Buffer.alloc(CRYPTO_BINDING_REQ_LENGTH);
      value.writeUInt8(message.hashProtocols, BINDING.hashProtocol);
      put(value, BINDING.nonce, message.nonce, NONCE_LENGTH);
      return packet(MessageType.CallConnectAck, [attribute(AttributeId.CryptoBindingReq, value)]);
    }
    case 'CallConnectNak':
      return packet(MessageType.CallConnectNak, message.statusInfos.map(statusInfoAttribute));
    case 'CallConnected': {
      const value = Buffer.alloc(CRYPTO_BINDING_LENGTH);
      const length = hashLength(message.hashProtocol);
      value.writeUInt8(message.hashProtocol, BINDING.hashProtocol);
      put(value, BINDING.nonce, message.nonce, NONCE_LENGTH);
      put(value, BINDING.certificateHash, message.certificateHash, length);
      put(value, BINDING.compoundMac, message.compoundMac, length);
      return packet(MessageType.CallConnected, [attribute(AttributeId.CryptoBinding, value)]);
    }
    case 'CallAbort':
      return packet(MessageType.CallAbort, message.statusInfo ? [statusInfoAttribute(message.statusInfo)] : []);
    case 'CallDisconnect':
      return packet(MessageType.CallDisconnect, message.statusInfo ? [statusInfoAttribute(message.statusInfo)] : []);
    case 'CallDisconnectAck':
      return packet(MessageType.CallDisconnectAck, []);
    case 'EchoRequest':
      return packet(MessageType.EchoRequest, []);
    case 'EchoResponse':
      return packet(MessageType.EchoResponse, []);
    default:
      return message satisfies never;
  }
}

interface Attribute {
  readonly id: number;
  /** Behind the attribute header; a view of the packet. */
  readonly value: Buffer;
}

/** MS-SSTP 2.2.4. Num Attributes and the lengths must fill the packet exactly, else its format is not recognized. */
function readAttributes(packet: Buffer): Attribute[] {
  const messageType = packet.readUInt16BE(4);
  const count = packet.readUInt16BE(6);
  const attributes: Attribute[] = [];
  let offset = CONTROL_HEADER_LENGTH;
  while (attributes.length < count) {
    if (packet.length - offset < ATTRIBUTE_HEADER_LENGTH)
      throw badFrame('fewer attributes than announced', messageType);
    const length = packet.readUInt16BE(offset + 2) & 0x0fff;
    if (length < ATTRIBUTE_HEADER_LENGTH || length > packet.length - offset) {
      throw badFrame('attribute does not fit into the packet', messageType);
    }
    const value = packet.subarray(offset + ATTRIBUTE_HEADER_LENGTH, offset + length);
    attributes.push({ id: packet.readUInt8(offset + 1), value });
    offset += length;
  }
  if (offset !== packet.length) throw badFrame('bytes behind the last attribute', messageType);
  return attributes;
}

/**
 * MS-SSTP 3.3.5.2.2, the numbered conditions for a Nak. Where 2.2.8 names another AttribID for a missing one, 2.2.8
 * holds.
 */
function decodeCallConnectRequest(attributes: readonly Attribute[]): SstpMessage {
  const refused: StatusInfo[] = [];
  const seen = new Set<number>();
  let protocolId: number | undefined;
  for (const { id, value } of attributes) {
    if (id !== AttributeId.EncapsulatedProtocolId && id !== AttributeId.StatusInfo) {
      // Not understood, so its value is not sent back (2.2.8).
      refused.push({ attributeId: id, status: Status.UnrecognizedAttribute, value: NO_VALUE });
    } else if (seen.has(id)) {
      refused.push(refusedValue(id, Status.DuplicateAttribute, value));
    } else if (id === AttributeId.StatusInfo) {
      if (!isStatusInfoLength(value.length)) refused.push(refusedValue(id, Status.InvalidAttribValueLength, value));
      else if (value.readUInt32BE(4) !== Status.NoError) {
        refused.push(refusedValue(id, Status.StatusInfoNotSupportedInMsg, value));
      }
    } else if (value.length === 2) protocolId = value.readUInt16BE(0);
    else refused.push(refusedValue(id, Status.InvalidAttribValueLength, value));
    seen.add(id);
  }
  if (!seen.has(AttributeId.EncapsulatedProtocolId)) {
    const attributeId = AttributeId.EncapsulatedProtocolId;
    refused.push({ attributeId, status: Status.RequiredAttributeMissing, value: NO_VALUE });
  }
  if (protocolId !== undefined && refused.length === 0) return { type: 'CallConnectRequest', protocolId };
  // A Nak lists every attribute at fault, and this one could otherwise be told only by the next Nak.
  if (protocolId !== undefined && protocolId !== PROTOCOL_PPP) refused.push(unsupportedProtocol(protocolId));
  throw new SstpMessageError(
    'attributes of the Call Connect Request are not acceptable',
    Status.AttribNotSupportedInMsg,
    MessageType.CallConnectRequest,
    refused.slice(0, MAX_NAK_STATUS_INFOS),
  );
}

function decodeCallConnectAck(value: Buffer): SstpMessage {
  return {
    type: 'CallConnectAck',
    hashProtocols: value.readUInt8(BINDING.hashProtocol),
    nonce: cut(value, BINDING.nonce, NONCE_LENGTH),
  };
}

function decodeCallConnected(value: Buffer): SstpMessage {
  const hashProtocol = value.readUInt8(BINDING.hashProtocol);
  return {
    type: 'CallConnected',
    hashProtocol,
    nonce: cut(value, BINDING.nonce, NONCE_LENGTH),
    certificateHash: cut(value, BINDING.certificateHash, hashLength(hashProtocol)),
    compoundMac: cut(value, BINDING.compoundMac, hashLength(hashProtocol)),
  };
}

/**
 * @returns the value of the one attribute that the message has. Its absence, another length and company are one
 * error, 3.3.5.2.3.
 */
function onlyAttribute(packet: Buffer, id: AttributeId, length: number): Buffer {
  const [first, ...others] = readAttributes(packet);
  if (first?.id === id && first.value.length === length && others.length === 0) return first.value;
  throw badAttributes(packet.readUInt16BE(4));
}

function readStatusInfos(packet: Buffer, least: number, most: number): StatusInfo[] {
  const attributes = readAttributes(packet);
  const messageType = packet.readUInt16BE(4);
  if (attributes.length < least || attributes.length > most) throw badAttributes(messageType);
  return attributes.map(({ id, value }) => {
    if (id !== AttributeId.StatusInfo || !isStatusInfoLength(value.length)) throw badAttributes(messageType);
    return {
      attributeId: value.readUInt8(3),
      status: value.readUInt32BE(4),
      value: cut(value, STATUS_INFO_LENGTH, value.length - STATUS_INFO_LENGTH),
    };
  });
}

function isStatusInfoLength(length: number): boolean {
  return length >= STATUS_INFO_LENGTH && length <= STATUS_INFO_LENGTH + MAX_ATTRIB_VALUE_LENGTH;
}

function refusedValue(attributeId: number, status: Status, value: Buffer): StatusInfo {
  return { attributeId, status, value: cut(value, 0, Math.min(value.length, MAX_ATTRIB_VALUE_LENGTH)) };
}

function badFrame(text: string, messageType: number): SstpMessageError {
  return new SstpMessageError(text, Status.InvalidFrameReceived, messageType);
}

/** 2.2.13 leaves a Call Abort only this status for what is wrong with attributes. */
function badAttributes(messageType: number): SstpMessageError {
  return new SstpMessageError('attributes do not fit the message', Status.AttribNotSupportedInMsg, messageType);
}

function cut(bytes: Buffer, offset: number, length: number): Uint8Array {
  return Uint8Array.from(bytes.subarray(offset, offset + length));
}

function put(target: Buffer, offset: number, bytes: Uint8Array, length: number): void {
  if (bytes.length !== length) throw new RangeError(`field of ${bytes.length} bytes, not ${length}`);
  target.set(bytes, offset);
}

function statusInfoAttribute(info: StatusInfo): Buffer {
  if (info.value.length > MAX_ATTRIB_VALUE_LENGTH) throw new RangeError(`AttribValue of ${info.value.length} bytes`);
  const value = Buffer.alloc(STATUS_INFO_LENGTH + info.value.length);
  value.writeUInt8(info.attributeId, 3);
  value.writeUInt32BE(info.status, 4);
  value.set(info.value, STATUS_INFO_LENGTH);
  return attribute(AttributeId.StatusInfo, value);
}

function attribute(id: AttributeId, value: Buffer): Buffer {
  const header = Buffer.alloc(ATTRIBUTE_HEADER_LENGTH);
  header.writeUInt8(id, 1);
  header.writeUInt16BE(ATTRIBUTE_HEADER_LENGTH + value.length, 2);
  return Buffer.concat([header, value]);
}

function packet(type: MessageType, attributes: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(CONTROL_HEADER_LENGTH);
  const whole = Buffer.concat([header, ...attributes]);
  if (whole.length > MAX_PACKET_LENGTH) throw new RangeError(`packet of ${whole.length} bytes`);
  whole.writeUInt8(VERSION, 0);
  whole.writeUInt8(0x01, 1);
  whole.writeUInt16BE(whole.length, 2);
  whole.writeUInt16BE(type, 4);
  whole.writeUInt16BE(attributes.length, 6);
  return whole;
}
