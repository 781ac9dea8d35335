/** Numbers of MS-SSTP under the spec's names. */

/** Message Type, MS-SSTP 2.2.2. */
export const MessageType = {
  CallConnectRequest: 0x0001,
  CallConnectAck: 0x0002,
  CallConnectNak: 0x0003,
  CallConnected: 0x0004,
  CallAbort: 0x0005,
  CallDisconnect: 0x0006,
  CallDisconnectAck: 0x0007,
  EchoRequest: 0x0008,
  EchoResponse: 0x0009,
} as const;
export type MessageType = (typeof MessageType)[keyof typeof MessageType];

/** Attribute ID, MS-SSTP 2.2.4; `NoError` exists only as the AttribID inside a Status Info, 2.2.8. */
export const AttributeId = {
  NoError: 0x00,
  EncapsulatedProtocolId: 0x01,
  StatusInfo: 0x02,
  CryptoBinding: 0x03,
  CryptoBindingReq: 0x04,
} as const;
export type AttributeId = (typeof AttributeId)[keyof typeof AttributeId];

/** Status of a Status Info attribute, MS-SSTP 2.2.8. */
export const Status = {
  NoError: 0x00000000,
  DuplicateAttribute: 0x00000001,
  UnrecognizedAttribute: 0x00000002,
  InvalidAttribValueLength: 0x00000003,
  ValueNotSupported: 0x00000004,
  UnacceptedFrameReceived: 0x00000005,
  RetryCountExceeded: 0x00000006,
  InvalidFrameReceived: 0x00000007,
  NegotiationTimeout: 0x00000008,
  AttribNotSupportedInMsg: 0x00000009,
  RequiredAttributeMissing: 0x0000000a,
  StatusInfoNotSupportedInMsg: 0x0000000b,
} as const;
export type Status = (typeof Status)[keyof typeof Status];

/** Bits of the Hash Protocol Bitmask, MS-SSTP 2.2.6, and values of Hash Protocol, 2.2.7. */
export const HashProtocol = {
  Sha1: 0x01,
  Sha256: 0x02,
} as const;
export type HashProtocol = (typeof HashProtocol)[keyof typeof HashProtocol];

/** Both hash protocols, as a Hash Protocol Bitmask. */
export const ALL_HASH_PROTOCOLS: number = HashProtocol.Sha1 | HashProtocol.Sha256;

/** Version 1.0, the only one there is, MS-SSTP 2.2.1. */
export const VERSION = 0x10;

/** SSTP_ENCAPSULATED_PROTOCOL_PPP, MS-SSTP 2.2.5. */
export const PROTOCOL_PPP = 0x0001;

/** Version, C bit and length stand before every packet, MS-SSTP 2.2.1. */
export const PACKET_HEADER_LENGTH = 4;

/** The packet header, Message Type and Num Attributes, MS-SSTP 2.2.2. */
export const CONTROL_HEADER_LENGTH = 8;

/** What twelve bits of length can say, MS-SSTP 2.2.1. */
export const MAX_PACKET_LENGTH = 4095;

/** The longest PPP frame that fits into one packet: the MRU of MS-SSTP 3.1.5.2. */
export const MAX_PPP_FRAME_LENGTH = 4091;

/** Nonce of the Crypto Binding, MS-SSTP 2.2.6. */
export const NONCE_LENGTH = 32;

/** HLAK, MS-SSTP 3.2.5.2.2. */
export const HLAK_LENGTH = 32;

/** The longest AttribValue of a Status Info, MS-SSTP 2.2.8. */
export const MAX_ATTRIB_VALUE_LENGTH = 64;

/** Negotiation timer, MS-SSTP 3.2.2.1 and 3.3.2.1. */
export const NEGOTIATION_MS = 60_000;

/** Hello timer, MS-SSTP 3.1.2.3. */
export const HELLO_MS = 60_000;

/** TIMER_VAL_ABORT_STATE_TIMER_1: how long a Call Abort waits for the peer's, MS-SSTP 3.1.2.1. */
export const ABORT_1_MS = 3_000;

/** TIMER_VAL_ABORT_STATE_TIMER_2: how long both Call Aborts get to arrive, MS-SSTP 3.1.2.1. */
export const ABORT_2_MS = 1_000;

/** TIMER_VAL_DISCONNECT_STATE_TIMER_1: how long a Call Disconnect waits for its Ack, MS-SSTP 3.1.2.2. */
export const DISCONNECT_1_MS = 5_000;

/** TIMER_VAL_DISCONNECT_STATE_TIMER_2: how long our Ack gets to arrive, MS-SSTP 3.1.2.2. */
export const DISCONNECT_2_MS = 1_000;

/**
 * How often a Call Connect Request is refused, or repeated, before the call is aborted, MS-SSTP Appendix A <2>, <10>,
 * <16>.
 */
export const MAX_NAKS = 3;
