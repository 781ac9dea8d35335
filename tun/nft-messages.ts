/** Messages of nftables over netlink: read, changed as little as may be, and written again. linux/netfilter/nf_tables.h */

/** The subsystem's number, and those of its messages, nfnetlink.h and nf_tables.h. */
const SUBSYSTEM = 10;
export const NftMessage = {
  NewTable: 0,
  DelTable: 2,
  NewChain: 3,
  GetChain: 4,
  NewRule: 6,
  GetRule: 7,
  NewSet: 9,
  GetSet: 10,
  NewSetElem: 12,
  GetSetElem: 13,
  DelSetElem: 14,
  NewGen: 15,
  NewObj: 18,
  GetObj: 19,
} as const;
export type NftMessage = (typeof NftMessage)[keyof typeof NftMessage];

const BATCH_BEGIN = 0x10;
const BATCH_END = 0x11;
const ERROR = 2;
const DONE = 3;
const REQUEST = 0x1;
const DUMP = 0x300;
/** NLM_F_DUMP_INTR: something changed while it was listed, so the list has gaps. */
const INTERRUPTED = 0x10;
export const EINTR = 4;
/** What a kernel has not said: an answer that is no whole one, or an error that is none. */
export const EBADMSG = 74;
/** Linux's MAX_ERRNO. */
const MOST_ERRNO = 4_095;
const CREATE = 0x400;
const APPEND = 0x800;
/** NFPROTO_INET */
const INET = 1;
const HEADER = 16;
const GENERIC = 4;
const ATTRIBUTE = 4;
const TYPE_MASK = 0x3fff;
const NESTED = 0x8000;

/** NFTA_*_TABLE: the table's name, in each kind of message. */
export const TABLE = 1;

export interface Message {
  readonly type: number;
  /** Behind the headers. */
  readonly attributes: readonly Attribute[];
}

export interface Attribute {
  readonly type: number;
  readonly value: Buffer;
  readonly isNested: boolean;
}

/** A request to list, for one question of its own. */
export function dumpRequest(type: NftMessage, attributes: readonly Attribute[]): Buffer {
  return message((SUBSYSTEM << 8) | type, REQUEST | DUMP, INET, 0, attributes);
}

/** Messages that take effect all together or not at all. */
export function batch(messages: readonly Message[]): Buffer {
  return Buffer.concat([
    message(BATCH_BEGIN, REQUEST, 0, SUBSYSTEM, []),
    ...messages.map(({ type, attributes }) => {
      const append = type === NftMessage.NewRule ? APPEND : 0;
      const creates = type === NftMessage.DelTable || type === NftMessage.DelSetElem ? 0 : CREATE;
      return message((SUBSYSTEM << 8) | type, REQUEST | creates | append, INET, 0, attributes);
    }),
    message(BATCH_END, REQUEST, 0, SUBSYSTEM, []),
  ]);
}

/** What the kernel sent. */
export interface Answer {
  /** Those of nftables; others are left out. */
  readonly messages: Message[];
  /**
   * The first error, as a positive errno; 0 if there is none, EINTR for a list that has to be read again, EBADMSG for what
   * is cut off.
   */
  readonly errno: number;
  /** A message says that this is all of a list. */
  readonly isEnded: boolean;
}

export function readMessages(bytes: Buffer): Answer {
  const messages: Message[] = [];
  let errno = 0;
  let isEnded = false;
  for (let at = 0; at < bytes.length; ) {
    const length = at + HEADER <= bytes.length ? bytes.readUInt32LE(at) : 0;
    if (length < HEADER || at + length > bytes.length) return { messages, errno: errno || EBADMSG, isEnded };
    const type = bytes.readUInt16LE(at + 4);
    const body = bytes.subarray(at + HEADER, at + length);
    if (type === DONE) isEnded = true;
    if (type === ERROR || type === DONE) errno ||= errnoOf(body);
    if ((bytes.readUInt16LE(at + 6) & INTERRUPTED) !== 0) errno ||= EINTR;
    if (type >> 8 === SUBSYSTEM && body.length >= GENERIC) {
      messages.push({ type: type & 0xff, attributes: readAttributes(body.subarray(GENERIC)) });
    }
    at += aligned(length);
  }
  return { messages, errno, isEnded };
}

/** The kernel writes errors as negative numbers. */
function errnoOf(body: Buffer): number {
  const number = body.length >= 4 ? body.readInt32LE(0) : 1;
  return number <= 0 && number >= -MOST_ERRNO ? 0 - number : EBADMSG;
}

/** What is cut off is left out. */
export function readAttributes(bytes: Buffer): Attribute[] {
  const attributes: Attribute[] = [];
  for (let at = 0; at + ATTRIBUTE <= bytes.length; ) {
    const length = bytes.readUInt16LE(at);
    const type = bytes.readUInt16LE(at + 2);
    if (length < ATTRIBUTE || at + length > bytes.length) break;
    const value = bytes.subarray(at + ATTRIBUTE, at + length);
    attributes.push({ type: type & TYPE_MASK, value, isNested: (type & NESTED) !== 0 });
    at += aligned(length);
  }
  return attributes;
}

export function text(type: number, value: string): Attribute {
  return { type, value: Buffer.from(`${value}\0`), isNested: false };
}

export function number(type: number, value: number): Attribute {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return { type, value: bytes, isNested: false };
}

export function nested(type: number, attributes: readonly Attribute[]): Attribute {
  return { type, value: Buffer.concat(attributes.map(encoded)), isNested: true };
}

export function bytesOf(type: number, value: Uint8Array): Attribute {
  return { type, value: Buffer.from(value), isNested: false };
}

/** @returns '' if there is none */
export function textOf({ attributes }: Message, type: number): string {
  const value = attributes.find((one) => one.type === type)?.value ?? Buffer.alloc(0);
  return value.toString('utf8').replace(/\0.*$/s, '');
}

export function numberOf({ attributes }: Message, type: number): number {
  const value = attributes.find((one) => one.type === type)?.value;
  return value?.length === 4 ? value.readUInt32BE(0) : 0;
}

function encoded({ type, value, isNested }: Attribute): Buffer {
  const bytes = Buffer.alloc(aligned(ATTRIBUTE + value.length));
  bytes.writeUInt16LE(ATTRIBUTE + value.length, 0);
  bytes.writeUInt16LE(isNested ? type | NESTED : type, 2);
  value.copy(bytes, ATTRIBUTE);
  return bytes;
}

function message(
  type: number,
  flags: number,
  family: number,
  resource: number,
  attributes: readonly Attribute[],
): Buffer {
  const body = Buffer.concat(attributes.map(encoded));
  const head = Buffer.alloc(HEADER + GENERIC);
  head.writeUInt32LE(head.length + body.length, 0);
  head.writeUInt16LE(type, 4);
  head.writeUInt16LE(flags, 6);
  head.writeUInt8(family, HEADER);
  head.writeUInt16BE(resource, HEADER + 2);
  return Buffer.concat([head, body]);
}

function aligned(length: number): number {
  return (length + 3) & ~3;
}
