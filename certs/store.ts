/** Making and issuing what `own-files.ts` reads: the one place where the authority's key is used. */
import { type KeyObject, X509Certificate } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { asUser, type UserIds } from '../core/index.ts';
import { createAuthority, issueServerCertificate } from './authority.ts';
import { guardAuthorityKey, readAuthorityFile } from './authority-key.ts';
import { CertificateError } from './certificate-error.ts';
import { type CheckedNames, checkNames } from './names.ts';
import {
  ANEW,
  checkWithin,
  type OwnCertificates,
  type OwnPaths,
  ownCertificates,
  ownPaths,
  readAuthority,
  readServer,
} from './own-files.ts';
import { parseCertificates, parseKey, UnreadablePem } from './pem.ts';
import { guarded, readIfThere, writeSecureFile } from './secure-file.ts';

export interface IssueOptions {
  /** Whose the directory is, and all in it but the authority's key, which is of who runs this. By default ours too. */
  readonly owner?: UserIds | undefined;
  /** Whether an authority that is made is bound to the names, see `constraintsFor`. */
  readonly isBound?: boolean;
  /** See `readOwnCertificates`. */
  readonly isStopgap?: boolean;
}

export interface IssuedOwn extends OwnCertificates {
  readonly made: readonly ('ca' | 'server')[];
  /** Why something was made; absent if nothing was. */
  readonly why?: string;
}

/**
 * Certificates of our own in `directory`: `ca.pem`, `ca.key`, `server.pem` (leaf, then authority), `server.key`.
 *
 * Makes what is missing. A new server certificate, from the same authority, also when the set of names is another, after
 * 550 days, or when the files do not fit together. The authority itself is never replaced by itself, for each client
 * would have to import the new one; `ca.key` may be kept elsewhere until something must be issued.
 *
 * @param names DNS names and IP addresses that clients dial
 * @throws {CertificateError}
 */
export function ensureOwnCertificates(
  directory: string,
  names: readonly string[],
  now: Date,
  options: IssueOptions = {},
): IssuedOwn {
  const wanted = checkNames(names);
  const store: Store = { paths: ownPaths(directory), owner: options.owner };
  asOwner(store, () =>
    guarded(directory, 'cannot be made', () => mkdirSync(directory, { recursive: true, mode: 0o700 })),
  );
  const notes = guardAuthorityKey(directory);
  const made: ('ca' | 'server')[] = [];
  const reasons: string[] = [];
  if (putNextInPlace(store)) {
    made.push('ca');
    reasons.push('the authority was renewed');
  }
  if (!hasAuthority(store) && !restoreAuthority(store, notes)) {
    makeAuthority(store, wanted, now, options.isBound ?? false);
    made.push('ca');
    reasons.push('there was no authority');
  }
  const authority = loadAuthority(store, now);
  if (options.isStopgap !== true) checkWithin(authority.certificate, wanted);
  const { own, why } = asOwner(store, () => readServer(store.paths, authority.certificate, wanted, now, notes));
  if (own !== undefined && (why === undefined || authority.key === undefined)) {
    removeNext(store);
    return { ...own, made, ...(reasons.length === 0 ? {} : { why: reasons.join('; ') }) };
  }
  const server = issue(store, authority, names, now, why ?? '');
  removeNext(store);
  made.push('server');
  if (!made.includes('ca') && why !== undefined) reasons.push(why);
  return { ...ownCertificates(server, authority.certificate, notes), made, why: reasons.join('; ') };
}

/**
 * A new authority in the place of the old one, and a server certificate from it. After a crash in the middle the old one
 * is there, whole, or `ensureOwnCertificates` goes on with the new one, before anything is served.
 *
 * @throws {CertificateError}
 */
export function renewAuthority(
  directory: string,
  names: readonly string[],
  now: Date,
  options: IssueOptions = {},
): IssuedOwn {
  const wanted = checkNames(names);
  const store: Store = { paths: ownPaths(directory), owner: options.owner };
  const authority = newAuthority(wanted, now, options.isBound ?? false);
  writeSecureFile(store.paths.next, `${authority.certificatePem}${authority.keyPem}`, 0o600);
  return ensureOwnCertificates(directory, names, now, options);
}

interface Store {
  readonly paths: OwnPaths;
  readonly owner: UserIds | undefined;
}

interface Authority {
  readonly certificate: X509Certificate;
  /** Undefined if the operator keeps it elsewhere. */
  readonly key: KeyObject | undefined;
}

