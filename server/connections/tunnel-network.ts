import { formatIpv4, formatIpv6Cidr, type Ipv4 } from '../../core/index.ts';
import type { PeerLink } from '../../datapath/index.ts';
import type { ControlSession, GrantedLease, Policy } from '../control/index.ts';
import type { ServerContext } from './server-context.ts';

/** One tunnel's place in the network: its lease, and what link, path and advertiser know of it. */
export class TunnelNetwork {
  readonly #context: Pick<ServerContext, 'path' | 'advertiser'>;
  readonly #link: PeerLink;
  readonly #session: ControlSession;
  #lease: GrantedLease | undefined;
  /** The lease was given back: the address may be somebody else's, whatever PPP still does. */
  #isReleased = false;
  #isIpv4Open = false;
  #isIpv6Open = false;

  constructor(context: Pick<ServerContext, 'path' | 'advertiser'>, link: PeerLink, session: ControlSession) {
    this.#context = context;
    this.#link = link;
    this.#session = session;
  }

  /** The leased address, also after its release: for the log. */
  get ipv4(): string | undefined {
    return this.#lease === undefined ? undefined : formatIpv4(this.#lease.ipv4.address);
  }

  get ipv6(): string | undefined {
    return this.#lease?.ipv6 === undefined ? undefined : formatIpv6Cidr(this.#lease.ipv6);
  }

  /** @param answer gets undefined if no address is left, or the tunnel has given up its claim */
  lease(answer: (lease: GrantedLease | undefined) => void): void {
    this.#session.lease((lease) => {
      if (!this.#isReleased) this.#lease = lease;
      if (this.#lease !== undefined) this.#link.setPolicy(this.#lease.policy);
      answer(this.#isReleased ? undefined : lease);
    });
  }

  /** Has the IPv4 address changed for one that the client asks for, before it is used. @param answer the address now */
  choose(wish: Ipv4, answer: (address: Ipv4 | undefined) => void): void {
    this.#session.choose(wish, (lease) => {
      // What the policy is by now need not be what went with the answer.
      if (!this.#isReleased && !this.#isIpv4Open && lease)
        this.#lease = { ...lease, policy: this.#lease?.policy ?? lease.policy };
      answer(this.#lease?.ipv4.address);
    });
  }

  get policy(): Policy | undefined {
    return this.#lease?.policy;
  }

  /** One that comes late never takes the place of a newer one. */
  setPolicy(policy: Policy): void {
    if (this.#lease === undefined || this.#isReleased || policy.revision <= this.#lease.policy.revision) return;
    this.#lease = { ...this.#lease, policy };
    this.#link.setPolicy(policy);
  }

  /** From now on packets pass. @returns whether there is a lease for it */
  openIpv4(): boolean {
    if (this.#lease === undefined || this.#isReleased) return false;
    this.#isIpv4Open = true;
    this.#link.openIpv4(this.#lease.ipv4.address);
    this.#context.path.addIpv4(this.#lease.ipv4.address, this.#link);
    return true;
  }

  /** The same for IPv6: link-local always, the client's /64 with a Router Advertisement where there is one. */
  openIpv6(): boolean {
    if (this.#lease === undefined || this.#isReleased) return false;
    const { ipv6, linkLocal } = this.#lease;
    const { path, advertiser } = this.#context;
    this.#isIpv6Open = true;
    this.#link.openIpv6(ipv6?.address, linkLocal);
    path.addLinkLocal(linkLocal, this.#link);
    if (ipv6 !== undefined) {
      path.addIpv6(ipv6.address, this.#link);
      advertiser?.add(this.#link, ipv6);
    }
    return true;
  }

  closeIpv4(): void {
    if (!this.#isIpv4Open || this.#lease === undefined) return;
    this.#isIpv4Open = false;
    this.#context.path.removeIpv4(this.#lease.ipv4.address, this.#link);
    this.#link.closeIpv4();
  }

  closeIpv6(): void {
    if (!this.#isIpv6Open || this.#lease === undefined) return;
    this.#isIpv6Open = false;
    const { ipv6, linkLocal } = this.#lease;
    const { path, advertiser } = this.#context;
    advertiser?.remove(this.#link);
    path.removeLinkLocal(linkLocal, this.#link);
    if (ipv6 !== undefined) path.removeIpv6(ipv6.address, this.#link);
    this.#link.closeIpv6();
  }

  /** Gives the addresses back for good. May be called again. */
  release(): void {
    this.closeIpv4();
    this.closeIpv6();
    this.#isReleased = true;
    this.#session.release();
  }
}
