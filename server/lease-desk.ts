import type { User, UserStore } from '../auth/index.ts';
import { foldUserName, Groups, type Ipv4, type Ipv6, type Ipv6Cidr, type Log } from '../core/index.ts';
import type { AddressPool, PrefixPool } from '../ip/index.ts';
import type { Ipv4Lease } from '../ppp/index.ts';
import type { HostRoutes } from './host-routes.ts';

/** A session as the desk knows it. */
export interface LeaseHolder {
  /** Unique among all sessions of this server. */
  readonly id: string;
  /** The device that its packets are for. */
  readonly device: string;
  /** Another session of the user takes its place: it must return its lease before this call ends, then disconnect. */
  replace(): void;
}

/** All that a session got. */
export interface Lease {
  readonly ipv4: Ipv4Lease;
  /** The client's /64, or undefined without an IPv6 pool or when it is used up. */
  readonly ipv6: Ipv6Cidr | undefined;
  /** 8 bytes, unique among the sessions: what IPv6CP gives the client. */
  readonly interfaceId: Uint8Array;
  /** fe80:: with that interface identifier. */
  readonly linkLocal: Ipv6;
}

export interface LeaseDeskOptions {
  readonly pool: AddressPool;
  readonly prefixes: PrefixPool | undefined;
  readonly store: Pick<UserStore, 'rememberLease'>;
  readonly log: Log;
  /** Told of each lease in use. */
  readonly routes: Pick<HostRoutes, 'add' | 'remove'>;
  readonly serverAddress: Ipv4;
  readonly dns: readonly Ipv4[];
  readonly wins: readonly Ipv4[];
  /** Sessions that one user may have; one more replaces the oldest. */
  readonly maxPerUser: number;
}

/** The interface identifier of our side on each link, so fe80::1 is the clients' router. */
export const SERVER_INTERFACE_ID: Uint8Array = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1);

/** Hands addresses to sessions and takes them back: which address, and who has to make room. */
export class LeaseDesk {
  readonly #options: LeaseDeskOptions;
  readonly #leases = new Map<LeaseHolder, { readonly user: string; readonly lease: Lease }>();
  /** Of these, by id and by user, the oldest first: what a lease costs must not grow with their number. */
  readonly #holders = new Map<string, LeaseHolder>();
  readonly #ofUser = new Groups<string, LeaseHolder>();

  constructor(options: LeaseDeskOptions) {
    this.#options = options;
  }

  /** @returns undefined if no address is left */
  lease(user: User, holder: LeaseHolder): Lease | undefined {
    const key = foldUserName(user.name);
    const mine = this.#ofUser.of(key);
    const [oldest] = mine;
    if (mine.size >= this.#options.maxPerUser) oldest?.replace();
    let result = this.#options.pool.lease(key, holder.id, user.ipv4);
    if (result.kind === 'in-use') {
      // A fixed address has one owner: an old session of the owner, or of somebody who held it before it was fixed.
      const { holder: occupant } = result;
      this.#holders.get(occupant)?.replace();
      result = this.#options.pool.lease(key, holder.id, user.ipv4);
    }
    if (result.kind !== 'leased') return undefined;
    const lease = this.#describe(key, holder, result.address);
    this.#hold(key, holder, lease);
    this.#remember(key, result.address);
    this.#options.routes.add(lease, holder.device);
    return lease;
  }

  /** Takes back what `holder` has; without effect if it has nothing. */
  release(holder: LeaseHolder): void {
    const held = this.#leases.get(holder);
    if (held === undefined) return;
    this.#leases.delete(holder);
    this.#holders.delete(holder.id);
    this.#ofUser.delete(held.user, holder);
    const { ipv4, ipv6 } = held.lease;
    this.#options.pool.release(ipv4.address, holder.id);
    this.#options.routes.remove(held.lease, holder.device);
    if (ipv6 !== undefined) this.#options.prefixes?.release(ipv6, holder.id);
  }

  /** IPv4 addresses of the pool: how many there are, and how many are held. */
  get addresses(): { readonly used: number; readonly size: number } {
    const { used, size } = this.#options.pool;
    return { used, size };
  }

  /** Whether the address can be a user's fixed one. */
  mayBeFixed(address: Ipv4): boolean {
    return this.#options.pool.mayBeFixed(address);
  }

  /** Keeps a user's fixed address out of everybody else's hands from now on, or no longer. */
  setFixed(user: string, address: Ipv4 | undefined): void {
    this.#options.pool.setFixed(user, address);
  }

  #hold(user: string, holder: LeaseHolder, lease: Lease): void {
    const before = this.#leases.get(holder);
    if (before !== undefined && before.user !== user) this.#ofUser.delete(before.user, holder);
    this.#leases.set(holder, { user, lease });
    this.#holders.set(holder.id, holder);
    this.#ofUser.add(user, holder);
  }

  /** A full disk costs a user the same address next time, not this session. */
  #remember(key: string, address: Ipv4): void {
    try {
      this.#options.store.rememberLease(key, address);
    } catch (error) {
      this.#options.log.error('pool.lease-not-remembered', { user: key, error: String(error) });
    }
  }

  #describe(key: string, holder: LeaseHolder, address: Ipv4): Lease {
    const { serverAddress, dns, wins, prefixes } = this.#options;
    // The IPv4 address is unique and never 0.0.0.1, so the identifier is unique and never the server's.
    const interfaceId = new Uint8Array(8);
    new DataView(interfaceId.buffer).setUint32(4, address);
    const linkLocal = new Uint8Array(16);
    linkLocal.set([0xfe, 0x80]);
    linkLocal.set(interfaceId, 8);
    const prefix = prefixes?.lease(key, holder.id);
    const ipv6 = prefix?.kind === 'leased' ? prefix.prefix : undefined;
    return { ipv4: { address, serverAddress, dns, wins }, ipv6, interfaceId, linkLocal };
  }
}
