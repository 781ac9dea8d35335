/** Certificates of an authority that only the tests know, as files that the server under test may read. */
import { X509Certificate } from 'node:crypto';
import { chownSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CertificateAuthority, createAuthority, issueServerCertificate } from '../../certs/index.ts';

/** Whom the server becomes, without an account `sstpd`, for a data directory that is his already. */
export const RUN_UID = 88_443;

export interface TestPair {
  readonly certificatePem: string;
  readonly keyPem: string;
  /** As openssl prints it. */
  readonly fingerprint: string;
}

export class TestAuthority {
  readonly authority: CertificateAuthority = createAuthority({ commonName: 'test CA', now: new Date() });

  issue(...names: string[]): TestPair {
    const { authority } = this;
    const { certificatePem, keyPem } = issueServerCertificate({ authority, names, now: new Date() });
    const fingerprint = new X509Certificate(certificatePem).fingerprint256;
    return { certificatePem: certificatePem + authority.certificatePem, keyPem, fingerprint };
  }

  /** Writes the authority's certificate. @returns the path */
  writeTo(folder: string): string {
    const file = join(folder, 'test-ca.pem');
    writeFileSync(file, this.authority.certificatePem);
    return file;
  }
}

/** Replaces a file that the server may read, by a rename. @returns the path */
export function put(folder: string, name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(`${file}.tmp`, text, { mode: 0o600 });
  chownSync(`${file}.tmp`, RUN_UID, RUN_UID);
  renameSync(`${file}.tmp`, file);
  return file;
}
