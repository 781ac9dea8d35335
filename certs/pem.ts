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
  const blocks = new Set(text.match(PRIVATE_KEY));
  if (blocks.size === 0) throw new UnreadablePem(`${file}: not a private key as PEM: ${withoutKey(bytes, text)}`);
  if (blocks.size > 1) {
    throw new UnreadablePem(`${file}: holds ${blocks.size} private keys: leave only the one of the certificate in it`);
  }
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text)) {
    const remedy = 'openssl pkey -in FILE -out NEW';
    throw new UnreadablePem(`${file}: the key is encrypted; store it without a passphrase: ${remedy}`);
  }
  if (text.includes('-----BEGIN OPENSSH PRIVATE KEY-----')) {
    throw new UnreadablePem(`${file}: a key in the format of OpenSSH: ssh-keygen -p -N '' -m PEM -f FILE converts it`);
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
    const why = byteOrderMark(Buffer.from(text, 'latin1')) ?? 'the private key cannot be read; copy the file again';
    throw new UnreadablePem(`${file}: ${why}`);
  }
}

function isTlsCurve(curve: string | undefined): boolean {
  return curve === 'prime256v1' || curve === 'secp384r1' || curve === 'secp521r1';
}

/** The beginning of each private key, whole where its end is there too. */
const PRIVATE_KEY =
  /-----BEGIN ((?:[A-Z0-9]+ )*PRIVATE KEY)-----(?:(?!-----BEGIN )[\s\S])*?(?:-----END \1-----|(?=-----BEGIN )|$)/g;

/** What is in a file without a certificate, and the command that makes one of it. */
function withoutCertificate(bytes: Buffer): string {
  if (bytes.every((byte) => SPACES.includes(byte))) return 'the file is empty';
  const mark = byteOrderMark(bytes);
  if (mark !== undefined) return mark;
  switch (derKind(bytes)) {
    case 'pkcs12':
      return 'PKCS #12, not PEM: openssl pkcs12 -nokeys -in FILE -out NEW';
    case 'key':
      return `a private key as DER, and no certificate: ${SWAPPED}`;
    case 'other':
      return 'DER, not PEM: openssl x509 -inform der -in FILE -out NEW';
    case undefined:
      break;
  }
  const text = bytes.toString('latin1');
  if (/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/.test(text)) return `a private key, and no certificate: ${SWAPPED}`;
  if (text.includes('-----BEGIN PKCS7-----')) {
    return 'PKCS #7, not a certificate: openssl pkcs7 -print_certs -in FILE -out NEW';
  }
  if (/-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----/.test(text)) {
    return 'a request for a certificate: it needs what the authority made of that';
  }
  if (/-----BEGIN (?:TRUSTED|X509) CERTIFICATE-----/.test(text)) {
    return 'not a certificate as PEM: openssl x509 -in FILE -out NEW';
  }
  if (text.includes(BEGIN)) return `a certificate without its end ("${END}"): copy the file again`;
  return 'no certificate as PEM in it ("BEGIN CERTIFICATE")';
}

/** What is in a file without a private key, and what mends that. */
function withoutKey(bytes: Buffer, text: string): string {
  if (bytes.every((byte) => SPACES.includes(byte))) return 'the file is empty';
  const mark = byteOrderMark(bytes);
  if (mark !== undefined) return mark;
  switch (derKind(bytes)) {
    case 'pkcs12':
      return 'it is PKCS #12: openssl pkcs12 -nocerts -nodes -in FILE -out NEW';
    case 'key':
      return 'it is DER: openssl pkey -inform der -in FILE -out NEW';
    case 'other':
      return 'it seems to be DER or PKCS #12';
    case undefined:
      break;
  }
  if (text.includes('-----BEGIN PUBLIC KEY-----')) return 'it is the public key; the private one is needed';
  if (text.includes(BEGIN)) return `there is a certificate in it, and no key: ${SWAPPED}`;
  return 'it has no "BEGIN PRIVATE KEY" line';
}

const SWAPPED = 'are the files of --cert and --key swapped?';
const SPACES: readonly number[] = [...Buffer.from(' \t\r\n')];

/** @returns undefined: there is none */
function byteOrderMark(bytes: Buffer): string | undefined {
  if (bytes.subarray(0, 3).equals(Buffer.of(0xef, 0xbb, 0xbf))) {
    return "it begins with a byte order mark (UTF-8 with BOM), as editors of Windows write it: sed -i '1s/^\\xEF\\xBB\\xBF//' FILE";
  }
  const isUtf16 = [Buffer.of(0xff, 0xfe), Buffer.of(0xfe, 0xff)].some((mark) => bytes.subarray(0, 2).equals(mark));
  return isUtf16 ? 'it is UTF-16, as PowerShell and Notepad write it: iconv -f UTF-16 -t UTF-8 FILE > NEW' : undefined;
}

/**
 * Of DER, which starts with a SEQUENCE, what its first element tells: the version of PKCS #12 is 3 (RFC 7292 §4), that of
 * a key is 0 or 1 (RFC 5958 §2, RFC 8017 A.1.2, RFC 5915 §3), and a certificate starts with another SEQUENCE.
 */
function derKind(bytes: Buffer): 'pkcs12' | 'key' | 'other' | undefined {
  if (bytes[0] !== 0x30) return undefined;
  const length = bytes[1] ?? 0;
  const content = 2 + (length < 0x80 ? 0 : length & 0x7f);
  const [type, size, version] = bytes.subarray(content, content + 3);
  if (type !== 0x02 || size !== 1) return 'other';
  return version === 3 ? 'pkcs12' : 'key';
}

/**
 * The key must be that of the first certificate, RFC 8446 §4.4.2: "The sender's certificate MUST come in the first".
 *
 * @throws {CertificateError}
 */
export function checkKeyOfFirst(
  chain: readonly X509Certificate[],
  key: KeyObject,
  files: { readonly cert: string; readonly key: string },
): void {
  const place = chain.findIndex((one) => one.checkPrivateKey(key)) + 1;
  if (place === 1) return;
  if (place > 1) throw new CertificateError(`${files.cert}: the key belongs to certificate ${place}: put it first`);
  const types = [key.asymmetricKeyType, chain[0]?.publicKey.asymmetricKeyType];
  const why = types[0] === types[1] ? '' : ` (its type is ${types[0]}, the certificate's ${types[1]})`;
  throw new CertificateError(
    `${files.key}: not the key of the certificate in ${files.cert}${why}; give the one that it was requested with, or have it issued anew`,
  );
}
