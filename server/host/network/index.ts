/**
 * What the server needs from the host's network: addresses and routes of the TUN device, forwarding, NAT. Done with the
 * commands `ip` (iproute2) and `nft` (nftables) and under /proc/sys; imports core, ip and tun only, and types.
 */
export { firewallRules, tableName } from './firewall.ts';
export { type ForwardingState, forwardingState } from './forwarding.ts';
export { HostNetwork, type NetworkOptions } from './host-network.ts';
export { localNetworks, resolvers } from './local.ts';
export { NetworkError } from './network-error.ts';
export { isVpnDevice } from './own-devices.ts';
export type { Reach } from './reach.ts';
export { type RefusedFlows, readRefusedFlows } from './refused-flows.ts';
export * from './survey.ts';
