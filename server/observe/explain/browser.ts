import type { ClientHello } from '../../../tls/index.ts';

/**
 * Whether a ClientHello is that of a web browser, or of a tool that speaks as one: it offers HTTP/2 (RFC 9113 3.2), over
 * which there is no SSTP (MS-SSTP 3.2.4.1 wants HTTP/1.1). sstpc, Open-SSTP-Client and `sstpd connect` offer no protocol;
 * what Windows offers is not known, so `http/1.1` alone says nothing.
 */
export function isBrowser(hello: ClientHello | undefined): boolean {
  return hello?.protocols.includes('h2') === true;
}
