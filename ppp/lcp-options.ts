import { type OptionVerdict, type RawOption, uint32 } from './options.ts';

/** LCP Configuration Options: RFC 1661 §6, RFC 1662 §7.1, RFC 1570 §2.3, RFC 1990 §5.1. */
export const LcpOptionCode = {
  Mru: 1,
  Accm: 2,
  AuthProtocol: 3,
  QualityProtocol: 4,
  MagicNumber: 5,
  ProtocolFieldCompression: 7,
  AddressControlFieldCompression: 8,
  Callback: 13,
  Mrru: 17,
  ShortSequenceNumbers: 18,
  EndpointDiscriminator: 19,
} as const;

export type LcpOption =
  | { readonly type: 'Mru'; readonly mru: number }
  | { readonly type: 'Accm'; readonly map: number }
  | { readonly type: 'AuthProtocol'; readonly protocol: number; readonly data: Buffer }
  | { readonly type: 'MagicNumber'; readonly magic: number }
  /** Every option that we reject whatever it says, and a known one of the wrong length. */
  | { readonly type: 'Other'; readonly code: number; readonly data: Buffer };

/** A peer must take frames of this size whatever the MRU says, RFC 1661 §6.1; it is also our floor for an offered MRU. */
export const DEFAULT_MRU = 1500;
export const MIN_MRU = 576;
/** MS-SSTP 3.1.5.2: the 4095 bytes of an SSTP packet less its header. */
export const MAX_MRU = 4091;

// Deviation: RFC 1661 §6 wants a Nak for a known option of the wrong length. Reject ends the matter in one round, and
// no client is known to send such an option.
export function decodeLcpOption(raw: RawOption): LcpOption {
  const { code, data } = raw;
  if (code === LcpOptionCode.Mru && data.length === 2) return { type: 'Mru', mru: data.readUInt16BE(0) };
  if (code === LcpOptionCode.Accm && data.length === 4) return { type: 'Accm', map: data.readUInt32BE(0) };
  if (code === LcpOptionCode.MagicNumber && data.length === 4) {
    return { type: 'MagicNumber', magic: data.readUInt32BE(0) };
  }
  if (code === LcpOptionCode.AuthProtocol && data.length >= 2) {
    return { type: 'AuthProtocol', protocol: data.readUInt16BE(0), data: data.subarray(2) };
  }
  return { type: 'Other', code, data };
}

export function encodeLcpOption(option: LcpOption): RawOption {
  switch (option.type) {
    case 'Mru':
      return { code: LcpOptionCode.Mru, data: Buffer.of(option.mru >>> 8, option.mru & 0xff) };
    case 'Accm':
      return { code: LcpOptionCode.Accm, data: uint32(option.map) };
    case 'AuthProtocol': {
      const protocol = Buffer.of(option.protocol >>> 8, option.protocol & 0xff);
      return { code: LcpOptionCode.AuthProtocol, data: Buffer.concat([protocol, option.data]) };
    }
    case 'MagicNumber':
      return { code: LcpOptionCode.MagicNumber, data: uint32(option.magic) };
    case 'Other':
      return { code: option.code, data: option.data };
    default:
      return option satisfies never;
  }
}

export interface LcpTerms {
  /** Our own Magic-Number; 0 if we ask for none. */
  readonly ownMagic: number;
  /** A fresh random one to suggest. */
  readonly suggestMagic: () => number;
  /** What to do with a demand that we authenticate: a server refuses, a client weighs it. */
  readonly judgeAuth: (protocol: number, data: Buffer) => OptionVerdict<LcpOption>;
}

/** Our answer to one option of the peer's LCP Configure-Request. */
export function judgeLcpOption(option: LcpOption, terms: LcpTerms): OptionVerdict<LcpOption> {
  switch (option.type) {
    case 'Mru':
      // A larger MRU than SSTP can carry obliges us to nothing, so it is acked and never used.
      if (option.mru < MIN_MRU) return { kind: 'nak', suggest: { type: 'Mru', mru: DEFAULT_MRU } };
      return { kind: 'ack' };
    case 'Accm':
      // SSTP has no HDLC escapes, so any map holds. pppd behind an SSTP client asks for it, and without it escapes
      // every control character on the pty between the two.
      return { kind: 'ack' };
    case 'AuthProtocol':
      return terms.judgeAuth(option.protocol, option.data);
    case 'MagicNumber':
      // RFC 1661 §6.4: zero is illegal; our own coming back means a loop.
      if (option.magic !== 0 && option.magic !== terms.ownMagic) return { kind: 'ack' };
      return { kind: 'nak', suggest: { type: 'MagicNumber', magic: terms.suggestMagic() } };
    case 'Other':
      return { kind: 'reject' };
    default:
      return option satisfies never;
  }
}
