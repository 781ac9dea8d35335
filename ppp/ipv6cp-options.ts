import type { OptionVerdict, RawOption } from './options.ts';

const INTERFACE_IDENTIFIER = 1;
export const INTERFACE_ID_LENGTH = 8;

/** IPv6CP Configuration Options, RFC 5072 §4. */
export type Ipv6cpOption =
  | { readonly type: 'InterfaceIdentifier'; readonly id: Buffer } // 8 bytes
  /** IPv6-Compression-Protocol, anything unknown, and an identifier of the wrong length. */
  | { readonly type: 'Other'; readonly code: number; readonly data: Buffer };

export function decodeIpv6cpOption(raw: RawOption): Ipv6cpOption {
  if (raw.code === INTERFACE_IDENTIFIER && raw.data.length === INTERFACE_ID_LENGTH) {
    return { type: 'InterfaceIdentifier', id: raw.data };
  }
  return { type: 'Other', code: raw.code, data: raw.data };
}

export function encodeIpv6cpOption(option: Ipv6cpOption): RawOption {
  if (option.type === 'InterfaceIdentifier') return { code: INTERFACE_IDENTIFIER, data: option.id };
  return { code: option.code, data: option.data };
}

/**
 * Our answer to one option of the peer's Configure-Request, RFC 5072 §4.1.
 *
 * @param acceptable whether the peer may have this identifier
 * @param suggestion an acceptable one, 8 bytes
 */
export function judgeIpv6cpOption(
  option: Ipv6cpOption,
  acceptable: (id: Buffer) => boolean,
  suggestion: Buffer,
): OptionVerdict<Ipv6cpOption> {
  switch (option.type) {
    case 'InterfaceIdentifier':
      if (acceptable(option.id)) return { kind: 'ack' };
      return { kind: 'nak', suggest: { type: 'InterfaceIdentifier', id: suggestion } };
    case 'Other':
      return { kind: 'reject' };
    default:
      return option satisfies never;
  }
}
