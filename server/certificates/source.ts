import type { ServerCertificate } from '../../certs/index.ts';

/** Where a certificate comes from, and a newer one later. */
export interface CertificateSource {
  /** Between two looks. */
  readonly everyMs: number;
  /**
   * @returns a certificate to serve instead of the one before, undefined if there is nothing new
   * @throws {CertificateError} if the new one can't be used; not again for the same one
   */
  look(now: Date): Promise<ServerCertificate | undefined>;
}
