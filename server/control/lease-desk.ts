import type { User } from '../../auth/index.ts';
import { foldUserName, formatIpv4, Groups, type Ipv4, type Ipv6, type Ipv6Cidr, type Log } from '../../core/index.ts';
import { type AddressPool, linkLocalAddress, type Ipv4Lease as PoolLease, type PrefixPool } from '../../ip/index.ts';
import type { Ipv4Lease } from '../../ppp/index.ts';
import type { LeaseBook } from '../../store/index.ts';

/** A session as the desk knows it. */
export interface LeaseHolder {
  /** Unique among all sessions of this server. */
  readonly id: string;
  /** The device that its packets are for. */
  readonly device: string;
  /**
   * Another session of the user takes its place: it must return its lease before this call ends, then disconnect.
   *
   * @returns when nothing is sent from its address any more, where another process has to see to that; else it is so by
   *   the end of the call
   */
  replace(): Promise<void> | undefined;
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

/** Sees to it that the host sends what is for a client to the device of the worker that has it. */
export interface ClientRoutes {
  add(lease: Lease, device: string): void;
  /** Takes back one `add` of the same lease and device; without effect if there is none. */
  remove(lease: Lease, device: string): void;
  /** When the host is ready for packets of the client; undefined: it is. */
  settled?(lease: Lease): Promise<void> | undefined;
}

/** Has the kernel forget the flows of leases that ended. */
export interface ClientFlows {
  /** @param done is called when they are forgotten, or can't be; never before this call ends */
  clean(lease: Lease, done: () => void): void;
  /** They stay, unless the forgetting has begun; `done` is not called by then. */
  keep(lease: Lease): void;
}

export interface LeaseDeskOptions {
  readonly pool: AddressPool;
  readonly prefixes: PrefixPool | undefined;
  /** What users get again after a restart. */
  readonly book: Pick<LeaseBook, 'remember'>;
  readonly log: Log;
  /** Told of each lease in use. */
  readonly routes: ClientRoutes;
  /** An address that ended is nobody's before its flows are forgotten. Undefined: they are left alone. */
  readonly flows?: ClientFlows;
  readonly serverAddress: Ipv4;
  readonly dns: readonly Ipv4[];
  readonly wins: readonly Ipv4[];
  /** Sessions that one user may have; one more replaces the oldest. */
  readonly maxPerUser: number;
  /** Why no user can have an address for good; absent: what the pool itself refuses is enough. */
  readonly fixedFault?: (address: Ipv4) => string | undefined;
  /** Whether clients may choose among the free addresses; absent: they may not. */
  readonly clientChoice?: boolean;
}

/**
 * A worker answers in milliseconds. One that hangs for that long may still send from the address, so nobody gets that before
 * it answers or is ended: the client is told that there is none, and dials again.
 */
const MOST_LEAVING_MS = 2_000;

interface EndedLease {
  readonly user: string;
  readonly lease: Lease;
  /** Of the session that had it. */
  readonly id: string;
  readonly device: string;
}

/** Hands addresses to sessions and takes them back: which address, and who has to make room. */
export class LeaseDesk {
  readonly #options: LeaseDeskOptions;
  readonly #leases = new Map<LeaseHolder, { readonly user: string; readonly lease: Lease }>();
  /** Of these, by id and by user, the oldest first: what a lease costs must not grow with their number. */
  readonly #holders = new Map<string, LeaseHolder>();
  readonly #ofUser = new Groups<string, LeaseHolder>();
  /** Interface identifiers in use. */
  readonly #identifiers = new Set<string>();

  /** Addresses from which a session that was replaced may still send. */
  readonly #leaving = new Map<Ipv4, Promise<void>>();
  /** What ends while a session is being replaced. */
  #replaced: EndedLease[] | undefined;
  /** Leases that have ended, and whose address is not free yet. */
  readonly #ending = new Set<EndedLease>();
  readonly #endingOf = new Groups<string, EndedLease>();
  /** Its address is the one that is being leased. */
  #takeOver: EndedLease | undefined;
  /** Who waits for an address, in this order, and what to do when one is free: false if it was not for them. */
  readonly #waiting = new Map<LeaseHolder, { readonly fixed: Ipv4 | undefined; readonly again: () => boolean }>();
  #isServing = false;

