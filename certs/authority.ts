import { generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import forge from 'node-forge';
import { parseIpv4, parseIpv6 } from '../core/index.ts';
import { CertificateError } from './certificate-error.ts';
import { constraintsExtension, constraintsFor } from './constraints.ts';
import { type CheckedNames, checkNames } from './names.ts';

/** A certificate authority: who holds the key can issue for any name that its clients trust. */
export interface CertificateAuthority {
  readonly certificatePem: string;
  /** PKCS #8, not encrypted. */
  readonly keyPem: string;
}

export interface IssuedCertificate {
  /** The leaf alone; a server sends the authority's certificate behind it. */
  readonly certificatePem: string;
  /** PKCS #8, not encrypted. */
  readonly keyPem: string;
}

/** The declared type is that of tag classes, but node-forge takes the tag number here. */
const UTF8 = forge.asn1.Type.UTF8 as unknown as forge.asn1.Class;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** RFC 5280 appendix A.1, ub-common-name. */
const COMMON_NAME_LENGTH = 64;

/** Apple's clients refuse a longer life, whoever issued the certificate. */
const SERVER_DAYS = 825;

/** After so many of them a start issues the next one, which it has the key for, and the running server has not. */
export const RENEW_AFTER_DAYS = 550;

/**
 * Makes a root certificate: RSA-3072, SHA-256, issues leaves only (path length 0), and for servers only (a client takes
 * the uses of an authority as those of all below it).
 *
 * @param options.days 3650 by default
 * @param options.within it can issue for names like these alone, see `constraintsFor`; undefined: for all
 * @throws {RangeError} if commonName is not 1 to 64 characters, or days is not a positive integer
 *
 * RFC 5280 4.2.1.2, 4.2.1.3, 4.2.1.9, 4.2.1.10, 4.2.1.12.
 */
export function createAuthority(options: {
  readonly commonName: string;
  readonly now: Date;
  readonly days?: number;
  readonly within?: CheckedNames | undefined;
}): CertificateAuthority {
  const { commonName, now, days = 3650, within } = options;
  if (commonName === '' || commonName.length > COMMON_NAME_LENGTH) {
    throw new RangeError(`commonName must have 1 to ${COMMON_NAME_LENGTH} characters`);
  }
  const key = rsaKey(3072);
  const certificate = blank(key, validity(now, days, 36_500));
  const subject = distinguishedName(commonName);
  certificate.setSubject(subject);
  certificate.setIssuer(subject);
  certificate.setExtensions([
    { name: 'basicConstraints', critical: true, cA: true, pathLenConstraint: 0 },
    { name: 'keyUsage', critical: true, keyCertSign: true, cRLSign: true },
    { name: 'extKeyUsage', serverAuth: true },
    ...(within === undefined ? [] : [constraintsExtension(constraintsFor(within))]),
    { name: 'subjectKeyIdentifier' },
  ]);
  return signed(certificate, key.keyPem, key.keyPem);
}

/**
 * Issues a certificate that SSTP clients accept for `names`: RSA-2048, SHA-256, serverAuth, at most as long as the
 * authority's own.
 *
 * No CRL distribution point and no AIA: a Windows client that finds one and can't reach it refuses to connect
 * (0x80092013). IP addresses go into the SAN as iPAddress only. Windows 10 and later compare those; older Windows looks
 * for an address in dNSName or, without a SAN, the common name, but an address as dNSName breaks RFC 5280 4.2.1.6 and
 * strict verifiers then refuse the whole certificate. Such clients must dial a DNS name.
 *
 * @param options.names DNS names and IP addresses; the first DNS name is the common name too, cut to 64 characters
 * @param options.days from 1 to 825, the default
 * @throws {CertificateError} for a name that is refused
 * @throws {RangeError} for other days
 *
 * MS-SSTP 3.2.4.1 (name and EKU), RFC 5280 4.1.2.2 (serial number), 4.2.1.6, 4.2.1.12.
 */
export function issueServerCertificate(options: {
  readonly authority: CertificateAuthority;
  readonly names: readonly string[];
  readonly now: Date;
  readonly days?: number;
}): IssuedCertificate {
  const { authority, now, days = SERVER_DAYS } = options;
  const names = checkNames(options.names);
  const issuer = forge.pki.certificateFromPem(authority.certificatePem);
  const life = validity(now, days, SERVER_DAYS);
  if (issuer.validity.notAfter < life.notAfter) life.notAfter = issuer.validity.notAfter;

  const key = rsaKey(2048);
  const certificate = blank(key, life);
  certificate.setSubject(subjectOf(names));
  certificate.setIssuer(issuer.subject.attributes.map(decoded));
  certificate.setExtensions([
    { name: 'basicConstraints', critical: true, cA: false },
    // Key encipherment too: Windows' tools expect it of an RSA server certificate.
    { name: 'keyUsage', critical: true, digitalSignature: true, keyEncipherment: true },
    { name: 'extKeyUsage', serverAuth: true },
    { name: 'subjectAltName', altNames: generalNames(names) },
    { name: 'subjectKeyIdentifier' },
    { name: 'authorityKeyIdentifier', keyIdentifier: issuer.generateSubjectKeyIdentifier().getBytes() },
  ]);
  const issued = signed(certificate, authority.keyPem, key.keyPem);
  if (!new X509Certificate(issued.certificatePem).checkIssued(new X509Certificate(authority.certificatePem))) {
    throw new CertificateError(
      "cannot issue under this authority: its name has a form that we can't write; make another",
    );
  }
  return issued;
}

interface RsaKey {
  readonly publicPem: string;
  readonly keyPem: string;
}

/** OpenSSL makes in a fraction of a second what node-forge's own arithmetic would take long for. */
function rsaKey(bits: number): RsaKey {
  const pair = generateKeyPairSync('rsa', {
    modulusLength: bits,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  return { publicPem: pair.publicKey, keyPem: pair.privateKey };
}

interface Validity {
  notBefore: Date;
  notAfter: Date;
}

/** Starts an hour early for clients whose clock is slow, and lasts `days` from there. */
function validity(now: Date, days: number, most: number): Validity {
  if (!Number.isInteger(days) || days < 1 || days > most) throw new RangeError(`days must be from 1 to ${most}`);
  const start = now.getTime() - HOUR_MS;
  return { notBefore: new Date(start), notAfter: new Date(start + days * DAY_MS) };
}

function blank(key: RsaKey, life: Validity): forge.pki.Certificate {
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(key.publicPem);
  certificate.serialNumber = serialNumber();
  certificate.validity.notBefore = life.notBefore;
  certificate.validity.notAfter = life.notAfter;
  return certificate;
}

/** 127 bits, the top one set: positive, and no leading zero octet that DER would forbid. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x3f) | 0x40, 0);
  return bytes.toString('hex');
}

/**
 * OpenSSL and GnuTLS take a common name for a DNS name, an address too, where the SAN has none, and hold it against the
 * authority's constraints. So for addresses alone there is an organisation, which nobody does that with.
 */
function subjectOf({ dns: [name], first }: CheckedNames): forge.pki.CertificateField[] {
  if (name !== undefined) return distinguishedName(name.slice(0, COMMON_NAME_LENGTH));
  return [{ name: 'organizationName', value: `SSTP server ${first}`, valueTagClass: UTF8 }];
}

/** UTF8String, for a wildcard and an underscore are not in PrintableString's alphabet. */
function distinguishedName(commonName: string): forge.pki.CertificateField[] {
  return [{ name: 'commonName', value: commonName, valueTagClass: UTF8 }];
}

/** node-forge encodes a UTF8String when it writes a name, but does not decode it when it reads one. */
function decoded(field: forge.pki.CertificateField): forge.pki.CertificateField {
  if (field.valueTagClass !== UTF8 || typeof field.value !== 'string') return field;
  return { ...field, value: forge.util.decodeUtf8(field.value) };
}

/** RFC 5280 4.2.1.6: dNSName is [2], iPAddress is [7] with 4 or 16 octets. */
function generalNames(names: CheckedNames): { type: number; value: string }[] {
  return [
    ...names.dns.map((name) => ({ type: 2, value: name })),
    ...names.ip.map((address) => ({ type: 7, value: ipBytes(address).toString('latin1') })),
  ];
}

function ipBytes(address: string): Buffer {
  const ipv4 = parseIpv4(address);
  if (ipv4 === undefined) return Buffer.from(parseIpv6(address) ?? []);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(ipv4);
  return bytes;
}

function signed(certificate: forge.pki.Certificate, signerPem: string, keyPem: string): IssuedCertificate {
  certificate.sign(forge.pki.privateKeyFromPem(signerPem), forge.md.sha256.create());
  return { certificatePem: forge.pki.certificateToPem(certificate).replaceAll('\r\n', '\n'), keyPem };
}
