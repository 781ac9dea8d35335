/** Whether all traffic is said to take the VPN, and IPv6 of the client's own network does not fit into it. */
export function leaksIpv6(facts: { readonly routes: readonly unknown[]; readonly hasIpv6: boolean }): boolean {
  const { routes, hasIpv6 } = facts;
  return routes.length === 0 && !hasIpv6;
}

/** What files and pages say then. */
export const LEAKS_IPV6 = {
  open: 'The VPN has no IPv6, so IPv6 of your own network goes past it.',
  closed: 'The VPN has no IPv6: while it is up, IPv6 reaches the local network only, so that nothing goes past it.',
} as const;
