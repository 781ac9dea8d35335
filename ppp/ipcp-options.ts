import type { Ipv4 } from '../core/index.ts';
import { type OptionVerdict, type RawOption, uint32 } from './options.ts';

/** IPCP Configuration Options, RFC 1332 §3 and RFC 1877 §1. The names of the address options are RFC 1877's. */
const Code = {
  IpAddress: 3,
  PrimaryDns: 129,
  PrimaryNbns: 130,
  SecondaryDns: 131,
  SecondaryNbns: 132,
} as const;

export type IpcpAddressType = keyof typeof Code;

export type IpcpOption =
  | { readonly type: IpcpAddressType; readonly address: Ipv4 }
  /** IP-Compression-Protocol, the obsolete IP-Addresses, anything unknown, and a known option of the wrong length. */
  | { readonly type: 'Other'; readonly code: number; readonly data: Buffer };

export function decodeIpcpOption(raw: RawOption): IpcpOption {
  const type = TYPE_OF_CODE[raw.code];
  if (type !== undefined && raw.data.length === 4) return { type, address: raw.data.readUInt32BE(0) };
  return { type: 'Other', code: raw.code, data: raw.data };
}

export function encodeIpcpOption(option: IpcpOption): RawOption {
  if (option.type === 'Other') return { code: option.code, data: option.data };
  return { code: Code[option.type], data: uint32(option.address) };
}

/** The values a peer must end up with; undefined where there is none. */
export type IpcpGrant = Readonly<Record<IpcpAddressType, Ipv4 | undefined>>;

/** Our answer to one option of a client's Configure-Request. */
export function judgeIpcpOption(option: IpcpOption, grant: IpcpGrant): OptionVerdict<IpcpOption> {
  switch (option.type) {
    case 'IpAddress':
    case 'PrimaryDns':
    case 'SecondaryDns':
    case 'PrimaryNbns':
    case 'SecondaryNbns': {
      const address = grant[option.type];
      if (address === undefined) return { kind: 'reject' };
      return option.address === address ? { kind: 'ack' } : { kind: 'nak', suggest: { type: option.type, address } };
    }
    case 'Other':
      return { kind: 'reject' };
    default:
      return option satisfies never;
  }
}

const TYPE_OF_CODE: Readonly<Record<number, IpcpAddressType>> = Object.fromEntries(
  Object.entries(Code).map(([type, code]) => [code, type as IpcpAddressType]),
);
