import type { Ipv4 } from '../../core/index.ts';
import type { Config } from '../config/index.ts';
import { fixedAddressFault, fixedAddressRule } from './fixed-address.ts';

/**
 * What can be said of fixed addresses without a server: see `fixedAddressFault`. The pool may be one of a flag that only the
 * start has; then nothing is said of it.
 */
export function fixedAddressCheck(
  config: Pick<Config, 'pool' | 'dns' | 'wins'>,
): (address: Ipv4) => string | undefined {
  const rule = fixedAddressRule(config, undefined, []);
  return (address) => fixedAddressFault(address, rule);
}
