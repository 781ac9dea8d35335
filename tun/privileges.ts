/** Rights of this process. capabilities(7), flock(2). */
import { loadNative } from './native.ts';

/** Numbers of linux/capability.h. */
export const Capability = { SetGid: 6, SetUid: 7, NetBindService: 10, NetAdmin: 12, SysAdmin: 21 } as const;

/**
 * Takes the whole-file lock of an open file without waiting. It ends with the last copy of the descriptor, so with the
 * process however that dies; a child must not inherit it (Node opens files with O_CLOEXEC).
 *
 * @returns false if another process holds it
 * @throws {Error} with `code` and `syscall`
 */
export function lockFile(fd: number): boolean {
  return loadNative().lockFile(fd);
}

/**
 * Becomes this user for good, with just these capabilities, also if the user is root; child processes such as `ip` and
 * `nft` get them too (they are made ambient). No supplementary groups, no new privileges, no core dumps. Call it before any worker
 * thread is started: user and group change for all threads, capabilities for the calling one and those it starts later.
 *
 * A process that already is this user keeps its groups and only narrows its capabilities.
 *
 * @param options.keepCapabilities numbers of linux/capability.h; those the process never had are left out
 * @returns what is now effective, one bit per capability
 * @throws {Error} with `code` and `syscall`; some of it may have happened by then, so end the process
 */
export function dropPrivileges(options: {
  readonly uid: number;
  readonly gid: number;
  readonly keepCapabilities: readonly number[];
}): bigint {
  return loadNative().dropPrivileges(options.uid, options.gid, maskOf(options.keepCapabilities));
}

/**
 * Runs `spawn`, whose child processes start without any capability, also if this process and the child are root; after
 * it they have those of this process again.
 *
 * @param keepCapabilities what `dropPrivileges` was given
 */
export function withoutCapabilities<Child>(keepCapabilities: readonly number[], spawn: () => Child): Child {
  const native = loadNative();
  native.setAmbient(0n);
  try {
    return spawn();
  } finally {
    native.setAmbient(maskOf(keepCapabilities));
  }
}

/** Capabilities that count right now, one bit per number of linux/capability.h. */
export function effectiveCapabilities(): bigint {
  return loadNative().effectiveCapabilities();
}

export function hasCapability(capability: number): boolean {
  return (effectiveCapabilities() & maskOf([capability])) !== 0n;
}

function maskOf(capabilities: readonly number[]): bigint {
  let mask = 0n;
  for (const capability of capabilities) {
    if (!Number.isInteger(capability) || capability < 0 || capability > 63) {
      throw new RangeError(`no such capability: ${capability}`);
    }
    mask |= 1n << BigInt(capability);
  }
  return mask;
}
