/** The checks of a certificate that a Windows client makes, one finding each. Nothing is changed, nothing is fetched. */
import { type KeyObject, X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { type Finding, fine, problem, warning } from '../core/index.ts';
import { allNames, certificateHashes, coverage, hasServerAuth, WARN_DAYS } from './inspect.ts';
import { renewalDue } from './own-files.ts';
import { checkKeyOfFirst, parseCertificates, parseKey } from './pem.ts';
import { readIfThere } from './secure-file.ts';

export type CertificateChain = readonly [X509Certificate, ...X509Certificate[]];

export interface CertificateFiles {
  /** As in the file: leaf first. */
  readonly chain: CertificateChain;
  readonly key: KeyObject;
  /** Permission bits of the key's file. */
  readonly keyMode: number;
}

/**
 * Reads the two files without judging them, and without a change to either.
 *
 * @returns undefined if one of them does not exist
 * @throws {CertificateError} if one can't be read, or the key is another certificate's
 */
export function readCertificateFiles(certFile: string, keyFile: string): CertificateFiles | undefined {
  const pem = readIfThere(certFile);
  const keyPem = readIfThere(keyFile);
  if (pem === undefined || keyPem === undefined) return undefined;
  const chain = parseCertificates(pem.bytes, certFile);
  const key = parseKey(keyPem.bytes, keyFile);
  checkKeyOfFirst(chain, key, { cert: certFile, key: keyFile });
  return { chain, key, keyMode: keyPem.mode };
}

export interface ExamineOptions {
  /** What clients dial; empty if nobody said. */
  readonly names: readonly string[];
  /**
   * Undefined for the operator's own files. Else it is from our own authority, which a start lets issue another one:
   * whether the server runs with this one, or has yet to start.
   */
  readonly own: 'running' | 'stopped' | undefined;
  readonly now: Date;
  /** Authorities that clients trust by themselves, as PEM; Node's list by default. */
  readonly roots?: readonly string[];
}

export function examineCertificate(chain: CertificateChain, options: ExamineOptions): Finding[] {
  const [leaf] = chain;
  return [
    examineChain(chain, options),
    examineNames(leaf, options),
    examineUsage(leaf, options),
    examineExpiry(chain, options),
    examineKey(chain),
    examineHash(leaf),
  ];
}

const DAY_MS = 86_400_000;
const CHAIN = 'certificate chain';

function examineChain(chain: CertificateChain, { own, roots = rootCertificates }: ExamineOptions): Finding {
  for (const [index, one] of chain.entries()) {
    const next = chain[index + 1];
    if (next === undefined || isIssuer(next, one)) continue;
    const text = `certificate ${index + 2} (${nameOf(next)}) did not issue certificate ${index + 1} (${nameOf(one)})`;
    return problem(CHAIN, text, "put the server's certificate first, then its issuer's, and so on");
  }
  const last = chain.at(-1) ?? chain[0];
  if (isIssuer(last, last)) {
    const mine = own === undefined ? nameOf(last) : 'the own authority';
    if (chain.length > 1) return fine(CHAIN, `complete, up to ${mine}, which each client must have imported`);
    return warning(
      CHAIN,
      'it is self-signed: each client must import it',
      'use a certificate that an authority issued',
    );
  }
  const root = roots.map((pem) => new X509Certificate(pem)).find((one) => isIssuer(one, last));
  if (root !== undefined) return fine(CHAIN, `complete, up to ${nameOf(root)}, a public authority`);
  const issuer = nameIn(last.issuer);
  // A public authority names the place of its certificate; a private one's root is imported into each client.
  if (/CA Issuers/.test(last.infoAccess ?? '')) {
    const text = `the certificate of ${issuer} is missing, and Windows then fails with 0x800B010A or 0x800B0109`;
    return problem(CHAIN, text, 'give the full chain (certbot: fullchain.pem) as tls.cert');
  }
  const text = `it ends with a certificate of ${issuer}, which is no public authority`;
  return warning(CHAIN, text, `see to it that each client has ${issuer} among its trusted roots`);
}

function examineNames(leaf: X509Certificate, options: ExamineOptions): Finding {
  const check = 'certificate names';
  const { names, own } = options;
  const has = allNames(leaf).join(', ');
  if (has === '') return reissue(check, 'it names nobody', 'have it issued for what clients dial', options);
  const faults = names.map((name) => coverage(leaf, name)).filter((line) => line !== undefined);
  if (faults.length > 0 && own === undefined) {
    return problem(check, faults.join('; '), 'have it issued for these names, or correct --host');
  }
  // The other names of it go on to work.
  if (faults.length > 0) return warning(check, faults.join('; '), REISSUE[own ?? 'stopped']);
  if (leaf.subjectAltName === undefined) {
    return warning(check, `it is for ${has} by its common name alone`, 'have it issued with a subjectAltName');
  }
  if (names.length > 0) return fine(check, `it is for ${has}`);
  return fine(check, `it is for ${has}: clients must dial one of these (--host NAME has it compared)`);
}

function examineUsage(leaf: X509Certificate, options: ExamineOptions): Finding {
  const check = 'certificate usage';
  const remedy = 'have it issued with extendedKeyUsage=serverAuth and CA:FALSE';
  if (leaf.ca) return reissue(check, "it is an authority's (CA:TRUE), not a server's", remedy, options);
  if (hasServerAuth(leaf)) return fine(check, 'server authentication');
  return reissue(check, 'it is not for servers, so Windows fails with 0x80070040', remedy, options);
}

function examineExpiry([leaf, ...others]: CertificateChain, options: ExamineOptions): Finding {
  const check = 'certificate expiry';
  const { now, own } = options;
  if (leaf.validToDate < now) {
    return reissue(check, `it expired on ${dayOf(leaf.validToDate)}`, 'renew it', options);
  }
  if (leaf.validFromDate > now) {
    return reissue(check, `it is valid only from ${leaf.validFromDate.toISOString()}`, 'set the clock', options);
  }
  for (const one of others) {
    if (one.validToDate >= now && one.validFromDate <= now) continue;
    const text = `the certificate of ${nameOf(one)} in the chain is valid from ${dayOf(one.validFromDate)} to ${dayOf(one.validToDate)} only`;
    const anew = 'set the clock, or "sstpd ca renew" makes a new authority, which each client must then import';
    return problem(check, text, own === undefined ? 'take the chain of today from the authority' : anew);
  }
  const end = new Date(Math.min(...[leaf, ...others].map((one) => one.validToDate.getTime())));
  const days = Math.floor((end.getTime() - now.getTime()) / DAY_MS);
  const text = `valid until ${dayOf(end)}, ${days} days from now`;
  // That a start renews it is no reason for one, unless the server runs on and on.
  if (own === 'running' && now >= renewalDue(leaf)) {
    return warning(check, `${text}, and due for renewal since ${dayOf(renewalDue(leaf))}`, REISSUE.running);
  }
  return days < WARN_DAYS ? warning(check, text, own === undefined ? 'renew it' : REISSUE[own]) : fine(check, text);
}

const REISSUE = {
  running: '"sstpd ca issue", as root, or restart the server: its own authority issues a new one',
  stopped: 'start the server: its own authority issues a new one',
} as const;

/** Something that our own authority mends by itself. */
function reissue(check: string, text: string, fix: string, { own }: ExamineOptions): Finding {
  if (own === undefined) return problem(check, text, fix);
  return own === 'running' ? problem(check, text, REISSUE.running) : warning(check, text, REISSUE.stopped);
}

function examineKey(chain: CertificateChain): Finding {
  const check = 'certificate key';
  const [leaf] = chain;
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = leaf.publicKey;
  const bits = details?.modulusLength;
  if (bits !== undefined && bits < 2048) {
    return problem(check, `the RSA key has ${bits} bits`, 'have it issued for a new key of 2048 bits or more');
  }
  const curve = details?.namedCurve;
  const isUsable = type === 'rsa' || ['prime256v1', 'secp384r1', 'secp521r1'].includes(curve ?? '');
  const what = type === 'rsa' ? `RSA with ${bits} bits` : `${curve ?? type}`;
  if (!isUsable) return problem(check, `Windows can't use a key of type ${what}`, 'use RSA, ECDSA P-256 or P-384');
  for (const one of chain) {
    // A root is trusted for being in the store: nobody checks its signature.
    if (isIssuer(one, one) || !/sha-?1(?!\d)|md5/i.test(one.signatureAlgorithm ?? '')) continue;
    const text = `the certificate of ${nameOf(one)} is signed with ${one.signatureAlgorithm}, which clients refuse`;
    return problem(check, text, 'have it issued with SHA-256');
  }
  return fine(check, `${what}, signed with ${leaf.signatureAlgorithm ?? 'an algorithm that this Node does not tell'}`);
}

function examineHash(leaf: X509Certificate): Finding {
  const { sha256, sha1 } = certificateHashes(leaf.raw);
  return fine('certificate hash', `SHA-256 ${sha256.toString('hex')}, SHA-1 ${sha1.toString('hex')}`);
}

function isIssuer(issuer: X509Certificate, of: X509Certificate): boolean {
  return of.checkIssued(issuer) && of.verify(issuer.publicKey);
}

function nameOf(one: X509Certificate): string {
  return nameIn(one.subject);
}

function nameIn(distinguishedName: string | undefined): string {
  const lines = (distinguishedName ?? '').split('\n');
  return lines.find((line) => line.startsWith('CN='))?.slice(3) ?? lines.join(', ');
}

function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10);
}
