import { createHash, X509Certificate } from 'node:crypto';
import { CertificateError } from './certificate-error.ts';
import { canonicalIp, checkName } from './names.ts';
import { certificateBlocks } from './pem.ts';

/** A certificate that the server shows, with its key. */
export interface ServerCertificate {
  /** Leaf first, then the chain. */
  readonly certificatePem: string;
  /** PKCS #8, not encrypted. */
  readonly keyPem: string;
  readonly leaf: X509Certificate;
  readonly source: 'own-ca' | 'files' | 'acme';
  /** What was found, or mended, about the files themselves; `warnings` repeats it. */
  readonly notes: readonly string[];
}

const DAY_MS = 86_400_000;
const EKU_SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const EKU_ANY = '2.5.29.37.0';

/** Days before the end from which on `warnings` speaks of it. */
export const WARN_DAYS = 21;

/** DNS names first, then addresses, both as in `certificateNames`. */
export function allNames(leaf: X509Certificate): string[] {
  const { dns, ip } = certificateNames(leaf);
  return [...dns, ...ip];
}

/**
 * The names in the SAN; the common name only where there is no SAN, as Windows does it. IP addresses are in the form of
 * `CheckedNames`, DNS names in lower case.
 */
export function certificateNames(leaf: X509Certificate): { dns: string[]; ip: string[] } {
  const dns: string[] = [];
  const ip: string[] = [];
  if (leaf.subjectAltName === undefined) {
    const commonName = /^CN=(.+)$/m.exec(leaf.subject)?.[1]?.toLowerCase();
    if (commonName !== undefined) dns.push(commonName);
    return { dns, ip };
  }
  for (const entry of splitAltNames(leaf.subjectAltName)) {
    if (entry.startsWith('DNS:')) dns.push(entry.slice(4).toLowerCase());
    if (entry.startsWith('IP Address:')) {
      const text = entry.slice(11);
      ip.push(canonicalIp(text) ?? text);
    }
  }
  return { dns, ip };
}

/**
 * Hashes of the certificate that the client saw, which it sends back in its Crypto Binding.
 *
 * @param leafDer the whole certificate as DER, `X509Certificate.raw`
 * @returns 20 and 32 bytes
 *
 * MS-SSTP 2.2.7 (Cert Hash).
 */
export function certificateHashes(leafDer: Uint8Array): { sha1: Buffer; sha256: Buffer } {
  return {
    sha1: createHash('sha1').update(leafDer).digest(),
    sha256: createHash('sha256').update(leafDer).digest(),
  };
}

/** Whether an SSTP client may take the certificate for a server's: it MUST find one of two EKUs, MS-SSTP 3.2.4.1. */
export function hasServerAuth(leaf: X509Certificate): boolean {
  // Node calls the extended key usages keyUsage; without that extension the property is undefined.
  const usages: readonly string[] | undefined = leaf.keyUsage;
  return usages?.some((oid) => oid === EKU_SERVER_AUTH || oid === EKU_ANY) ?? false;
}

/** Lines for the operator about what works now but not for every client, or not for long. */
export function warnings(certificate: ServerCertificate, names: readonly string[], now: Date): string[] {
  const { leaf } = certificate;
  const chain = certificateBlocks(certificate.certificatePem).map((pem) => new X509Certificate(pem));
  const lines = [...certificate.notes];
  for (const one of chain) {
    const isLeaf = one.fingerprint256 === leaf.fingerprint256;
    const line = expiry(one, isLeaf ? 'the certificate' : one.subject, now, limitOf(certificate, isLeaf));
    if (line !== undefined) lines.push(line);
  }
  const bits = leaf.publicKey.asymmetricKeyDetails?.modulusLength;
  if (bits !== undefined && bits < 2048) {
    lines.push(`the RSA key has ${bits} bits; Windows and OpenSSL refuse less than 2048: issue one with a new key`);
  }
  for (const one of chain) {
    // A root is trusted for being in the store; nobody checks its signature. Older Node does not tell the algorithm.
    if (one.checkIssued(one) || !/sha-?1(?!\d)|md5/i.test(one.signatureAlgorithm ?? '')) continue;
    lines.push(
      `${one.subject} is signed with ${one.signatureAlgorithm}, which clients refuse: have it issued with SHA-256`,
    );
  }
  // A public authority names the place of its certificate; one's own root, installed on the clients, needs no chain.
  if (chain.length === 1 && /CA Issuers/.test(leaf.infoAccess ?? '')) {
    lines.push('the file holds no intermediate certificate: use the full chain (certbot: fullchain.pem)');
  }
  for (const name of names) {
    const line = coverage(leaf, name);
    if (line !== undefined) lines.push(line);
  }
  return lines;
}

interface Limit {
  readonly warnDays: number;
  readonly remedy: string;
}

function limitOf({ source }: ServerCertificate, isLeaf: boolean): Limit {
  if (source === 'own-ca') return isLeaf ? OWN_LEAF : OWN_AUTHORITY;
  // What is renewed by itself may be short-lived from the start.
  return { warnDays: isLeaf && source === 'acme' ? 0 : WARN_DAYS, remedy: 'renew it' };
}

/** A start would have renewed it long before: who does not start it in a year should hear in time. */
const OWN_LEAF: Limit = { warnDays: 90, remedy: '"sstpd ca issue", as root, or a restart renews it' };
const OWN_AUTHORITY: Limit = {
  warnDays: 180,
  remedy: '"sstpd ca renew", as root; each client must then import the new one',
};

function expiry(one: X509Certificate, what: string, now: Date, { warnDays, remedy }: Limit): string | undefined {
  const days = Math.floor((one.validToDate.getTime() - now.getTime()) / DAY_MS);
  if (days >= warnDays) return undefined;
  const date = one.validToDate.toISOString().slice(0, 10);
  return days < 0 ? `${what} expired on ${date}` : `${what} expires in ${days} days, on ${date}: ${remedy}`;
}

/** Why clients that dial `name` refuse the certificate; undefined if they do not. */
export function coverage(leaf: X509Certificate, name: string): string | undefined {
  try {
    const { kind, text } = checkName(name);
    const covered = kind === 'ip' ? leaf.checkIP(text) : certificateCovers(leaf, text);
    if (covered) return undefined;
    return `clients that dial ${text} will refuse the certificate; it is for ${allNames(leaf).join(', ')}`;
  } catch (error) {
    if (error instanceof CertificateError) return error.message;
    throw error;
  }
}

function certificateCovers(leaf: X509Certificate, name: string): boolean {
  if (name.startsWith('*.')) return certificateNames(leaf).dns.includes(name);
  return leaf.checkHost(name) !== undefined;
}

/**
 * Splits Node's text for a SAN, `DNS:a, IP Address:1.2.3.4`. An entry with a comma or quote in it is in JSON quotes
 * behind its type, so that a name can't pass for two.
 */
function splitAltNames(text: string): string[] {
  const entries: string[] = [];
  for (const match of text.matchAll(/([^:,"]+):(?:"((?:[^"\\]|\\.)*)"|([^,]*))(?:, |$)/g)) {
    const value = match[2] === undefined ? (match[3] ?? '') : String(JSON.parse(`"${match[2]}"`));
    entries.push(`${match[1]}:${value}`);
  }
  return entries;
}
