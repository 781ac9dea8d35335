/** What follows from several keys together. */
import type { Config } from './config.ts';

/** Where to listen: with TLS first, then without. */
export function placesOf({
  listen,
  frontend,
}: Pick<Config, 'listen' | 'frontend'>): readonly Config['listen'][number][] {
  return [...listen, ...frontend.listen];
}

/** Everybody else may not begin a flow towards a client, where NAT makes it look as if nobody could. */
export function isInbound({ network }: Pick<Config, 'network'>): boolean {
  return network.inbound ?? !network.nat;
}
