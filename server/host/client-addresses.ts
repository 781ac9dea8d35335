import type { Ipv4, Ipv6Cidr } from '../../core/index.ts';

/** What packets for one client are sent to. */
export interface ClientAddresses {
  readonly ipv4: { readonly address: Ipv4 };
  /** Its /64; undefined without one. */
  readonly ipv6: Ipv6Cidr | undefined;
}
