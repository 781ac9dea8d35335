import { isIP } from 'node:net';
import { type Finding, fine, isPublicAddress, warning } from '../../../core/index.ts';

const CHECK = 'names to dial';

/** What no public DNS has: RFC 6762, RFC 6761, RFC 8375, ICANN's `internal`, and what routers and firms make up. */
const PRIVATE_DOMAIN =
  /(?:^|\.)(?:local|localhost|localdomain|internal|intranet|private|corp|home|home\.arpa|lan|test)$/;

/**
 * Whether clients outside of this network can dial a server that was told no name. Its addresses are then those of this
 * machine's devices, and a machine in a cloud, as one behind a router, does not see its public one.
 *
 * @param hosts as the operator gave them
 * @param names that the certificate is for, the one to dial first
 */
export function judgeDialled(hosts: readonly string[], names: readonly string[]): Finding {
  const shown = names.slice(0, 4).join(', ');
  if (names.length === 0 || !names.every(isPrivate)) return fine(CHECK, shown === '' ? 'none' : shown);
  if (hosts.length > 0) return fine(CHECK, `${shown}, as hosts has it: from within private networks alone`);
  return warning(
    CHECK,
    `private addresses (${shown}); clients outside need --host NAME`,
    '--host with the name or the public address that they dial; a router in front must pass its port on',
  );
}

/** Whether an address or a name means something in private networks only. */
function isPrivate(name: string): boolean {
  if (isIP(name) !== 0) return !isPublicAddress(name);
  const bare = name.toLowerCase().replace(/\.$/, '');
  return !bare.includes('.') || PRIVATE_DOMAIN.test(bare);
}
