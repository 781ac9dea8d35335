import type { Ipv6, Ipv6Cidr } from '../../core/index.ts';
import type { PeerLink } from '../../datapath/index.ts';
import { DEFAULT_LIFETIMES, encodeRouterAdvertisement } from '../../ip/index.ts';

/** Default of MaxRtrAdvInterval is 600 s (RFC 4861 6.2.1); half of it, so that one may be lost. */
const INTERVAL_MS = 300_000;

export interface AdvertiserOptions {
  readonly routerLinkLocal: Ipv6;
  readonly mtuBytes: number;
  /** Resolvers for RDNSS (RFC 8106). */
  readonly dns: readonly Ipv6[];
}

/** Sends Router Advertisements to the clients that have a /64: when it comes up, when they ask, and now and then. */
export class Advertiser {
  readonly #options: AdvertiserOptions;
  readonly #prefixes = new Map<PeerLink, Ipv6Cidr>();
  readonly #timer: NodeJS.Timeout;

  constructor(options: AdvertiserOptions) {
    this.#options = options;
    this.#timer = setInterval(() => {
      for (const link of this.#prefixes.keys()) this.advertise(link);
    }, INTERVAL_MS);
    this.#timer.unref();
  }

  add(link: PeerLink, prefix: Ipv6Cidr): void {
    this.#prefixes.set(link, prefix);
    this.advertise(link);
  }

  remove(link: PeerLink): void {
    this.#prefixes.delete(link);
  }

  /** One Router Advertisement now, to all nodes of the link; without effect on a link that has no prefix. */
  advertise(link: PeerLink): void {
    const prefix = this.#prefixes.get(link);
    if (prefix === undefined) return;
    const { routerLinkLocal, mtuBytes, dns } = this.#options;
    const lifetimes = DEFAULT_LIFETIMES;
    const packet = encodeRouterAdvertisement({ source: routerLinkLocal, prefix, mtuBytes, dns, lifetimes });
    link.sendPacket(packet, 0, packet.length, 0x0057);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