  constructor(options: LeaseDeskOptions) {
    this.#options = options;
  }

  /**
   * Leases an address as soon as there is one that nobody has any more, and the host is ready for what comes from it.
   *
   * @param answer gets undefined if no address is left; it is not called for a holder that released meanwhile
   */
  leaseWhenFree(user: User, holder: LeaseHolder, answer: (lease: Lease | undefined) => void): void {
    this.#waiting.delete(holder);
    const again = (): boolean => this.#leaseIfFree(user, holder, answer);
    if (!again()) this.#waiting.set(holder, { fixed: user.ipv4, again });
  }

  /** @returns false if it has to wait for an address whose flows are not forgotten yet */
  #leaseIfFree(user: User, holder: LeaseHolder, answer: (lease: Lease | undefined) => void): boolean {
    const lease = this.lease(user, holder);
    if (lease === undefined && this.#ending.size > 0 && this.#faultOf(user) === undefined) return false;
    this.#waiting.delete(holder);
    const ready = lease && this.#whenReady(lease);
    if (ready === undefined) answer(lease);
    else void ready.then((isReady) => this.#answerLate({ holder, lease, isReady, answer }));
    return true;
  }

  #answerLate(late: {
    readonly holder: LeaseHolder;
    readonly lease: Lease | undefined;
    readonly isReady: boolean;
    readonly answer: (lease: Lease | undefined) => void;
  }): void {
    const { holder, lease, isReady, answer } = late;
    if (lease === undefined || this.#leases.get(holder)?.lease !== lease) return; // it was given back meanwhile
    if (!isReady) this.release(holder);
    answer(isReady ? lease : undefined);
  }

  /** @returns whether it may be used, once that is known; undefined: at once */
  #whenReady(lease: Lease): Promise<boolean> | undefined {
    const settled = this.#options.routes.settled?.(lease);
    const left = this.#leaving.get(lease.ipv4.address);
    if (left === undefined) return settled?.then(() => true);
    return Promise.all([this.#inTime(left, lease), settled]).then(([hasLeft]) => hasLeft);
  }

  async #inTime(left: Promise<void>, { ipv4: { address } }: Lease): Promise<boolean> {
    const { promise: late, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), MOST_LEAVING_MS);
    const hasLeft = await Promise.race([left.then(() => true), late]);
    clearTimeout(timer);
    if (!hasLeft) this.#options.log.warn('pool.address-not-left', { address: formatIpv4(address) });
    return hasLeft;
  }

