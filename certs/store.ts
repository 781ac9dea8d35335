import { type KeyObject, X509Certificate } from 'node:crypto';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createAuthority, issueServerCertificate } from './authority.ts';
import { CertificateError } from './certificate-error.ts';
import { certificateNames, hasServerAuth, type ServerCertificate } from './inspect.ts';
import { type CheckedNames, checkNames } from './names.ts';
import { parseCertificates, parseKey, UnreadablePem } from './pem.ts';
import { guarded, readIfThere, writeSecureFile } from './secure-file.ts';

export interface OwnCertificates {
  readonly certificate: ServerCertificate;
  readonly caPem: string;
  /** SHA-256 of the authority's certificate as `AB:CD:…`, for people to compare. */
  readonly caFingerprint256: string;
  readonly made: readonly ('ca' | 'server')[];
  /** Why something was made; absent if nothing was. */
  readonly why?: string;
}

/** A server certificate is replaced when less than this remains of it. */
const RENEW_DAYS = 30;
const DAY_MS = 86_400_000;

/**
 * Certificates of our own in `directory`: `ca.pem`, `ca.key`, `server.pem` (leaf, then authority), `server.key`.
 *
 * Makes what is missing. A new server certificate, from the same authority, also when the set of names is another, when
 * less than 30 days remain, or when the files do not fit together. The authority itself is never replaced by itself, for
 * each client would have to import the new one; `ca.key` may be kept elsewhere until something must be issued.
 *
 * @param names DNS names and IP addresses that clients dial
 * @throws {CertificateError}
 */
export function ensureOwnCertificates(directory: string, names: readonly string[], now: Date): OwnCertificates {
  const wanted = checkNames(names);
  const paths = {
    caPem: join(directory, 'ca.pem'),
    caKey: join(directory, 'ca.key'),
    serverPem: join(directory, 'server.pem'),
    serverKey: join(directory, 'server.key'),
  };
  guarded(directory, 'cannot be made', () => mkdirSync(directory, { recursive: true, mode: 0o700 }));

  const notes: string[] = [];
  const made: ('ca' | 'server')[] = [];
  const reasons: string[] = [];
  if (readIfThere(paths.caPem) === undefined && !restoreAuthority(paths, notes)) {
    makeAuthority(paths, wanted, now);
    made.push('ca');
    reasons.push('there was no authority');
  }
  const authority = loadAuthority(paths, now, notes);
  const current = loadServer(paths, authority, wanted, now, notes);
  if (typeof current !== 'string') return result(current, authority.certificate, notes, made, reasons);

  const caKeyPem = authority.key?.export({ type: 'pkcs8', format: 'pem' }).toString();
  if (caKeyPem === undefined) {
    throw new CertificateError(
      `${paths.caKey}: missing, but a server certificate must be issued (${current}); ` +
        'put it back, or remove ca.pem too and have each client import the new authority',
    );
  }
  const caPem = authority.certificate.toString();
  const issued = issueServerCertificate({ authority: { certificatePem: caPem, keyPem: caKeyPem }, names, now });
  writeSecureFile(paths.serverKey, issued.keyPem, 0o600);
  writeSecureFile(paths.serverPem, `${issued.certificatePem}${caPem}`, 0o644);
  made.push('server');
  if (!made.includes('ca')) reasons.push(current);
  const fresh = { leaf: new X509Certificate(issued.certificatePem), keyPem: issued.keyPem };
  return result(fresh, authority.certificate, notes, made, reasons);
}

interface Paths {
  readonly caPem: string;
  readonly caKey: string;
  readonly serverPem: string;
  readonly serverKey: string;
}

interface Authority {
  readonly certificate: X509Certificate;
  /** Undefined if the operator keeps it elsewhere. */
  readonly key: KeyObject | undefined;
}

interface Server {
  readonly leaf: X509Certificate;
  readonly keyPem: string;
}

function result(
  server: Server,
  authority: X509Certificate,
  notes: readonly string[],
  made: readonly ('ca' | 'server')[],
  reasons: readonly string[],
): OwnCertificates {
  const caPem = authority.toString();
  const certificate: ServerCertificate = {
    certificatePem: `${server.leaf.toString()}${caPem}`,
    keyPem: server.keyPem,
    leaf: server.leaf,
    source: 'own-ca',
    notes,
  };
  const own = { certificate, caPem, caFingerprint256: authority.fingerprint256, made };
  return reasons.length === 0 ? own : { ...own, why: reasons.join('; ') };
}

/** The key first: after a crash in between there is no ca.pem, so no client has one, and both are made again. */
function makeAuthority(paths: Paths, names: CheckedNames, now: Date): void {
  const authority = createAuthority({ commonName: `sstpd CA ${names.first}`.slice(0, 64), now });
  writeSecureFile(paths.caKey, authority.keyPem, 0o600);
  writeSecureFile(paths.caPem, authority.certificatePem, 0o644);
}

