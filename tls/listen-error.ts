import { formatEndpoint } from '../core/index.ts';

/** A listener cannot have its address. The message is one line for the operator: address, cause, remedy. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  readonly code = 'ERR_LISTEN';
}

/** @param host as given to `listen`; undefined is any address */
export function listenError(error: NodeJS.ErrnoException, host: string | undefined, port: number): ListenError {
  const place = `cannot listen on ${formatEndpoint(host ?? '::', port)}`;
  return new ListenError(`${place}: ${reason(error, port)}`, { cause: error });
}

/** The same of a listener that a key of the configuration places. @param flags that set the key */
export function listenErrorOf(key: string, flags: string, { message, cause }: ListenError): ListenError {
  return new ListenError(`${key}: ${message} (${flags})`, { cause });
}

/** Whether this machine does not have the address, or not yet. */
export function lacksAddress({ cause }: ListenError): boolean {
  return (cause as NodeJS.ErrnoException | undefined)?.code === 'EADDRNOTAVAIL';
}

function reason(error: NodeJS.ErrnoException, port: number): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `another program has the port; "ss -ltnp sport = :${port}" shows which; stop it or choose another port`;
    case 'EACCES':
      return port < 1024
        ? 'ports below 1024 need root or CAP_NET_BIND_SERVICE; run as root or choose a higher port'
        : 'not allowed; the system forbids this port to this user';
    case 'EADDRNOTAVAIL':
      return 'this machine does not have the address; see "ip address"';
    case 'EAFNOSUPPORT':
      return 'this machine does not have that kind of address (IPv6 switched off?); listen on an IPv4 address';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the host name cannot be resolved; give an IP address';
    case 'EINVAL':
      return 'not a usable address; a link-local one needs its interface, as in fe80::1%eth0';
    default:
      return error.message;
  }
}
