import {
  decodeIpv6cpOption,
  encodeIpv6cpOption,
  INTERFACE_ID_LENGTH,
  type Ipv6cpOption,
  judgeIpv6cpOption,
} from './ipv6cp-options.ts';
import type { NegotiationPolicy } from './negotiation-types.ts';
import type { OptionVerdict, RawOption } from './options.ts';

/** What both ends of IPv6CP do alike, RFC 5072 §4.1. */
abstract class Ipv6cpPolicy implements NegotiationPolicy<Ipv6cpOption> {
  readonly isDistinctive = false;
  readonly problem = undefined;
  #peerId: Buffer | undefined;

  /** The peer's identifier that we acked, 8 bytes. */
  get peerId(): Buffer | undefined {
    return this.#peerId;
  }

  decode(raw: RawOption): Ipv6cpOption {
    return decodeIpv6cpOption(raw);
  }

  encode(option: Ipv6cpOption): RawOption {
    return encodeIpv6cpOption(option);
  }

  judge(option: Ipv6cpOption): OptionVerdict<Ipv6cpOption> {
    return judgeIpv6cpOption(option, (id) => this.isAcceptable(id), this.suggestion());
  }

  /** Without an identifier there is no link-local address, so a request that lacks it gets one suggested. */
  missing(options: readonly Ipv6cpOption[]): readonly Ipv6cpOption[] {
    if (options.some((option) => option.type === 'InterfaceIdentifier')) return [];
    return [{ type: 'InterfaceIdentifier', id: this.suggestion() }];
  }

  agreed(options: readonly Ipv6cpOption[]): void {
    for (const option of options) {
      if (option.type === 'InterfaceIdentifier') this.#peerId = Buffer.from(option.id);
    }
  }

  abstract request(): readonly Ipv6cpOption[];
  abstract nakked(options: readonly Ipv6cpOption[]): void;
  abstract rejected(): void;
  protected abstract isAcceptable(id: Buffer): boolean;
  protected abstract suggestion(): Buffer;
}

/** The server's IPv6CP: identifiers are the server's to give, so that no two clients share one. */
export class Ipv6cpServerPolicy extends Ipv6cpPolicy {
  readonly #clientId: Buffer;
  #ownId: Buffer | undefined;

  /** @param clientId 8 bytes, neither zero nor `ownId` */
  constructor(clientId: Uint8Array, ownId: Uint8Array) {
    super();
    this.#clientId = Buffer.from(clientId);
    this.#ownId = Buffer.from(ownId);
  }

  override request(): readonly Ipv6cpOption[] {
    return this.#ownId === undefined ? [] : [{ type: 'InterfaceIdentifier', id: this.#ownId }];
  }

  /** Our identifier is fixed. A client whose own collides with it learns another from our Nak. */
  override nakked(): void {}

  override rejected(): void {
    this.#ownId = undefined;
  }

  protected override isAcceptable(id: Buffer): boolean {
    return id.equals(this.#clientId);
  }

  protected override suggestion(): Buffer {
    return this.#clientId;
  }
}

/** The client's IPv6CP: it starts with a wish or a random identifier and takes the one that the server suggests. */
export class Ipv6cpClientPolicy extends Ipv6cpPolicy {
  readonly #random: (length: number) => Uint8Array;
  #ownId: Buffer | undefined;

  /** @param wish 8 bytes, not zero */
  constructor(random: (length: number) => Uint8Array, wish?: Uint8Array) {
    super();
    this.#random = random;
    this.#ownId = wish === undefined ? this.suggestion() : Buffer.from(wish);
  }

  /** Ours, 8 bytes; undefined if the server rejected it. */
  get ownId(): Buffer | undefined {
    return this.#ownId;
  }

  override request(): readonly Ipv6cpOption[] {
    return this.#ownId === undefined ? [] : [{ type: 'InterfaceIdentifier', id: this.#ownId }];
  }

  override nakked(options: readonly Ipv6cpOption[]): void {
    for (const option of options) {
      if (option.type !== 'InterfaceIdentifier' || this.#ownId === undefined) continue;
      this.#ownId = isZero(option.id) ? this.suggestion() : Buffer.from(option.id);
    }
  }

  override rejected(): void {
    this.#ownId = undefined;
  }

  protected override isAcceptable(id: Buffer): boolean {
    return !isZero(id) && this.#ownId?.equals(id) !== true;
  }

  /** Random with the universal bit cleared: RFC 5072 §4.1, RFC 4291 appendix A. */
  protected override suggestion(): Buffer {
    const id = Buffer.from(this.#random(INTERFACE_ID_LENGTH));
    id[0] = (id[0] ?? 0) & ~0x02;
    if (isZero(id)) id[INTERFACE_ID_LENGTH - 1] = 1;
    return id;
  }
}

function isZero(id: Uint8Array): boolean {
  return id.every((byte) => byte === 0);
}
