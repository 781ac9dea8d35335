import { createServer } from 'node:net';
import { ListenError, lacksAddress, listenError } from './listen-error.ts';

/**
 * For listeners that open when the TUN devices are up: an address that this machine lacks may be the server's own in the
 * pool, and if it is not, listening says so.
 *
 * @param place undefined: there is to be no such listener
 * @param named adds the key that says where it listens
 * @throws {ListenError}
 */
export async function probeForLater(
  place: { readonly host: string; readonly port: number } | undefined,
  named: (error: ListenError) => ListenError,
): Promise<void> {
  if (place === undefined) return;
  await probe(place.host, place.port).catch((error: unknown) => {
    if (!(error instanceof ListenError)) throw error;
    if (!lacksAddress(error)) throw named(error);
  });
}

/** @throws {ListenError} */
export async function probe(host: string | undefined, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      const withoutIpv6 = host === undefined && (error.code === 'EAFNOSUPPORT' || error.code === 'EADDRNOTAVAIL');
      if (withoutIpv6) resolve(probe('0.0.0.0', port));
      else reject(listenError(error, host, port));
    });
    server.listen({ host: host ?? '::', port, exclusive: true }, () => server.close(() => resolve()));
  });
}
