/** Why a visitor gets no answer of the other web server of `http.fallback`, for who looks after this one. */

/** What Node calls a certificate of an authority that it does not know. */
const UNKNOWN_AUTHORITY: readonly string[] = [
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_GET_ISSUER_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
];

/** @param code of the error of the connection to it */
export function upstreamFailure(url: string, code: string): { server: string; error: string; fix: string } {
  return { server: url, error: code, fix: fixOf(code) };
}

function fixOf(code: string): string {
  if (UNKNOWN_AUTHORITY.includes(code)) {
    return 'start with NODE_EXTRA_CA_CERTS=FILE, a file with the certificate of its authority that everybody may read';
  }
  switch (code) {
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return 'name the server in http.fallback as its certificate does';
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return 'renew the certificate of that server, or set the clock of this one';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'look for the name in DNS, or name an address in http.fallback';
    case 'ETIMEDOUT':
      return 'see why that server is silent: it has 30 s';
    default:
      return 'see whether that server runs, and speaks what http.fallback says, http or https';
  }
}
