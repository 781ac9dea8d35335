/**
 * The network device: IP packets in batches from and to a Linux TUN device, and the rights that opening one takes.
 *
 * Linux Documentation/networking/tuntap.rst; capabilities(7). The C++ addon under `native/` does the system calls.
 */
export { cageProgram, confine } from './cage.ts';
export { type CageLayers, NO_CAGE } from './cage-layers.ts';
export { forgetFlows } from './conntrack.ts';
export type { PacketBatch, TunCounters, TunDevice, TunOptions } from './device.ts';
export { HEADROOM, TunError } from './device.ts';
export { digestOf, TableHolder, type TableParts } from './held-table.ts';
export { deviceGone, isDevicePresent, openTun } from './linux-tun.ts';
export { acceptWaiting, type BoundSocket, bindSocket } from './listen-socket.ts';
export { MemoryTun } from './memory-tun.ts';
export { type NetworkChange, watchNetwork } from './network-news.ts';
export {
  adoptTunPath,
  type MemoryNetwork,
  type Offload,
  openMemoryPath,
  openTunDescriptor,
  openTunPath,
  type TunDescriptor,
} from './open-path.ts';
export {
  Capability,
  dropPrivileges,
  effectiveCapabilities,
  hasCapability,
  lockFile,
  withoutCapabilities,
} from './privileges.ts';
export { type IpPrefix, removeRoute, replaceRoute } from './routes.ts';
export {
  ReceivePosition,
  type SlotOptions,
  type SlotOwner,
  type SlotStats,
  StreamFault,
  type TunPath,
} from './tun-path.ts';
