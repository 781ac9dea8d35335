/** From the TUN device to the links: a packet's destination says whose it is. */
import type { Ipv4, Ipv6 } from '../core/index.ts';
import type { PacketBatch, TunDevice, TunError } from '../tun/index.ts';
import { type IpProtocol, PPP_IPV4, PPP_IPV6 } from './frame-header.ts';
import { Map64 } from './map64.ts';

/** What the router needs of a `DataLink`. */
export interface PacketReceiver {
  sendPacket(bytes: Uint8Array, start: number, end: number, protocol: IpProtocol): void;
}

/** What a link asks before it forwards a packet of its client. */
export interface Isolation {
  /** Whether the IP packet that starts at `start`, checked to be whole, goes to a client. */
  isToClient(bytes: Uint8Array, start: number): boolean;
}

export interface RouterOptions {
  /** Clients may not reach each other. */
  readonly isolate: boolean;
  /** The device is gone; see `TunDevice.start`. */
  readonly onFailure?: (error: TunError) => void;
}

/** Packets from the device that went to no link. */
export interface RouterCounters {
  /** To an address of the pool that nobody has now. */
  readonly dropsUnknown: number;
  /** Multicast and broadcast of the kernel or a neighbour: there is no link to spread it on. */
  readonly dropsGroup: number;
  /** Neither IPv4 nor IPv6. The kernel does not send these. */
  readonly dropsMalformed: number;
}

const IPV4_HEADER = 20;
const IPV6_HEADER = 40;

/** Takes the device's packets from its construction on. Nothing is made per packet. */
export class PacketRouter {
  /** To be given to every link; undefined where clients may reach each other, which the kernel then routes. */
  readonly isolation: Isolation | undefined;
  readonly counters: { -readonly [K in keyof RouterCounters]: number } = {
    dropsUnknown: 0,
    dropsGroup: 0,
    dropsMalformed: 0,
  };
  // Keys are signed 32-bit integers: V8 keeps those without a heap object, unlike numbers above 2^31.
  readonly #byIpv4 = new Map<number, PacketReceiver>();
  /** By the first half of the address: each client has a /64. */
  readonly #byPrefix = new Map64<PacketReceiver>();
  /** By the second half: the interface identifier. */
  readonly #byLinkLocal = new Map64<PacketReceiver>();

  constructor(tun: TunDevice, options: RouterOptions) {
    this.isolation = options.isolate
      ? { isToClient: (bytes, start) => this.#find(bytes, start, at(bytes, start) >> 4) !== undefined }
      : undefined;
    tun.start((batch) => this.#route(batch), options.onFailure);
  }

  /** The address is this link's from now on, whoever had it before. */
  addIpv4(address: Ipv4, link: PacketReceiver): void {
    this.#byIpv4.set(address | 0, link);
  }

  /** Nothing happens if another link has it by now; so for the other two kinds. */
  removeIpv4(address: Ipv4, link: PacketReceiver): void {
    if (this.#byIpv4.get(address | 0) === link) this.#byIpv4.delete(address | 0);
  }

  /** @param prefix 16 bytes, of which the first 8 count */
  addIpv6(prefix: Ipv6, link: PacketReceiver): void {
    this.#byPrefix.set(word(prefix, 0), word(prefix, 4), link);
  }

  removeIpv6(prefix: Ipv6, link: PacketReceiver): void {
    remove(this.#byPrefix, word(prefix, 0), word(prefix, 4), link);
  }

  /** @param address in fe80::/64 */
  addLinkLocal(address: Ipv6, link: PacketReceiver): void {
    this.#byLinkLocal.set(word(address, 8), word(address, 12), link);
  }

  removeLinkLocal(address: Ipv6, link: PacketReceiver): void {
    remove(this.#byLinkLocal, word(address, 8), word(address, 12), link);
  }

  #route(batch: PacketBatch): void {
    const { slab, table, count } = batch;
    for (let i = 0; i < count; i++) {
      const start = table[2 * i] ?? 0;
      const end = start + (table[2 * i + 1] ?? 0);
      const version = wholeVersion(slab, start, end);
      if (version === 0) {
        this.counters.dropsMalformed += 1;
        continue;
      }
      const link = this.#find(slab, start, version);
      if (link !== undefined) link.sendPacket(slab, start, end, version === 4 ? PPP_IPV4 : PPP_IPV6);
      else if (isToGroup(slab, start, version)) this.counters.dropsGroup += 1;
      else this.counters.dropsUnknown += 1;
    }
  }

  #find(bytes: Uint8Array, start: number, version: number): PacketReceiver | undefined {
    if (version === 4) return this.#byIpv4.get(word(bytes, start + 16));
    // fe80::/10, RFC 4291 2.5.6
    const isLinkLocal = at(bytes, start + 24) === 0xfe && (at(bytes, start + 25) & 0xc0) === 0x80;
    if (isLinkLocal) return this.#byLinkLocal.get(word(bytes, start + 32), word(bytes, start + 36));
    return this.#byPrefix.get(word(bytes, start + 24), word(bytes, start + 28));
  }
}

/** The client's side, where there is one link and every packet from the device is for it. */
export function sendAllTo(link: PacketReceiver, tun: TunDevice, onFailure?: (error: TunError) => void): void {
  tun.start(({ slab, table, count }) => {
    for (let i = 0; i < count; i++) {
      const start = table[2 * i] ?? 0;
      const end = start + (table[2 * i + 1] ?? 0);
      const version = wholeVersion(slab, start, end);
      if (version !== 0) link.sendPacket(slab, start, end, version === 4 ? PPP_IPV4 : PPP_IPV6);
    }
  }, onFailure);
}

/** 4 or 6, or 0 for what is not even an IP header. */
function wholeVersion(bytes: Uint8Array, start: number, end: number): 0 | 4 | 6 {
  const version = at(bytes, start) >> 4;
  if (version === 4 && end - start >= IPV4_HEADER) return 4;
  return version === 6 && end - start >= IPV6_HEADER ? 6 : 0;
}

/** RFC 1112 4 and limited broadcast, RFC 4291 2.7. */
function isToGroup(bytes: Uint8Array, start: number, version: 4 | 6): boolean {
  return version === 4 ? at(bytes, start + 16) >= 224 : at(bytes, start + 24) === 0xff;
}

function remove(map: Map64<PacketReceiver>, high: number, low: number, link: PacketReceiver): void {
  if (map.get(high, low) === link) map.delete(high, low);
}

/** A signed 32-bit word in network order. */
function word(bytes: Uint8Array, offset: number): number {
  return (
    (at(bytes, offset) << 24) | (at(bytes, offset + 1) << 16) | (at(bytes, offset + 2) << 8) | at(bytes, offset + 3)
  );
}

function at(bytes: Uint8Array, offset: number): number {
  return bytes[offset] ?? 0;
}
