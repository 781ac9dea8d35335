/** Ports that several processes share, and what comes there. socket(7), SO_REUSEPORT. */
import { loadNative } from './native.ts';

export interface BoundSocket {
  readonly fd: number;
  readonly port: number;
}

/**
 * A TCP socket for a child process to listen on: bound where only this process may bind, and with a congestion control
 * that only this process may choose; what it accepts has that too, except for BBR, whose module is only loaded: a tunnel
 * chooses that for itself where it is of use. Others of the same user may bind the same port.
 *
 * @param address numeric; `::` takes IPv4 as well
 * @param congestionControl such as `bbr`, or empty for the system's
 * @throws {Error} with `code` and `syscall`
 */
export function bindSocket(address: string, port: number, congestionControl: string): BoundSocket {
  const [fd, bound] = loadNative().bindSocket(address, port, congestionControl);
  return { fd, port: bound };
}

/**
 * Takes what waits at a socket that listens. libuv takes one connection for each turn of the event loop, and among many busy
 * ones a turn is long: a flood would fill the kernel's queue, and honest clients' packets be dropped with nobody asked.
 *
 * @param fd of a socket that listens; it does not block from then on
 * @param most at most 4096
 * @returns descriptors, the caller's from now on; none if there is nobody, or no descriptor left
 * @throws {Error} with `code` and `syscall` for what is no such socket
 */
export function acceptWaiting(fd: number, most: number): readonly number[] {
  return loadNative().acceptWaiting(fd, most);
}
