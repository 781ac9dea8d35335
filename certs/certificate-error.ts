/** A certificate, key or name cannot be used. The message is one line for the operator: what, what is wrong, what to do. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
  readonly code = 'ERR_CERTIFICATE';
}
