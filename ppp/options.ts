/** One Configuration Option before a protocol gives it a meaning, RFC 1661 §6: Type, Length, Data. */
export interface RawOption {
  readonly code: number;
  /** At most 253 bytes. */
  readonly data: Buffer;
}

/** Our answer to one option of the peer's Configure-Request, RFC 1661 §5.2 to §5.4. */
export type OptionVerdict<Option> =
  | { readonly kind: 'ack' }
  | { readonly kind: 'nak'; readonly suggest: Option } // understood, but not with this value
  | { readonly kind: 'reject' }; // unknown, or not open to negotiation

/** @returns the options in their order as views into `bytes`, or undefined if a Length is under two or beyond the end. */
export function decodeOptions(bytes: Buffer): RawOption[] | undefined {
  const options: RawOption[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (at + 2 > bytes.length) return undefined;
    const length = bytes.readUInt8(at + 1);
    if (length < 2 || at + length > bytes.length) return undefined;
    options.push({ code: bytes.readUInt8(at), data: bytes.subarray(at + 2, at + length) });
    at += length;
  }
  return options;
}

export function encodeOptions(options: readonly RawOption[]): Buffer {
  return Buffer.concat(
    options.map((option) => Buffer.concat([Buffer.of(option.code, option.data.length + 2), option.data])),
  );
}

/** The four-byte number that Magic-Number, ACCM and all IPCP addresses are. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function sameOption(a: RawOption, b: RawOption): boolean {
  return a.code === b.code && a.data.equals(b.data);
}
