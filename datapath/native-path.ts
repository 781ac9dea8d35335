import { type Ipv4, type Ipv6, ipv4Bytes } from '../core/index.ts';
import type { TunPath } from '../tun/index.ts';
import { NativeLink } from './native-link.ts';
import type { DataLinkOwner, DataPath, LinkOptions, PeerLink } from './peer-link.ts';
import { SlabPool } from './slab-pool.ts';

/** The path in which the addon looks at the packets. */
export class NativePath implements DataPath {
  readonly #tun: TunPath;
  readonly #slabs = new SlabPool();
  /** Links that were given bytes in this turn of the loop. */
  #received: NativeLink[] = [];

  constructor(tun: TunPath) {
    this.#tun = tun;
  }

  get name(): string {
    return this.#tun.name;
  }

  makeLink(owner: DataLinkOwner, options: LinkOptions): NativeLink {
    return new NativeLink(owner, options, this.#tun, this.#slabs, (waiting) => this.#schedule(waiting));
  }

  addIpv4(address: Ipv4, link: PeerLink): void {
    own(link).route('ipv4', padded(address), 'add');
  }
  removeIpv4(address: Ipv4, link: PeerLink): void {
    own(link).route('ipv4', padded(address), 'remove');
  }
  addIpv6(prefix: Ipv6, link: PeerLink): void {
    own(link).route('prefix', prefix, 'add');
  }
  removeIpv6(prefix: Ipv6, link: PeerLink): void {
    own(link).route('prefix', prefix, 'remove');
  }
  addLinkLocal(address: Ipv6, link: PeerLink): void {
    own(link).route('link-local', address, 'add');
  }
  removeLinkLocal(address: Ipv6, link: PeerLink): void {
    own(link).route('link-local', address, 'remove');
  }

  sendAllTo(link: PeerLink): void {
    own(link).takeAll();
  }

  close(): void {
    this.#tun.close();
  }

  /**
   * TLS gives records of 16 KiB one by one; all of a turn in one call are merged into larger packets for the device,
   * and cost fewer calls. The check phase follows the poll phase at once, so nothing waits for that.
   */
  #schedule(link: NativeLink): void {
    if (this.#received.length === 0) setImmediate(() => this.#drainAll());
    this.#received.push(link);
  }

  #drainAll(): void {
    const links = this.#received;
    this.#received = [];
    for (const link of links) link.drain();
  }
}

function own(link: PeerLink): NativeLink {
  if (link instanceof NativeLink) return link;
  throw new TypeError('a link of another path');
}

/** In the first four of sixteen bytes. */
function padded(address: Ipv4): Uint8Array {
  return Buffer.concat([ipv4Bytes(address)], 16);
}
