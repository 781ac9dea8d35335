/**
 * What both data paths offer: the plain one (data-link.ts, router.ts), in which TypeScript looks at each packet, and
 * the offloaded one (native-link.ts), in which the addon does. Same packets in, same packets out; tests compare them.
 */
import type { Ipv4, Ipv6 } from '../core/index.ts';
import type { DataLinkCounters, LinkLoad } from './counters.ts';
import type { IpProtocol } from './frame-header.ts';
import type { Ingress } from './ingress.ts';

/** Whoever has the connection. Called while `receive`, `drain`, `sendControl` or a microtask runs, or from the event loop. */
export interface DataLinkOwner {
  /** An SSTP control packet; the view is valid during the call. */
  control(packet: Buffer): void;
  /** A PPP frame that carries no IP packet; the view is valid during the call. */
  pppFrame(frame: Buffer): void;
  /** What arrived holds at least one whole packet: hello and echo timers start again. Before that packet is told of. */
  received(): void;
  /** Sends bytes; `done` exactly once when they may be changed, also if it failed. No second call before that. */
  write(bytes: Buffer, done: () => void): void;
  /** 64 KiB of control packets wait: the peer does not read. Close. Called once. */
  overflow(): void;
  /** What `receive` would have thrown, from a path that looks at bytes later. Close. */
  broken(error: unknown): void;
}

/**
 * What of a session's policy a link holds its peer to: nothing yet. A key that comes in here is enforced by both paths, on the
 * offloaded one in the slot of the addon, and compared by the differential test.
 */
export type LinkPolicy = Readonly<Record<never, never>>;

/** One peer's stream. */
export interface PeerLink {
  readonly counters: DataLinkCounters;
  readonly load: LinkLoad;
  /** The socket below the connection, once: from now on no more is on its way than the path to the peer takes. */
  setSocket(socket: LinkSocket): void;
  /** What is in force: undefined until it was set. */
  readonly policy: LinkPolicy | undefined;
  /** To be set before an address is opened, and whenever it changes; packets that come after that are held to it. */
  setPolicy(policy: LinkPolicy): void;
  /** From now on the peer has this address. */
  openIpv4(address: Ipv4): void;
  closeIpv4(): void;
  /** @param prefix of the /64 behind the peer, or undefined if it has only its link-local address */
  openIpv6(prefix: Ipv6 | undefined, linkLocal: Ipv6): void;
  closeIpv6(): void;
  /** What the peer said in LCP: bytes per IP packet that it takes. */
  setMru(bytes: number): void;
  /**
   * Takes bytes of the peer, which belong to the link from now on. Not to be called from inside an owner's method.
   *
   * @throws {SstpFramingError} if the stream can no longer be split
   */
  receive(chunk: Buffer): void;
  /** Looks now at all that `receive` was given: the connection ends. */
  drain(): void;
  /** A whole SSTP packet, control or a PPP frame that is no IP packet: sent before all data. Kept, not copied. */
  sendControl(packet: Buffer): void;
  /** An IP packet to the peer, bytes[start, end), with the whole IP header inside; copied, may be changed in place. */
  sendPacket(bytes: Uint8Array, start: number, end: number, protocol: IpProtocol): void;
  /**
   * Nothing more either way: what was not looked at yet, later chunks and waiting data are dropped. Control packets
   * given before are still written; `flushed` says when.
   */
  stop(): void;
  /** Resolves when all that was given to be sent has been written, which a peer that does not read may prevent. */
  flushed(): Promise<void>;
}

export interface LinkOptions {
  readonly ingress: Ingress;
  /** Our link-local address on this link, 16 bytes. */
  readonly serverLinkLocal: Ipv6;
  /** Bytes that may wait for the peer; 1 MiB on the plain path, 4 MiB on the other unless told. */
  readonly mostQueuedBytes?: number;
  /** The client takes one packet of each write: outgoing-frames.ts. False unless told. */
  readonly isOnePacketReader?: boolean;
  /** Neighbour Discovery of the client with us, such as a Router Solicitation; the view is valid during the call. */
  readonly onLinkLocal?: (link: PeerLink, packet: Buffer) => void;
}

/** The socket below a connection. */
export interface LinkSocket {
  /** -1 if it has none of its own. */
  readonly fd: number;
  /** Such as `bbr`; empty: the system's. */
  readonly congestionControl: string;
}

/** A device with everything between it and the links. */
export interface DataPath {
  readonly name: string;
  makeLink(owner: DataLinkOwner, options: LinkOptions): PeerLink;
  /** The address is this link's from now on, whoever had it before. */
  addIpv4(address: Ipv4, link: PeerLink): void;
  /** Nothing happens if another link has it by now; so for the other two kinds. */
  removeIpv4(address: Ipv4, link: PeerLink): void;
  /** @param prefix 16 bytes, of which the first 8 count */
  addIpv6(prefix: Ipv6, link: PeerLink): void;
  removeIpv6(prefix: Ipv6, link: PeerLink): void;
  /** @param address in fe80::/64 */
  addLinkLocal(address: Ipv6, link: PeerLink): void;
  removeLinkLocal(address: Ipv6, link: PeerLink): void;
  /** The client's side, where there is one link and every packet from the device is for it. Instead of the above. */
  sendAllTo(link: PeerLink): void;
  /** Removes the device. */
  close(): void;
}
