/** The certificate that an ACME authority issued, as it lies in the data directory from one run to the next. */
import { join } from 'node:path';
import {
  CertificateError,
  certificateNames,
  checkNames,
  checkServerPem,
  readIfThere,
  type ServerCertificate,
  writeSecureFile,
} from '../../certs/index.ts';
import type { Config } from '../config/index.ts';

type AcmeConfig = Pick<Config, 'data' | 'hosts' | 'tls'>;

interface Stored {
  /** Of the authority that issued it. */
  readonly directory: string;
  readonly certificatePem: string;
  readonly keyPem: string;
}

/**
 * As the owner of the data directory.
 *
 * @returns undefined if there is none, or it is from another authority
 * @throws {CertificateError} if it can't be served
 */
export function readAcmeCertificate(config: AcmeConfig, now: Date): ServerCertificate | undefined {
  const file = fileOf(config);
  const read = readIfThere(file);
  if (read === undefined) return undefined;
  const { directory, certificatePem, keyPem } = parse(read.bytes, file);
  if (directory !== config.tls.acme.directory) return undefined;
  return checkAcmeCertificate(config, certificatePem, keyPem, now);
}

/** As the owner of the data directory. @throws {CertificateError} */
export function writeAcmeCertificate(config: AcmeConfig, { certificatePem, keyPem }: ServerCertificate): void {
  const stored: Stored = { directory: config.tls.acme.directory, certificatePem, keyPem };
  writeSecureFile(fileOf(config), JSON.stringify(stored), 0o600);
}

/** Whatever an authority says, only a certificate for our names is served. @throws {CertificateError} */
export function checkAcmeCertificate(
  { hosts }: AcmeConfig,
  certificatePem: string,
  keyPem: string,
  now: Date,
): ServerCertificate {
  const what = 'the certificate from the ACME authority';
  const cert = { bytes: Buffer.from(certificatePem), from: what };
  const checked = checkServerPem(cert, { bytes: Buffer.from(keyPem), from: `${what}, its key` }, now);
  const { dns } = certificateNames(checked.leaf);
  const missing = checkNames(hosts).dns.find((name) => !dns.includes(name));
  if (missing !== undefined) throw new CertificateError(`${what} is not for ${missing}`);
  return { ...checked, source: 'acme', notes: [] };
}

function fileOf({ data }: AcmeConfig): string {
  return join(data, 'acme.json');
}

function parse(bytes: Buffer, file: string): Stored {
  try {
    return JSON.parse(bytes.toString()) as Stored;
  } catch {
    throw new CertificateError(`${file} is damaged: remove it, a new certificate is ordered then`);
  }
}