/** Root follows no link that the owner may have put there. */
function asOwner<T>({ owner }: Store, work: () => T): T {
  return owner === undefined ? work() : asUser(owner, work);
}

function hasAuthority(store: Store): boolean {
  return asOwner(store, () => readIfThere(store.paths.caPem)) !== undefined;
}

function newAuthority(names: CheckedNames, now: Date, isBound: boolean) {
  const commonName = `sstpd CA ${names.first}`.slice(0, 64);
  return createAuthority({ commonName, now, within: isBound ? names : undefined });
}

/** The key first: after a crash in between there is no ca.pem, so no client has one, and both are made again. */
function makeAuthority(store: Store, names: CheckedNames, now: Date, isBound: boolean): void {
  const authority = newAuthority(names, now, isBound);
  writeSecureFile(store.paths.caKey, authority.keyPem, 0o600);
  asOwner(store, () => writeSecureFile(store.paths.caPem, authority.certificatePem, 0o644));
}

/** What `renewAuthority` has begun. The file goes when the server certificate is there too. */
function putNextInPlace({ paths, owner }: Store): boolean {
  const bytes = readAuthorityFile(paths.next);
  if (bytes === undefined) return false;
  const [certificate] = parseCertificates(bytes, paths.next);
  const keyPem = parseKey(bytes, paths.next).export({ type: 'pkcs8', format: 'pem' }).toString();
  writeSecureFile(paths.caKey, keyPem, 0o600);
  asOwner({ paths, owner }, () => writeSecureFile(paths.caPem, certificate.toString(), 0o644));
  return true;
}

/** All of it is in place; what a crash left of a file of that name holds a key too. */
function removeNext(store: Store): void {
  const { next } = store.paths;
  asOwner(store, () =>
    guarded(next, 'cannot be removed', () => [next, `${next}.new`].map((file) => rmSync(file, { force: true }))),
  );
}

/** A lost ca.pem that clients have imported still stands in server.pem; the key tells that it is the right one. */
function restoreAuthority(store: Store, notes: string[]): boolean {
  const { paths } = store;
  const key = readAuthorityFile(paths.caKey);
  const chain = asOwner(store, () => readIfThere(paths.serverPem));
  if (key === undefined || chain === undefined) return false;
  try {
    const certificate = parseCertificates(chain.bytes, paths.serverPem)[1];
    if (!certificate?.ca || !certificate.checkPrivateKey(parseKey(key, paths.caKey))) return false;
    asOwner(store, () => writeSecureFile(paths.caPem, certificate.toString(), 0o644));
  } catch (error) {
    if (error instanceof UnreadablePem) return false;
    throw error;
  }
  notes.push(`${paths.caPem}: was missing, restored from server.pem`);
  return true;
}

function loadAuthority(store: Store, now: Date): Authority {
  const { paths } = store;
  const certificate = asOwner(store, () => readAuthority(paths, now));
  const read = readAuthorityFile(paths.caKey);
  const key = read && parseKey(read, paths.caKey);
  if (key !== undefined && !certificate.checkPrivateKey(key)) {
    throw new CertificateError(`${paths.caKey}: not the key of ca.pem; restore both from the same backup, or ${ANEW}`);
  }
  if (key !== undefined && key.asymmetricKeyType !== 'rsa') {
    throw new CertificateError(
      `${paths.caKey}: we sign with RSA keys only; use certificate files of your own, or ${ANEW}`,
    );
  }
  return { certificate, key };
}

function issue(
  store: Store,
  { certificate, key }: Authority,
  names: readonly string[],
  now: Date,
  why: string,
): { leaf: X509Certificate; keyPem: string } {
  const { paths } = store;
  const caKeyPem = key?.export({ type: 'pkcs8', format: 'pem' }).toString();
  if (caKeyPem === undefined) {
    throw new CertificateError(
      `${paths.caKey}: missing, but a server certificate must be issued (${why}); put it back, or ${ANEW}`,
    );
  }
  const caPem = certificate.toString();
  const issued = issueServerCertificate({ authority: { certificatePem: caPem, keyPem: caKeyPem }, names, now });
  asOwner(store, () => {
    writeSecureFile(paths.serverKey, issued.keyPem, 0o600);
    writeSecureFile(paths.serverPem, `${issued.certificatePem}${caPem}`, 0o644);
  });
  return { leaf: new X509Certificate(issued.certificatePem), keyPem: issued.keyPem };
}
