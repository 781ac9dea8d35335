import type { Ipv4 } from '../core/index.ts';
import {
  decodeIpcpOption,
  encodeIpcpOption,
  type IpcpAddressType,
  type IpcpGrant,
  type IpcpOption,
  judgeIpcpOption,
} from './ipcp-options.ts';
import type { NegotiationPolicy } from './negotiation-types.ts';
import type { OptionVerdict, RawOption } from './options.ts';

/** What a client gets from IPCP, RFC 1332 and RFC 1877. */
export interface Ipv4Lease {
  readonly address: Ipv4;
  /** The server's own address inside the tunnel. */
  readonly serverAddress: Ipv4;
  readonly dns: readonly Ipv4[]; // at most 2 are told
  readonly wins: readonly Ipv4[]; // at most 2 are told
}

/** The server's IPCP: it tells its address and insists on the client's. */
export class IpcpServerPolicy implements NegotiationPolicy<IpcpOption> {
  readonly isDistinctive = false;
  readonly problem = undefined;
  #grant: IpcpGrant;
  #ownAddress: Ipv4 | undefined;

  constructor(lease: Ipv4Lease) {
    this.#ownAddress = lease.serverAddress;
    this.#grant = {
      IpAddress: lease.address,
      PrimaryDns: lease.dns[0],
      SecondaryDns: lease.dns[1],
      PrimaryNbns: lease.wins[0],
      SecondaryNbns: lease.wins[1],
    };
  }

  /** Another address for the client, before it has one. */
  setAddress(address: Ipv4): void {
    this.#grant = { ...this.#grant, IpAddress: address };
  }

  decode(raw: RawOption): IpcpOption {
    return decodeIpcpOption(raw);
  }

  encode(option: IpcpOption): RawOption {
    return encodeIpcpOption(option);
  }

  /** No DNS options: they would ask the client for a resolver, and strict clients reject that. */
  request(): readonly IpcpOption[] {
    return this.#ownAddress === undefined ? [] : [{ type: 'IpAddress', address: this.#ownAddress }];
  }

  judge(option: IpcpOption): OptionVerdict<IpcpOption> {
    return judgeIpcpOption(option, this.#grant);
  }

  missing(options: readonly IpcpOption[]): readonly IpcpOption[] {
    const address = this.#grant.IpAddress;
    if (address === undefined || options.some((option) => option.type === 'IpAddress')) return [];
    return [{ type: 'IpAddress', address }];
  }

  agreed(): void {}

  /** Our address is not open to suggestions: we ask again until the negotiation gives up. */
  nakked(): void {}

  rejected(): void {
    this.#ownAddress = undefined;
  }
}

/** What a client would like to get again from a server. */
export interface Ipv4Wish {
  readonly address: Ipv4;
  readonly dns: readonly Ipv4[]; // at most 2 are asked for
}

/**
 * The client's IPCP: it asks for an address and resolvers and takes what it is told. Each option that the server does
 * not have costs a round trip (RFC 1661 §5.4), as does each value that it corrects. So this client does not ask for
 * NetBIOS name servers, and with a wish for nothing that it did not get before.
 */
export class IpcpClientPolicy implements NegotiationPolicy<IpcpOption> {
  readonly isDistinctive = false;
  readonly problem = undefined;
  readonly #wanted: Map<IpcpAddressType, Ipv4>;
  #serverAddress: Ipv4 | undefined;

  constructor(wish: Ipv4Wish = { address: 0, dns: [0, 0] }) {
    const [primary, secondary] = wish.dns;
    this.#wanted = new Map([['IpAddress', wish.address]]);
    if (primary !== undefined) this.#wanted.set('PrimaryDns', primary);
    if (secondary !== undefined) this.#wanted.set('SecondaryDns', secondary);
  }

  /** Our address, undefined while the server has named none. */
  get address(): Ipv4 | undefined {
    return this.#wanted.get('IpAddress') || undefined;
  }

  get serverAddress(): Ipv4 | undefined {
    return this.#serverAddress;
  }

  get dns(): readonly Ipv4[] {
    return (['PrimaryDns', 'SecondaryDns'] as const).flatMap((type) => this.#wanted.get(type) || []);
  }

  decode(raw: RawOption): IpcpOption {
    return decodeIpcpOption(raw);
  }

  encode(option: IpcpOption): RawOption {
    return encodeIpcpOption(option);
  }

  request(): readonly IpcpOption[] {
    return [...this.#wanted].map(([type, address]) => ({ type, address }));
  }

  /** The server may tell its address; whatever else it asks us for we do not have. */
  judge(option: IpcpOption): OptionVerdict<IpcpOption> {
    if (option.type === 'IpAddress' && option.address !== 0) return { kind: 'ack' };
    return { kind: 'reject' };
  }

  missing(): readonly IpcpOption[] {
    return [];
  }

  agreed(options: readonly IpcpOption[]): void {
    this.#serverAddress = undefined;
    for (const option of options) {
      if (option.type === 'IpAddress') this.#serverAddress = option.address;
    }
  }

  nakked(options: readonly IpcpOption[]): void {
    for (const option of options) {
      if (option.type !== 'Other' && this.#wanted.has(option.type)) this.#wanted.set(option.type, option.address);
    }
  }

  rejected(options: readonly IpcpOption[]): void {
    for (const option of options) {
      if (option.type !== 'Other') this.#wanted.delete(option.type);
    }
  }
}
