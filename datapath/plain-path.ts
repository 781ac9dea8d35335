import type { Clock, Ipv4, Ipv6 } from '../core/index.ts';
import type { TunDevice, TunError } from '../tun/index.ts';
import { ChunkPool } from './chunk-pool.ts';
import { DataLink } from './data-link.ts';
import type { DataLinkOwner, DataPath, LinkOptions, PeerLink } from './peer-link.ts';
import { PacketRouter, type RouterCounters, sendAllTo } from './router.ts';

/** The path in which TypeScript looks at each packet: the reference for the other, and for devices in memory. */
export class PlainPath implements DataPath {
  readonly #tun: TunDevice;
  readonly #clock: Clock;
  readonly #chunks: ChunkPool;
  readonly #isolate: boolean;
  readonly #onFailure: ((error: TunError) => void) | undefined;
  #made: PacketRouter | undefined;

  constructor(options: {
    readonly tun: TunDevice;
    readonly clock: Clock;
    /** Shared with other paths of the process; one of its own unless told. */
    readonly chunks?: ChunkPool;
    readonly isolate?: boolean;
    readonly onFailure?: (error: TunError) => void;
  }) {
    this.#tun = options.tun;
    this.#clock = options.clock;
    this.#chunks = options.chunks ?? new ChunkPool();
    this.#isolate = options.isolate ?? false;
    this.#onFailure = options.onFailure;
  }

  get name(): string {
    return this.#tun.name;
  }

  /** Packets of the device that went to no link. */
  get counters(): RouterCounters {
    return this.#router.counters;
  }

  makeLink(owner: DataLinkOwner, options: LinkOptions): DataLink {
    const isolation = this.#isolate ? this.#router.isolation : undefined;
    return new DataLink(owner, { ...options, tun: this.#tun, pool: this.#chunks, clock: this.#clock, isolation });
  }

  addIpv4(address: Ipv4, link: PeerLink): void {
    this.#router.addIpv4(address, link);
  }
  removeIpv4(address: Ipv4, link: PeerLink): void {
    this.#router.removeIpv4(address, link);
  }
  addIpv6(prefix: Ipv6, link: PeerLink): void {
    this.#router.addIpv6(prefix, link);
  }
  removeIpv6(prefix: Ipv6, link: PeerLink): void {
    this.#router.removeIpv6(prefix, link);
  }
  addLinkLocal(address: Ipv6, link: PeerLink): void {
    this.#router.addLinkLocal(address, link);
  }
  removeLinkLocal(address: Ipv6, link: PeerLink): void {
    this.#router.removeLinkLocal(address, link);
  }

  sendAllTo(link: PeerLink): void {
    sendAllTo(link, this.#tun, this.#onFailure);
  }

  close(): void {
    this.#tun.close();
  }

  /** Made when first needed: either it or `sendAllTo` starts the device. */
  get #router(): PacketRouter {
    this.#made ??= new PacketRouter(this.#tun, {
      isolate: this.#isolate,
      ...(this.#onFailure === undefined ? {} : { onFailure: this.#onFailure }),
    });
    return this.#made;
  }
}
