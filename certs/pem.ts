import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { CertificateError } from './certificate-error.ts';

const BEGIN = '-----BEGIN CERTIFICATE-----';
const END = '-----END CERTIFICATE-----';

/** A chain with more links than this is a mistake, such as a whole bundle of roots. */
const MOST_CERTIFICATES = 10;

/** The content of a file is not what it should be; one of our own files is then made again. */
export class UnreadablePem extends CertificateError {}

/** The certificates in a PEM text, one block each; whatever stands between them is left out. */
export function certificateBlocks(text: string): string[] {
  const blocks: string[] = [];
  let from = text.indexOf(BEGIN);
  while (from !== -1) {
    const end = text.indexOf(END, from);
    if (end === -1) break;
    blocks.push(`${text.slice(from, end + END.length)}\n`);
    from = text.indexOf(BEGIN, end);
  }
  return blocks;
}

/**
 * @param file its name, for the message
 * @returns at least one certificate, in the order of the file
 * @throws {UnreadablePem}
 */
export function parseCertificates(bytes: Buffer, file: string): [X509Certificate, ...X509Certificate[]] {
  const blocks = certificateBlocks(bytes.toString('latin1'));
  if (blocks.length > MOST_CERTIFICATES) {
    throw new UnreadablePem(`${file}: holds ${blocks.length} certificates; it should be the server's and its chain`);
  }
  const [first, ...rest] = blocks.map((block) => {
    try {
      return new X509Certificate(block);
    } catch (cause) {
      throw new UnreadablePem(`${file}: holds a certificate that cannot be read; copy the file again`, { cause });
    }
  });
  if (first === undefined) throw new UnreadablePem(`${file}: ${withoutCertificate(bytes)}`);
  return [first, ...rest];
}

/**
 * @param file its name, for the message
 * @throws {UnreadablePem} if there is no RSA or ECDSA key that a server can use
 */
export function parseKey(bytes: Buffer, file: string): KeyObject {
  const text = bytes.toString('latin1');
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    const format = bytes[0] === 0x30 ? 'it seems to be DER or PKCS #12' : 'it has no "BEGIN PRIVATE KEY" line';
    throw new UnreadablePem(`${file}: not a private key as PEM: ${format}`);
  }
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text)) {
    const remedy = 'openssl pkey -in FILE -out NEW';
    throw new UnreadablePem(`${file}: the key is encrypted; store it without a passphrase: ${remedy}`);
  }
  const key = readKey(text, file);
  const type = key.asymmetricKeyType;
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (type === 'rsa' || (type === 'ec' && isTlsCurve(curve))) return key;
  const kind = curve === undefined ? type : `${type} ${curve}`;
  throw new UnreadablePem(`${file}: Windows cannot use a key of type ${kind}; use RSA or ECDSA with P-256 or P-384`);
}

function readKey(text: string, file: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch {
    // Without its cause: no part of a key may get into a log.
    throw new UnreadablePem(`${file}: the private key cannot be read; copy the file again`);
  }
}

function isTlsCurve(curve: string | undefined): boolean {
  return curve === 'prime256v1' || curve === 'secp384r1' || curve === 'secp521r1';
}

/** DER of any kind starts with a SEQUENCE. */
function withoutCertificate(bytes: Buffer): string {
  if (bytes.length === 0) return 'the file is empty';
  if (bytes[0] === 0x30) {
    return 'DER or PKCS #12, not PEM: openssl x509 -inform der -in FILE, or openssl pkcs12 -nodes -in FILE';
  }
  return 'no certificate as PEM in it ("BEGIN CERTIFICATE")';
}
