/**
 * Clients seen as IP hosts: which address they get, what they may send, and the few packets that the server makes or
 * mends itself. Pure: no clock, timer, randomness, process or log.
 *
 * RFC 791 and 8200 (headers), 1624 (checksums), 4861, 4862 and 8106 (Router Advertisements), 792, 1191 and 4443 (ICMP),
 * 6691 (TCP maximum segment size).
 */
export * from './checksum.ts';
export * from './choose-pool.ts';
export * from './fragment.ts';
export * from './icmp.ts';
export * from './ipv6-pool.ts';
export { linkLocalAddress, SERVER_INTERFACE_ID, SERVER_LINK_LOCAL } from './link-local.ts';
export * from './mss-clamp.ts';
export * from './pool.ts';
export * from './router-advertisement.ts';
export * from './source-check.ts';
