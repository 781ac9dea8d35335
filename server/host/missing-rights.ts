/** What to add so that the server gets its rights, in one line: on a machine, or to the run command of a container. */
import { readFileSync } from 'node:fs';
import { Capability } from '../../tun/index.ts';

/** Of this process, from /proc/self/status. */
export interface Rights {
  readonly uid: number;
  /** Capabilities that count, and those that the process could ever have; one bit per number. */
  readonly effective: bigint;
  readonly bounding: bigint;
  /** Whether file capabilities and set-user-id programs have no effect. */
  readonly noNewPrivileges: boolean;
}

export function readRights(status: string = readFileSync('/proc/self/status', 'utf8')): Rights {
  const field = (name: string): string => new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? '0';
  return {
    uid: Number(field('Uid')),
    effective: BigInt(`0x${field('CapEff')}`),
    bounding: BigInt(`0x${field('CapBnd')}`),
    noNewPrivileges: field('NoNewPrivs') === '1',
  };
}

/**
 * @param wantedUid whom the server becomes
 * @returns undefined if nothing is missing
 */
export function missingRight(rights: Rights, wantedUid: number): string | undefined {
  const { uid, effective, bounding, noNewPrivileges } = rights;
  if (!has(effective, Capability.NetAdmin)) {
    const what = 'the right to make a TUN device is missing (CAP_NET_ADMIN)';
    // Nothing but a container takes this from what root may have.
    if (has(bounding, Capability.SysAdmin)) return `${what}: run it as root, for example with sudo`;
    if (!has(bounding, Capability.NetAdmin)) return `${what}: docker run --cap-add NET_ADMIN`;
    if (!noNewPrivileges) return `${what}: run it as root, or start it with ambient capabilities`;
    return (
      `${what}: no-new-privileges keeps it from a user that is not root: leave that option out, ` +
      'or docker run --user root --cap-add SETUID --cap-add SETGID'
    );
  }
  const lacks = [Capability.SetUid, Capability.SetGid].some((capability) => !has(effective, capability));
  if (uid !== 0 || wantedUid === 0 || !lacks) return undefined;
  return (
    `root can't become another user here (uid ${wantedUid}): docker run --cap-add SETUID --cap-add SETGID, ` +
    'or start it as that user, or set run.user to root'
  );
}

const has = (set: bigint, capability: number): boolean => ((set >> BigInt(capability)) & 1n) === 1n;
