/** The only file that loads the addon. Arguments are checked again on the other side; nothing here is for the network. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fs, isCompiled, packageFolder } from '../core/index.ts';

/** A failed system call throws `Error` with `code`, `errno` and `syscall`; a wrong argument `ERR_INVALID_ARG_VALUE`. */
export interface NativeAddon {
  /** `offload` is -1 if packets have no virtio header, else the TUN_F_* flags that the kernel granted. */
  open(
    name: string,
    mtu: number,
    wantsOffload: 0 | 1,
  ): { readonly handle: number; readonly name: string; readonly offload: number };
  /** The same, for another process to `adopt`. */
  openDescriptor(
    name: string,
    mtu: number,
    wantsOffload: 0 | 1,
  ): { readonly fd: number; readonly name: string; readonly offload: number };
  /** The device behind a descriptor that this process inherited; the descriptor goes with it. */
  adopt(fd: number, mtu: number, offload: number): { readonly handle: number; readonly name: string };
  /** Two devices back to back, without a kernel's network: what is written to one is read from the other. */
  openPair(mtu: number, hasVnet: 0 | 1): [number, number];
  /** `callback` runs once per loop turn while packets wait, with an error when polling has ended. Once per handle. */
  watch(handle: number, callback: (error: Error | undefined) => void): void;
  readBatch(handle: number, slab: Buffer, table: Int32Array): number;
  /** @returns packets written; of the others the length in `table` is 0 */
  writeBatch(handle: number, slab: Buffer, table: Int32Array, count: number): number;
  close(handle: number): void;
  /** The data path on an open device: native/path_api.h says what each function takes and gives. */
  pathOpen(
    handle: number,
    isolates: 0 | 1,
    mostBytes: number,
    ready: Int32Array,
    callback: (count: number, error: Error | undefined) => void,
  ): void;
  pathAttach(handle: number, isFromServer: 0 | 1, mostBytes: number, serverLinkLocal: Uint8Array): number;
  pathSocket(handle: number, slot: number, fd: number, congestionControl: string): number;
  pathDetach(handle: number, slot: number): void;
  pathDefault(handle: number, slot: number): void;
  pathIpv4(handle: number, slot: number, isOpen: 0 | 1, address: number): void;
  pathIpv6(
    handle: number,
    slot: number,
    isOpen: 0 | 1,
    hasPrefix: 0 | 1,
    prefix: Uint8Array,
    linkLocal: Uint8Array,
  ): void;
  pathMru(handle: number, slot: number, bytes: number): void;
  pathRoute(handle: number, slot: number, kind: 4 | 6 | 10, address: Uint8Array, adds: 0 | 1): void;
  pathNetwork(
    handle: number,
    kind: 4 | 6,
    network: Uint8Array,
    prefixLength: number,
    own: Uint8Array,
    ownPrefixLength: number,
  ): void;
  pathPending(handle: number, slot: number): number;
  pathTake(handle: number, slot: number, out: Buffer, offset: number): number;
  pathReceive(handle: number, slot: number, chunks: readonly Buffer[], position: Int32Array, frame: Buffer): number;
  pathInject(handle: number, slot: number, packet: Uint8Array): void;
  pathWrite(handle: number, packet: Uint8Array): void;
  pathEvent(handle: number, out: Buffer, place: Int32Array): number;
  pathStats(handle: number, slot: number, out: Float64Array): void;
  pathTotals(handle: number, out: Float64Array): void;
  pathClock(handle: number, microseconds: number): void;
  pipeRun(samples: Float64Array, out: Float64Array): void;
  pacerRun(turns: Int32Array, out: Int32Array): void;
  lockFile(fd: number): boolean;
  effectiveCapabilities(): bigint;
  dropPrivileges(uid: number, gid: number, keep: bigint): bigint;
  setAmbient(keep: bigint): void;
  /** A seccomp filter for all threads: see native/cage_filter.h. */
  confine(opensFiles: 0 | 1): void;
  /** Over rtnetlink; `destination` has 4 or 16 bytes. */
  routeReplace(device: string, destination: Uint8Array, prefixLength: number): void;
  routeRemove(device: string, destination: Uint8Array, prefixLength: number): void;
  /** See native/conntrack.h. The callback runs when the kernel's answer is there. */
  conntrackForget(
    ipv4: Uint8Array,
    ipv6: Uint8Array,
    networks4: Uint8Array,
    networks6: Uint8Array,
    callback: (error: Error | undefined, deleted: number) => void,
  ): void;
  /** See native/netfilter.h. */
  netfilterOpen(): number;
  netfilterAsk(fd: number, request: Uint8Array): Buffer;
  netfilterClose(fd: number): void;
  networkWatch(callback: (nftables: Buffer, isLost: 0 | 1, hasForwardingChanged: 0 | 1) => void): void;
  networkUnwatch(): void;
  /** @returns descriptor and port of a socket that is bound with SO_REUSEPORT */
  bindSocket(address: string, port: number, congestionControl: string): [number, number];
  /** @param most at most 4096 @returns descriptors */
  acceptWaiting(fd: number, most: number): number[];
}

/**
 * The addon to load, chosen early (see `version`): another build that `SSTPD_ADDON` names, such as the one with sanitizers of `npm run test:asan`;
 * what was built here; or the one that came with the installed package, which is for glibc.
 */
export const addonFile: string = chooseAddon();
const ADDON = process.env.SSTPD_ADDON ?? addonFile;

/** @throws {Error} in one line if the addon was not built, or for another processor or C library */
export function loadNative(file: string = ADDON): NativeAddon {
  const require = createRequire(import.meta.url);
  try {
    return require(file) as NativeAddon;
  } catch (cause) {
    const remedy = isCompiled ? '"sstpd build-addon"' : '"npm ci", or "npm run install" to see why';
    throw new Error(`the TUN addon is not built for this machine: run ${remedy}`, { cause });
  }
}

function chooseAddon(): string {
  const built = join(packageFolder, 'tun/native/build/Release/tun.node');
  if (!isCompiled || fs.existsSync(built)) return built;
  return join(packageFolder, `prebuilds/${process.platform}-${process.arch}-glibc/tun.node`);
}