/** A lost ca.pem that clients have imported still stands in server.pem; the key tells that it is the right one. */
function restoreAuthority(paths: Paths, notes: string[]): boolean {
  const key = readIfThere(paths.caKey);
  const chain = readIfThere(paths.serverPem);
  if (key === undefined || chain === undefined) return false;
  try {
    const certificate = parseCertificates(chain.bytes, paths.serverPem)[1];
    if (!certificate?.ca || !certificate.checkPrivateKey(parseKey(key.bytes, paths.caKey))) return false;
    writeSecureFile(paths.caPem, certificate.toString(), 0o644);
  } catch (error) {
    if (error instanceof UnreadablePem) return false;
    throw error;
  }
  notes.push(`${paths.caPem}: was missing, restored from server.pem`);
  return true;
}

function loadAuthority(paths: Paths, now: Date, notes: string[]): Authority {
  const anew = 'or remove ca.pem and ca.key to make a new authority, which each client must then import';
  const pem = readIfThere(paths.caPem);
  const [certificate] = parseCertificates(pem?.bytes ?? Buffer.alloc(0), paths.caPem);
  if (!certificate.ca)
    throw new CertificateError(`${paths.caPem}: not an authority's certificate; restore it, ${anew}`);
  if (certificate.validToDate < now) {
    throw new CertificateError(
      `${paths.caPem}: expired on ${certificate.validToDate.toISOString()}; set the clock, ${anew}`,
    );
  }
  if (certificate.validFromDate > now) {
    const from = certificate.validFromDate.toISOString();
    throw new CertificateError(`${paths.caPem}: valid only from ${from}; set the clock, ${anew}`);
  }
  const read = readPrivate(paths.caKey, notes);
  const key = read && parseKey(read, paths.caKey);
  if (key !== undefined && !certificate.checkPrivateKey(key)) {
    throw new CertificateError(`${paths.caKey}: not the key of ca.pem; restore both from the same backup, ${anew}`);
  }
  if (key !== undefined && key.asymmetricKeyType !== 'rsa') {
    throw new CertificateError(
      `${paths.caKey}: we sign with RSA keys only; use certificate files of your own, ${anew}`,
    );
  }
  return { certificate, key };
}

/** What is there and good, or why a new one must be issued. */
function loadServer(
  paths: Paths,
  authority: Authority,
  names: CheckedNames,
  now: Date,
  notes: string[],
): Server | string {
  const pem = readIfThere(paths.serverPem);
  const keyBytes = readPrivate(paths.serverKey, notes);
  if (pem === undefined || keyBytes === undefined) {
    return `${pem === undefined ? paths.serverPem : paths.serverKey} was missing`;
  }
  try {
    const [leaf] = parseCertificates(pem.bytes, paths.serverPem);
    const key = parseKey(keyBytes, paths.serverKey);
    const keyPem = key.export({ type: 'pkcs8', format: 'pem' }).toString();
    return reasonToReplace(leaf, key, authority.certificate, names, now) ?? { leaf, keyPem };
  } catch (error) {
    if (error instanceof UnreadablePem) return error.message;
    throw error;
  }
}

function reasonToReplace(
  leaf: X509Certificate,
  key: KeyObject,
  authority: X509Certificate,
  names: CheckedNames,
  now: Date,
): string | undefined {
  if (!leaf.checkPrivateKey(key)) return 'server.key was not the key of server.pem';
  if (!leaf.checkIssued(authority) || !leaf.verify(authority.publicKey)) return 'server.pem was not issued by ca.pem';
  if (leaf.ca || !hasServerAuth(leaf)) return 'server.pem was not a server certificate';
  if (leaf.validFromDate > now) return 'server.pem was not yet valid';
  // One that ends with the authority can't be had longer.
  const renewFrom = leaf.validToDate.getTime() - RENEW_DAYS * DAY_MS;
  if (now.getTime() > renewFrom && leaf.validToDate < authority.validToDate) {
    return `server.pem was valid only until ${leaf.validToDate.toISOString()}`;
  }
  const has = certificateNames(leaf);
  if (!sameSet(has.dns, names.dns) || !sameSet(has.ip, names.ip)) {
    return `server.pem was for ${[...has.dns, ...has.ip].join(', ')}`;
  }
  return undefined;
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  const inB = new Set(b);
  return new Set(a).size === inB.size && a.every((one) => inB.has(one));
}

/** Reads a key of ours; one that others could read is closed to them, and said. */
function readPrivate(file: string, notes: string[]): Buffer | undefined {
  const read = readIfThere(file);
  if (read === undefined) return undefined;
  if ((read.mode & 0o077) !== 0) {
    guarded(file, 'is open to other users and cannot be closed', () => chmodSync(file, 0o600));
    notes.push(
      `${file}: was open to other users (mode ${read.mode.toString(8)}), now 600; replace it if one may have read it`,
    );
  }
  return read.bytes;
}
