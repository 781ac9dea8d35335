/** Which IPv4 address a client gets. */
import { foldUserName, Groups, type Ipv4, type Ipv4Cidr, ipv4InCidr, ipv4Mask } from '../core/index.ts';
import { StickyLeases } from './sticky-leases.ts';

export interface AddressPoolOptions {
  /** Length 8 to 30. */
  readonly cidr: Ipv4Cidr;
  /** Ours: never handed out. By custom the first host address. */
  readonly serverAddress: Ipv4;
  /** Handed out only as somebody's fixed address. */
  readonly reserved?: readonly Ipv4[];
  /** What users had before a restart; entries outside the pool are passed over. */
  readonly sticky?: ReadonlyMap<string, Ipv4>;
}

export type Ipv4Lease =
  | { readonly kind: 'leased'; readonly address: Ipv4 }
  /** The fixed address belongs to a running session. */
  | { readonly kind: 'in-use'; readonly address: Ipv4; readonly holder: string }
  /** Nothing left; or the fixed address is the server's, or the pool's network or broadcast address. */
  | { readonly kind: 'exhausted' };

/**
 * The addresses of one pool. Each belongs to one session at a time; users are told apart by their folded names.
 * The network, the broadcast and the server's address are never given to anybody.
 */
export class AddressPool {
  readonly #cidr: Ipv4Cidr;
  readonly #serverAddress: Ipv4;
  readonly #reserved: ReadonlySet<Ipv4>;
  readonly #leases: StickyLeases;
  readonly #fixed = new Map<string, Ipv4>();
  /** The same the other way round. */
  readonly #fixedFor = new Groups<Ipv4, string>();

  /** @throws {RangeError} if the prefix length is not 8 to 30 or the server's address is no host address of the pool */
  constructor(options: AddressPoolOptions) {
    const { cidr, serverAddress } = options;
    if (!(cidr.prefixLength >= 8 && cidr.prefixLength <= 30))
      throw new RangeError('pool: prefix length must be 8 to 30');
    const first = cidr.address + 1;
    const last = broadcastOf(cidr) - 1;
    if (!(serverAddress >= first && serverAddress <= last)) {
      throw new RangeError("pool: the server's address must be a host address of the pool");
    }
    this.#cidr = cidr;
    this.#serverAddress = serverAddress;
    const inside = (options.reserved ?? []).filter((address) => address >= first && address <= last);
    this.#reserved = new Set([serverAddress, ...inside]);
    this.#leases = new StickyLeases(first, last);
    for (const address of this.#reserved) this.#leases.block(address);
    for (const [user, address] of options.sticky ?? []) {
      if (!this.#reserved.has(address)) this.#leases.recall(user, address);
    }
  }

  /**
   * Leases an address to a session: its fixed one; else the user's last one if it is free; else one that nobody
   * remembers, least recently used first; else the one that somebody else has not used for longest.
   * A session has one address: asking again gives the same, another fixed one takes its place.
   */
  lease(user: string, session: string, fixed: Ipv4 | undefined): Ipv4Lease {
    if (fixed === undefined) {
      const address = this.#leases.take(user, session);
      return address === undefined ? { kind: 'exhausted' } : { kind: 'leased', address };
    }
    if (!this.mayBeFixed(fixed)) return { kind: 'exhausted' };
    const holder = this.#leases.claim(fixed, session);
    return holder === undefined ? { kind: 'leased', address: fixed } : { kind: 'in-use', address: fixed, holder };
  }

  /**
   * Gives a session the address that it asks for, in the stead of the one that it has, if that is one of the pool, free,
   * and neither fixed for nor remembered by another user.
   *
   * @returns whether it has it now
   */
  choose(user: string, session: string, address: Ipv4): boolean {
    return this.#leases.choose(address, user, session);
  }

  /** Without effect unless this session holds the address. */
  release(address: Ipv4, session: string): void {
    this.#leases.release(address, session);
  }

  /** The session that holds the address. */
  holder(address: Ipv4): string | undefined {
    return this.#leases.holder(address);
  }

  /** Keeps a user's fixed address out of everybody else's hands, or no longer; who holds it now keeps it until release. */
  setFixed(user: string, address: Ipv4 | undefined): void {
    const name = foldUserName(user);
    const before = this.#fixed.get(name);
    this.#fixed.delete(name);
    if (before !== undefined) {
      this.#fixedFor.delete(before, name);
      if (!this.#reserved.has(before) && this.#fixedFor.of(before).size === 0) this.#leases.unblock(before);
    }
    if (address === undefined) return;
    this.#fixed.set(name, address);
    this.#fixedFor.add(address, name);
    this.#leases.block(address);
  }

  /** How many addresses clients can have at the same time, fixed ones inside the pool included. */
  get size(): number {
    return broadcastOf(this.#cidr) - 1 - this.#cidr.address - this.#reserved.size;
  }

  /** How many addresses of the pool are held; fixed ones outside of it do not count. */
  get used(): number {
    return this.#leases.used;
  }

  /** Whether the address can be somebody's: not the server's, nor the pool's network or broadcast address. */
  mayBeFixed(address: Ipv4): boolean {
    if (!ipv4InCidr(address, this.#cidr)) return true;
    return address !== this.#serverAddress && address !== this.#cidr.address && address !== broadcastOf(this.#cidr);
  }
}

function broadcastOf(cidr: Ipv4Cidr): Ipv4 {
  return (cidr.address | ~ipv4Mask(cidr.prefixLength)) >>> 0;
}
