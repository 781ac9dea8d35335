/** The only file that loads the addon. Arguments are checked again on the other side; nothing here is for the network. */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** A failed system call throws `Error` with `code`, `errno` and `syscall`; a wrong argument `ERR_INVALID_ARG_VALUE`. */
export interface NativeAddon {
  open(name: string, mtu: number): { readonly handle: number; readonly name: string };
  /** `callback` runs once per loop turn while packets wait, with an error when polling has ended. Once per handle. */
  watch(handle: number, callback: (error: Error | undefined) => void): void;
  readBatch(handle: number, slab: Buffer, table: Int32Array): number;
  /** @returns packets written; of the others the length in `table` is 0 */
  writeBatch(handle: number, slab: Buffer, table: Int32Array, count: number): number;
  close(handle: number): void;
  lockFile(fd: number): boolean;
  effectiveCapabilities(): bigint;
  dropPrivileges(uid: number, gid: number, keep: bigint): bigint;
}

const ADDON = fileURLToPath(new URL('./native/build/Release/tun.node', import.meta.url));

/** @throws {Error} in one line if the addon was not built, or for another processor or C library */
export function loadNative(file: string = ADDON): NativeAddon {
  const require = createRequire(import.meta.url);
  try {
    return require(file) as NativeAddon;
  } catch (cause) {
    throw new Error('the TUN addon is not built for this machine: run "npm ci", or "npm run install" to see why', {
      cause,
    });
  }
}
