/** Our own certificates as they lie in a data directory, without the authority's key. */
import type { KeyObject, X509Certificate } from 'node:crypto';
import { chmodSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { RENEW_AFTER_DAYS } from './authority.ts';
import { KEY_FILE, NEXT_FILE } from './authority-key.ts';
import { CertificateError } from './certificate-error.ts';
import { describeTrees, firstOutside, nameConstraints } from './constraints.ts';
import { certificateNames, hasServerAuth, type ServerCertificate } from './inspect.ts';
import { type CheckedNames, checkNames } from './names.ts';
import { parseCertificates, parseKey, UnreadablePem } from './pem.ts';
import { guarded, readIfThere } from './secure-file.ts';

export interface OwnCertificates {
  readonly certificate: ServerCertificate;
  readonly caPem: string;
  /** SHA-256 of the authority's certificate as `AB:CD:…`, for people to compare. */
  readonly caFingerprint256: string;
}

/** What can be served of it, and why something has to be issued; one of them at least. */
export interface OwnState {
  readonly own: OwnCertificates | undefined;
  readonly why: string | undefined;
}

/**
 * What is there, read by whoever owns the files; nothing is made.
 *
 * @param names DNS names and IP addresses that clients dial; undefined: those that it has been issued for, whatever they are
 * @param isStopgap whether it does not matter that clients refuse it, as another certificate is on its way
 * @throws {CertificateError} for an authority that can't be used, or that may not issue for one of the names
 */
export function readOwnCertificates(
  directory: string,
  names: readonly string[] | undefined,
  now: Date,
  isStopgap = false,
): OwnState {
  const wanted = names && checkNames(names);
  const paths = ownPaths(directory);
  if (existsSync(paths.next)) return { own: undefined, why: `${paths.next} is yet to be put in place` };
  if (readIfThere(paths.caPem) === undefined) return { own: undefined, why: `${paths.caPem} was missing` };
  const authority = readAuthority(paths, now);
  if (!isStopgap && wanted !== undefined) checkWithin(authority, wanted);
  return readServer(paths, authority, wanted, now, []);
}

export interface OwnPaths {
  readonly caPem: string;
  readonly caKey: string;
  readonly next: string;
  readonly serverPem: string;
  readonly serverKey: string;
}

export function ownPaths(directory: string): OwnPaths {
  return {
    caPem: join(directory, 'ca.pem'),
    caKey: join(directory, KEY_FILE),
    next: join(directory, NEXT_FILE),
    serverPem: join(directory, 'server.pem'),
    serverKey: join(directory, 'server.key'),
  };
}

/** What to do about an authority that is of no use. */
export const ANEW = '"sstpd ca renew" makes a new authority, which each client must then import';

/** The certificate in `ca.pem`. @throws {CertificateError} */
export function readAuthority(paths: OwnPaths, now: Date): X509Certificate {
  const pem = readIfThere(paths.caPem);
  const [certificate] = parseCertificates(pem?.bytes ?? Buffer.alloc(0), paths.caPem);
  if (!certificate.ca)
    throw new CertificateError(`${paths.caPem}: not an authority's certificate; restore it, or ${ANEW}`);
  if (certificate.validToDate < now) {
    throw new CertificateError(
      `${paths.caPem}: expired on ${certificate.validToDate.toISOString()}; set the clock, or ${ANEW}`,
    );
  }
  if (certificate.validFromDate > now) {
    const from = certificate.validFromDate.toISOString();
    throw new CertificateError(`${paths.caPem}: valid only from ${from}; set the clock, or ${ANEW}`);
  }
  return certificate;
}

/** @throws {CertificateError} if clients would refuse what the authority issued for these names */
export function checkWithin(authority: X509Certificate, names: CheckedNames): void {
  const constraints = nameConstraints(authority);
  const outside = constraints && firstOutside(constraints, names);
  if (constraints === undefined || outside === undefined) return;
  const within = describeTrees(constraints.permitted) || 'other kinds of names';
  throw new CertificateError(
    `the own authority may issue for ${within}, which ${outside} is not: ` +
      '"sstpd ca renew", as root and with the same --host, makes a new one, which each client must then import',
  );
}

/** @param notes of what was mended, for the operator */
export function readServer(
  paths: OwnPaths,
  authority: X509Certificate,
  names: CheckedNames | undefined,
  now: Date,
  notes: string[],
): OwnState {
  const pem = readIfThere(paths.serverPem);
  const keyBytes = readPrivate(paths.serverKey, notes);
  if (pem === undefined || keyBytes === undefined) {
    return { own: undefined, why: `${pem === undefined ? paths.serverPem : paths.serverKey} was missing` };
  }
  try {
    const [leaf] = parseCertificates(pem.bytes, paths.serverPem);
    const key = parseKey(keyBytes, paths.serverKey);
    const fault = faultOf(leaf, key, authority, names, now);
    if (fault !== undefined) return { own: undefined, why: fault };
    const keyPem = key.export({ type: 'pkcs8', format: 'pem' }).toString();
    return { own: ownCertificates({ leaf, keyPem }, authority, notes), why: reasonToRenew(leaf, authority, now) };
  } catch (error) {
    if (error instanceof UnreadablePem) return { own: undefined, why: error.message };
    throw error;
  }
}

export function ownCertificates(
  server: { readonly leaf: X509Certificate; readonly keyPem: string },
  authority: X509Certificate,
  notes: readonly string[],
): OwnCertificates {
  const caPem = authority.toString();
  const certificate: ServerCertificate = {
    certificatePem: `${server.leaf.toString()}${caPem}`,
    keyPem: server.keyPem,
    leaf: server.leaf,
    source: 'own-ca',
    notes,
  };
  return { certificate, caPem, caFingerprint256: authority.fingerprint256 };
}

const DAY_MS = 86_400_000;

/** When the next start issues another one, unless it ends with the authority anyway. */
export function renewalDue(leaf: X509Certificate): Date {
  return new Date(leaf.validFromDate.getTime() + RENEW_AFTER_DAYS * DAY_MS);
}

/** Why it can't be served. */
function faultOf(
  leaf: X509Certificate,
  key: KeyObject,
  authority: X509Certificate,
  names: CheckedNames | undefined,
  now: Date,
): string | undefined {
  if (!leaf.checkPrivateKey(key)) return 'server.key was not the key of server.pem';
  if (!leaf.checkIssued(authority) || !leaf.verify(authority.publicKey)) return 'server.pem was not issued by ca.pem';
  if (leaf.ca || !hasServerAuth(leaf)) return 'server.pem was not a server certificate';
  if (leaf.validFromDate > now) return 'server.pem was not yet valid';
  if (leaf.validToDate < now) return `server.pem was valid only until ${leaf.validToDate.toISOString()}`;
  if (names === undefined) return undefined;
  const has = certificateNames(leaf);
  if (!sameSet(has.dns, names.dns) || !sameSet(has.ip, names.ip)) {
    return `server.pem was for ${[...has.dns, ...has.ip].join(', ')}`;
  }
  return undefined;
}

function reasonToRenew(leaf: X509Certificate, authority: X509Certificate, now: Date): string | undefined {
  // One that ends with the authority can't be had longer.
  if (now < renewalDue(leaf) || leaf.validToDate >= authority.validToDate) return undefined;
  return `server.pem was ${RENEW_AFTER_DAYS} days old`;
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
