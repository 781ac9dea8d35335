/** Which /64 a client gets: one prefix each, so that it makes its addresses itself (RFC 4862) and no two share a link. */
import { formatIpv6Cidr, type Ipv6, type Ipv6Cidr } from '../core/index.ts';
import { StickyLeases } from './sticky-leases.ts';

const SHORTEST = 33;
const LONGEST = 63;

/** The prefix cannot serve as a pool: an error of the configuration, told in one line. */
export class Ipv6PoolError extends Error {
  override readonly name = 'Ipv6PoolError';
  readonly code = 'ERR_IPV6_POOL';
}

export interface PrefixPoolOptions {
  /** Length 33 to 63. */
  readonly cidr: Ipv6Cidr;
  /** What users had before a restart, each as the first address of a /64; entries outside the pool are passed over. */
  readonly sticky?: ReadonlyMap<string, Ipv6>;
}

export type Ipv6Lease =
  | { readonly kind: 'leased'; readonly prefix: Ipv6Cidr; readonly index: number }
  | { readonly kind: 'exhausted' };

/** The /64 prefixes of one pool, numbered from 0; number 0 is the server's own and never handed out. */
export class PrefixPool {
  readonly #cidr: Ipv6Cidr;
  readonly #count: number;
  readonly #leases: StickyLeases;

  /** @throws {Ipv6PoolError} if the prefix is too short to number or too long for the server and one client */
  constructor(options: PrefixPoolOptions) {
    const { cidr } = options;
    if (cidr.prefixLength > LONGEST) {
      throw new Ipv6PoolError(
        `the IPv6 pool ${formatIpv6Cidr(cidr)} has no /64 for a client besides the server's own: give a /${LONGEST} or a shorter prefix, for example a /56`,
      );
    }
    if (!(cidr.prefixLength >= SHORTEST)) {
      throw new Ipv6PoolError(
        `the IPv6 pool ${formatIpv6Cidr(cidr)} is too large: give a prefix from /${SHORTEST} to /${LONGEST}`,
      );
    }
    this.#cidr = cidr;
    this.#count = 2 ** (64 - cidr.prefixLength);
    this.#leases = new StickyLeases(1, this.#count - 1);
    for (const [user, address] of options.sticky ?? []) {
      const index = this.indexOf(address);
      if (index !== undefined) this.#leases.recall(user, index);
    }
  }

  /** The server's own /64, whose address ::1 is the server. */
  get serverPrefix(): Ipv6Cidr {
    return this.prefixOf(0);
  }

  /** @throws {RangeError} if the pool has no prefix of this number */
  prefixOf(index: number): Ipv6Cidr {
    if (!Number.isInteger(index) || index < 0 || index >= this.#count)
      throw new RangeError(`IPv6 pool: no prefix ${index}`);
    const address = Uint8Array.from(this.#cidr.address);
    const view = new DataView(address.buffer);
    view.setUint32(4, view.getUint32(4) + index);
    return { address, prefixLength: 64 };
  }

  /** The number of the /64 that an address lies in, or undefined if it is not of this pool. */
  indexOf(address: Ipv6): number | undefined {
    if (address.length !== 16) return undefined;
    const given = new DataView(address.buffer, address.byteOffset);
    const base = new DataView(this.#cidr.address.buffer, this.#cidr.address.byteOffset);
    const index = given.getUint32(4) - base.getUint32(4);
    return given.getUint32(0) === base.getUint32(0) && index >= 0 && index < this.#count ? index : undefined;
  }

  /** Like `AddressPool.lease`, without fixed prefixes. */
  lease(user: string, session: string): Ipv6Lease {
    const index = this.#leases.take(user, session);
    return index === undefined ? { kind: 'exhausted' } : { kind: 'leased', prefix: this.prefixOf(index), index };
  }

  /** Without effect unless this session holds the prefix. */
  release(prefix: Ipv6Cidr, session: string): void {
    const index = this.indexOf(prefix.address);
    if (index !== undefined) this.#leases.release(index, session);
  }

  /** The session that holds the /64 which this address lies in. */
  holder(address: Ipv6): string | undefined {
    const index = this.indexOf(address);
    return index === undefined ? undefined : this.#leases.holder(index);
  }

  /** How many clients can have a prefix at the same time. */
  get size(): number {
    return this.#count - 1;
  }

  get used(): number {
    return this.#leases.used;
  }
}
