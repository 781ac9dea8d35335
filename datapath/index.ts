/**
 * Packets between a connection and the TUN device, on one of two paths behind the same interface (peer-link.ts): the
 * offloaded one, in which the addon handles packets, and the plain one, in which each is looked at in TypeScript.
 *
 * MS-SSTP 2.2.1 (packets), RFC 1661 2 and RFC 1662 3.1 (PPP frames), RFC 1332 2 and RFC 5072 3 (IP in PPP).
 */
export { CallShell, type CallStep } from './call-shell.ts';
export { ChunkPool, type ChunkPoolOptions } from './chunk-pool.ts';
export { Counters, type DataLinkCounters, type LinkLoad } from './counters.ts';
export { DataLink, type DataLinkOptions } from './data-link.ts';
export { type IpProtocol, PPP_IPV4, PPP_IPV6 } from './frame-header.ts';
export { NativePath } from './native-path.ts';
export type { DataLinkOwner, DataPath, LinkOptions, LinkPolicy, LinkSocket, PeerLink } from './peer-link.ts';
export { PlainPath } from './plain-path.ts';
export { type Isolation, type PacketReceiver, PacketRouter, type RouterCounters, sendAllTo } from './router.ts';
export { availableCongestionControls, congestionControlFor, descriptorOf } from './socket-options.ts';
