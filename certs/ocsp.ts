/** OCSP, RFC 6960: the question whether a certificate is revoked, and the answer that a server staples. */
import { createHash, verify, X509Certificate } from 'node:crypto';
import {
  BasicOCSPResponse,
  CertID,
  id_kp_OCSPSigning,
  id_pkix_ocsp_basic,
  OCSPRequest,
  OCSPResponse,
  OCSPResponseStatus,
  Request,
  type SingleResponse,
  TBSRequest,
} from '@peculiar/asn1-ocsp';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import { AlgorithmIdentifier, Certificate } from '@peculiar/asn1-x509';
import { CertificateError } from './certificate-error.ts';

/** A response that may be stapled until then. */
export interface OcspAnswer {
  readonly der: Buffer;
  readonly thisUpdate: Date;
  /** Where the responder names no end, an hour from now. */
  readonly nextUpdate: Date;
}

/** The responder says so; the other errors say nothing about the certificate. */
export class RevokedError extends CertificateError {}

/** The responder that a certificate names, RFC 5280 4.2.2.1; undefined if it names none that speaks HTTP. */
export function ocspResponder(leaf: X509Certificate): string | undefined {
  return /^OCSP - URI:(https?:\/\/\S+)$/m.exec(leaf.infoAccess ?? '')?.[1];
}

/** RFC 6960 4.1.1, without a nonce: responders answer from a cache. */
export function ocspRequest(leaf: X509Certificate, issuer: X509Certificate): Buffer {
  const { names, key, serialNumber } = identify(leaf, issuer);
  const reqCert = new CertID({
    hashAlgorithm: new AlgorithmIdentifier({ algorithm: SHA1, parameters: NULL }),
    issuerNameHash: new OctetString(names),
    issuerKeyHash: new OctetString(key),
    serialNumber,
  });
  const request = new OCSPRequest({ tbsRequest: new TBSRequest({ requestList: [new Request({ reqCert })] }) });
  return Buffer.from(AsnConvert.serialize(request));
}

/**
 * Checks what a responder said: about this certificate, signed by its issuer or on its behalf, good, and of now.
 *
 * @throws {CertificateError}
 *
 * RFC 6960 3.2.
 */
export function readOcspResponse(der: Buffer, leaf: X509Certificate, issuer: X509Certificate, now: Date): OcspAnswer {
  try {
    return check(der, leaf, issuer, now);
  } catch (cause) {
    if (cause instanceof CertificateError) throw cause;
    throw new CertificateError('the OCSP responder answered something else', { cause });
  }
}

function check(der: Buffer, leaf: X509Certificate, issuer: X509Certificate, now: Date): OcspAnswer {
  const basic = basicResponse(der);
  checkSignature(basic, issuer, now);
  const single = basic.tbsResponseData.responses.find((one) => isAbout(one, leaf, issuer));
  if (single === undefined) throw new CertificateError('the OCSP response is about another certificate');
  const { certStatus, thisUpdate, nextUpdate = new Date(now.getTime() + HOUR_MS) } = single;
  if (certStatus.revoked !== undefined) throw new RevokedError('the certificate is revoked: have a new one issued');
  if (certStatus.good === undefined) throw new CertificateError('the OCSP responder does not know the certificate');
  if (thisUpdate.getTime() > now.getTime() + SKEW_MS || nextUpdate <= now) {
    throw new CertificateError(
      `the OCSP response is for ${thisUpdate.toISOString()} to ${nextUpdate.toISOString()}, not for now`,
    );
  }
  return { der, thisUpdate, nextUpdate };
}

const SHA1 = '1.3.14.3.2.26';
const NULL = new Uint8Array([0x05, 0x00]).buffer;
const HOUR_MS = 3_600_000;
const SKEW_MS = 300_000;

/** What a CertID consists of, RFC 6960 4.1.1; SHA-1 is what every responder knows, and no secret hangs on it. */
function identify(leaf: X509Certificate, issuer: X509Certificate) {
  const { tbsCertificate } = AsnConvert.parse(leaf.raw, Certificate);
  const { subjectPublicKeyInfo } = AsnConvert.parse(issuer.raw, Certificate).tbsCertificate;
  return {
    names: sha1(AsnConvert.serialize(tbsCertificate.issuer)),
    key: sha1(subjectPublicKeyInfo.subjectPublicKey),
    serialNumber: tbsCertificate.serialNumber,
  };
}

function isAbout({ certID }: SingleResponse, leaf: X509Certificate, issuer: X509Certificate): boolean {
  const { names, key, serialNumber } = identify(leaf, issuer);
  return (
    certID.hashAlgorithm.algorithm === SHA1 &&
    Buffer.from(certID.serialNumber).equals(Buffer.from(serialNumber)) &&
    Buffer.from(certID.issuerNameHash.buffer).equals(names) &&
    Buffer.from(certID.issuerKeyHash.buffer).equals(key)
  );
}

function basicResponse(der: Buffer): BasicOCSPResponse {
  const { responseStatus, responseBytes } = AsnConvert.parse(der, OCSPResponse);
  if (responseStatus !== OCSPResponseStatus.successful) {
    throw new CertificateError(`the OCSP responder refuses to answer (status ${Number(responseStatus)})`);
  }
  if (responseBytes?.responseType !== id_pkix_ocsp_basic) throw new CertificateError('no basic OCSP response');
  return AsnConvert.parse(responseBytes.response.buffer, BasicOCSPResponse);
}

/** Digest by the object identifier of the signature algorithm, RFC 4055 and RFC 5758. */
const DIGESTS: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.1.5': 'sha1',
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
};

function checkSignature(basic: BasicOCSPResponse, issuer: X509Certificate, now: Date): void {
  const { tbsResponseDataRaw, signatureAlgorithm, signature, certs = [] } = basic;
  const digest = DIGESTS[signatureAlgorithm.algorithm];
  if (digest === undefined || tbsResponseDataRaw === undefined) {
    throw new CertificateError(
      `the OCSP response is signed with an unknown algorithm, ${signatureAlgorithm.algorithm}`,
    );
  }
  const data = Buffer.from(tbsResponseDataRaw);
  const isSignedBy = (one: X509Certificate): boolean => verify(digest, data, one.publicKey, Buffer.from(signature));
  const delegates = certs
    .slice(0, MOST_CERTIFICATES)
    .map((one) => new X509Certificate(Buffer.from(AsnConvert.serialize(one))))
    .filter((one) => mayAnswerFor(issuer, one, now));
  if (![issuer, ...delegates].some(isSignedBy)) {
    throw new CertificateError("the OCSP response is not signed by the certificate's issuer or on its behalf");
  }
}

const MOST_CERTIFICATES = 4;

/** RFC 6960 4.2.2.2. */
function mayAnswerFor(issuer: X509Certificate, one: X509Certificate, now: Date): boolean {
  const usages: readonly string[] | undefined = one.keyUsage;
  return (
    usages?.includes(id_kp_OCSPSigning) === true &&
    one.validFromDate <= now &&
    one.validToDate >= now &&
    one.checkIssued(issuer) &&
    one.verify(issuer.publicKey)
  );
}

function sha1(bytes: ArrayBuffer): Buffer {
  return createHash('sha1').update(Buffer.from(bytes)).digest();
}
