/** Which network clients live in when the operator names none. */
import { type Ipv4, type Ipv4Cidr, ipv4CidrsOverlap } from '../core/index.ts';

/**
 * Third octets of 192.168.x.0/24, best first. Not where home routers, hypervisors and phones put their own networks
 * (0, 1, 2, 8, 10, 11, 15, 16, 20, 31, 42 to 44, 49, 50, 68, 86, 88, 99 to 101, 122, 137, 178, 188, 200, 254, ...): a
 * client that sits in such a network could not tell it from the tunnel's.
 *
 * 192.168 before 10, because Windows without the default gateway of the tunnel adds the classful route of its address:
 * from 192.168.x that is the /24 of the tunnel, from 10.x all of 10.0.0.0/8.
 */
const CLASS_C = [217, 229, 211, 241, 203, 193, 239, 227, 213, 233, 219, 231, 207, 197, 209, 223, 183, 173, 163, 153];
/** Second and third octets of 10.x.y.0/24, best first. */
const CLASS_A = [
  [217, 229],
  [203, 147],
  [177, 93],
  [151, 61],
  [119, 37],
] as const;
/** Second octets of 172.x.217.0/24; Docker takes 17 and upwards, so from the end. */
const CLASS_B = [31, 30, 29, 28, 27, 26, 25, 24] as const;
/** Routes shorter than this say "everything", as a default route or its two halves do. */
const SHORTEST_NETWORK = 8;

/**
 * A /24 that shares no address with any of `taken`, the host's routes and addresses; default routes don't count.
 * The same input gives the same pool, so a host keeps its pool from start to start.
 */
export function choosePool(taken: readonly Ipv4Cidr[]): Ipv4Cidr | undefined {
  return candidates().find((pool) => overlapping(pool, taken) === undefined);
}

/** The first of `taken` that shares addresses with the pool; default routes don't count. */
export function overlapping(pool: Ipv4Cidr, taken: readonly Ipv4Cidr[]): Ipv4Cidr | undefined {
  return taken.find((network) => network.prefixLength >= SHORTEST_NETWORK && ipv4CidrsOverlap(network, pool));
}

function candidates(): Ipv4Cidr[] {
  return [
    ...CLASS_C.map((third) => network(192, 168, third)),
    ...CLASS_A.map(([second, third]) => network(10, second, third)),
    ...CLASS_B.map((second) => network(172, second, 217)),
  ];
}

function network(first: number, second: number, third: number): Ipv4Cidr {
  const address: Ipv4 = ((first << 24) | (second << 16) | (third << 8)) >>> 0;
  return { address, prefixLength: 24 };
}
