import type { X509Certificate } from 'node:crypto';
import { CertificateError } from './certificate-error.ts';
import { hasServerAuth, type ServerCertificate } from './inspect.ts';
import { checkKeyOfFirst, parseCertificates, parseKey } from './pem.ts';
import { type ReadFile, readIfThere } from './secure-file.ts';

/**
 * Loads the operator's own certificate and key, RSA or ECDSA. Both may be in one file.
 *
 * @throws {CertificateError} one line: which file, what is wrong, what to do
 *
 * MS-SSTP 3.2.4.1: what a client must find in the certificate.
 */
export function loadCertificateFiles(certFile: string, keyFile: string, now: Date): ServerCertificate {
  const certRead = readGiven(certFile, 'cert');
  const keyRead = readGiven(keyFile, 'key');
  const checked = checkServerPem(
    { bytes: certRead.bytes, from: certFile },
    { bytes: keyRead.bytes, from: keyFile },
    now,
  );
  return {
    ...checked,
    source: 'files',
    // Said, not refused: secrets mounted into a container often come with such a mode.
    notes: (keyRead.mode & 0o007) === 0 ? [] : [`${keyFile}: every user can read the key: chmod 600 ${keyFile}`],
  };
}

interface Pem {
  readonly bytes: Buffer;
  /** Where it comes from, for the message. */
  readonly from: string;
}

/** Whether SSTP clients can take this chain, leaf first, and the key is that of its leaf. @throws {CertificateError} */
export function checkServerPem(
  cert: Pem,
  keyPem: Pem,
  now: Date,
): Pick<ServerCertificate, 'certificatePem' | 'keyPem' | 'leaf'> {
  const [certFile, keyFile] = [cert.from, keyPem.from];
  const chain = parseCertificates(cert.bytes, certFile);
  const key = parseKey(keyPem.bytes, keyFile);
  const [leaf] = chain;
  checkKeyOfFirst(chain, key, { cert: certFile, key: keyFile });
  checkLeaf(leaf, certFile, now);
  checkOrder(chain, certFile);
  return {
    certificatePem: chain.map((one) => one.toString()).join(''),
    keyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    leaf,
  };
}

/** @param name of the flag, and of the key in the configuration */
function readGiven(file: string, name: 'cert' | 'key'): ReadFile {
  const read = readIfThere(file);
  if (read !== undefined) return read;
  throw new CertificateError(`${file}: no such file; check the path given with --${name} / tls.${name}`);
}

function checkLeaf(leaf: X509Certificate, file: string, now: Date): void {
  if (leaf.validToDate < now) {
    throw new CertificateError(`${file}: the certificate expired on ${leaf.validToDate.toISOString()}; renew it`);
  }
  if (leaf.validFromDate > now) {
    const from = leaf.validFromDate.toISOString();
    throw new CertificateError(`${file}: the certificate is valid only from ${from}; is the clock right?`);
  }
  if (leaf.ca) {
    throw new CertificateError(
      `${file}: the first certificate is an authority's (CA:TRUE); it needs one for the server`,
    );
  }
  if (!hasServerAuth(leaf)) {
    const usage = 'extendedKeyUsage=serverAuth';
    throw new CertificateError(`${file}: SSTP clients refuse a certificate without ${usage}; have it issued with that`);
  }
}

/** Each certificate must be followed by its issuer's: Windows does not sort them. */
function checkOrder(chain: readonly X509Certificate[], file: string): void {
  for (const [index, one] of chain.entries()) {
    const next = chain[index + 1];
    if (next === undefined || (one.checkIssued(next) && one.verify(next.publicKey))) continue;
    const line = `certificate ${index + 2} (${inline(next)}) did not issue certificate ${index + 1} (${inline(one)})`;
    throw new CertificateError(`${file}: wrong order: ${line}; put the server's first, then its issuer's, and so on`);
  }
}

function inline(one: X509Certificate): string {
  return one.subject.replaceAll('\n', ', ');
}