  /** Its address is free for its user at once, but nobody is told of it before the session has left it. */
  #replace(holder: LeaseHolder | undefined): void {
    const address = holder && this.#leases.get(holder)?.lease.ipv4.address;
    if (holder === undefined || address === undefined) return;
    const replaced: EndedLease[] = [];
    this.#replaced = replaced;
    let left: Promise<void> | undefined;
    try {
      left = holder.replace();
    } finally {
      this.#replaced = undefined;
    }
    if (left !== undefined) this.#isLeft(address, left);
    for (const ended of replaced) this.#clean(ended);
  }

  #isLeft(address: Ipv4, left: Promise<void>): void {
    // Who had it before that one may not have left it either.
    const all = Promise.all([this.#leaving.get(address), left]).then(() => {
      if (this.#leaving.get(address) === all) this.#leaving.delete(address);
    });
    this.#leaving.set(address, all);
  }

  /** @returns undefined if no address is left, or none yet */
  lease(user: User, holder: LeaseHolder): Lease | undefined {
    if (this.#faultOf(user) !== undefined) return undefined;
    const key = foldUserName(user.name);
    const mine = this.#ofUser.of(key);
    const [oldest] = mine;
    if (mine.size >= this.#options.maxPerUser) this.#replace(oldest);
    let result = this.#leaseAddress(key, holder, user.ipv4);
    if (result.kind === 'in-use') {
      // A fixed address has one owner: an old session of the owner, or of somebody who held it before it was fixed.
      const { holder: occupant } = result;
      this.#replace(this.#holders.get(occupant));
      result = this.#leaseAddress(key, holder, user.ipv4);
    }
    if (result.kind !== 'leased') return undefined;
    const lease = this.#describe(key, holder, result.address);
    this.#hold(key, holder, lease);
    this.#remember(key, result.address);
    this.#options.routes.add(lease, holder.device);
    // After the new one, so that the route stays.
    if (this.#takeOver !== undefined) this.#free(this.#takeOver);
    this.#takeOver = undefined;
    return lease;
  }

  /**
   * Gives a session the address that its client asks for, in the stead of the one that it has, if it is free, nobody
   * else's, and policy allows it; one that the same user gave up a moment ago, as at a redial, is free for it. The rest of
   * the lease stays.
   *
   * @param wish anything, it comes from the network
   * @returns undefined if it keeps what it has
   */
  choose(user: User, holder: LeaseHolder, wish: Ipv4): Lease | undefined {
    const held = this.#leases.get(holder);
    const mayChoose = this.#options.clientChoice === true && user.ipv4 === undefined;
    if (held === undefined || !mayChoose || wish === held.lease.ipv4.address) return undefined;
    const { pool, routes } = this.#options;
    const ended = [...this.#endingOf.of(held.user)].find(({ lease }) => lease.ipv4.address === wish);
    if (ended !== undefined) pool.release(wish, ended.id);
    if (!pool.choose(held.user, holder.id, wish)) {
      if (ended !== undefined) pool.lease(held.user, ended.id, wish);
      return undefined;
    }
    const lease = { ...held.lease, ipv4: { ...held.lease.ipv4, address: wish } };
    this.#leases.set(holder, { ...held, lease });
    this.#remember(held.user, wish);
    // IPv6 stays as it is.
    routes.add({ ...lease, ipv6: undefined }, holder.device);
    if (ended !== undefined) this.#goOnWith(ended);
    // Who chooses twice gives two up.
    const id = `${holder.id} had ${held.lease.ipv4.address}`;
    const before = { ...held.lease, ipv6: undefined };
    pool.lease(held.user, id, before.ipv4.address);
    this.#end({ user: held.user, lease: before, id, device: holder.device });
    return lease;
  }

  /** Takes back what `holder` has; without effect if it has nothing. */
  release(holder: LeaseHolder): void {
    this.#waiting.delete(holder);
    const held = this.#leases.get(holder);
    if (held === undefined) return;
    this.#leases.delete(holder);
    this.#identifiers.delete(keyOf(held.lease));
    this.#holders.delete(holder.id);
    this.#ofUser.delete(held.user, holder);
    const { id, device } = holder;
    this.#end({ user: held.user, lease: held.lease, id, device });
  }

  /** The address is free once what the kernel knows of it is forgotten. */
  #end(ended: EndedLease): void {
    this.#ending.add(ended);
    this.#endingOf.add(ended.user, ended);
    if (this.#replaced === undefined) this.#clean(ended);
    else this.#replaced.push(ended);
  }

  /** Once nothing is sent from it any more, which would make flows anew. */
  #clean(ended: EndedLease): void {
    const left = this.#leaving.get(ended.lease.ipv4.address);
    const { flows } = this.#options;
    if (left !== undefined) void left.then(() => this.#clean(ended));
    else if (!this.#ending.has(ended))
      return; // its user has it again
    else if (flows === undefined) this.#free(ended);
    else flows.clean(ended.lease, () => this.#free(ended));
  }

  /**
   * The same user goes on with an address whose flows are about to be forgotten, so they stay. Addresses of the user's
   * that the pool does not choose now are held on.
   */
  #leaseAddress(key: string, holder: LeaseHolder, fixed: Ipv4 | undefined): PoolLease {
    const { pool, prefixes, flows } = this.#options;
    const mine = [...this.#endingOf.of(key)];
    for (const { lease, id } of mine) pool.release(lease.ipv4.address, id);
    const result = pool.lease(key, holder.id, fixed);
    for (const ended of mine) {
      const { address } = ended.lease.ipv4;
      if (result.kind !== 'leased' || result.address !== address) {
        pool.lease(key, ended.id, address);
        continue;
      }
      if (ended.lease.ipv6 !== undefined) prefixes?.release(ended.lease.ipv6, ended.id);
      flows?.keep(ended.lease);
      this.#takeOver = ended;
    }
    return result;
  }

  /** The same user has the IPv4 address again. Where a prefix ended with it, all its flows are forgotten before that is free. */
  #goOnWith(ended: EndedLease): void {
    if (ended.lease.ipv6 !== undefined) return;
    this.#options.flows?.keep(ended.lease);
    this.#free(ended);
  }

  /** Nobody's any more: with the route goes what the host would still send there. */
  #free(ended: EndedLease): void {
    if (!this.#ending.delete(ended)) return;
    this.#endingOf.delete(ended.user, ended);
    const { ipv4, ipv6 } = ended.lease;
    this.#options.pool.release(ipv4.address, ended.id);
    this.#options.routes.remove(ended.lease, ended.device);
    if (ipv6 !== undefined) this.#options.prefixes?.release(ipv6, ended.id);
    this.#serveWaiting(ipv4.address);
  }

  /**
   * In their order, until one goes on waiting: the pool has nothing for those behind it either. Who has a fixed address
   * waits for that alone. So what an address costs does not grow with those that wait for another one.
   */
  #serveWaiting(freed: Ipv4): void {
    if (this.#isServing) return; // by a lease that is being given out; the round goes on behind it
    this.#isServing = true;
    try {
      for (const { fixed, again } of this.#waiting.values()) {
        if (fixed !== undefined && fixed !== freed && this.#ending.size > 0) continue;
        if (!again() && fixed === undefined) break;
      }
    } finally {
      this.#isServing = false;
    }
  }

  /** IPv4 addresses of the pool: how many there are, and how many are held. */
  get addresses(): { readonly used: number; readonly size: number } {
    const { used, size } = this.#options.pool;
    return { used, size };
  }

  /** Why the address can't be a user's fixed one, to follow it; undefined if it can. */
  fixedFault(address: Ipv4): string | undefined {
    if (!this.#options.pool.mayBeFixed(address)) {
      return "is the server's own, or the pool's network or broadcast address";
    }
    return this.#options.fixedFault?.(address);
  }

  #faultOf({ ipv4 }: User): string | undefined {
    return ipv4 === undefined ? undefined : this.fixedFault(ipv4);
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
    this.#options.book.remember(key, address).catch((error: unknown) => {
      this.#options.log.error('pool.lease-not-remembered', { user: key, error: String(error) });
    });
  }

  #describe(key: string, holder: LeaseHolder, address: Ipv4): Lease {
    const { serverAddress, dns, wins, prefixes } = this.#options;
    const interfaceId = this.#freeIdentifier(holder, address);
    const prefix = prefixes?.lease(key, holder.id);
    const ipv6 = prefix?.kind === 'leased' ? prefix.prefix : undefined;
    return { ipv4: { address, serverAddress, dns, wins }, ipv6, interfaceId, linkLocal: linkLocalAddress(interfaceId) };
  }

  /**
   * The IPv4 address behind zeros; it is never 0.0.0.1, so that is never the server's. Who chose another address has kept
   * the identifier of its first one: then there is a number in front.
   */
  #freeIdentifier(holder: LeaseHolder, address: Ipv4): Uint8Array {
    const held = this.#leases.get(holder);
    if (held !== undefined) this.#identifiers.delete(keyOf(held.lease));
    const interfaceId = new Uint8Array(8);
    const view = new DataView(interfaceId.buffer);
    view.setUint32(4, address);
    for (let number = 1; this.#identifiers.has(keyOf({ interfaceId })); number += 1) view.setUint32(0, number);
    this.#identifiers.add(keyOf({ interfaceId }));
    return interfaceId;
  }
}

function keyOf({ interfaceId }: Pick<Lease, 'interfaceId'>): string {
  return Buffer.from(interfaceId).toString('hex');
}
