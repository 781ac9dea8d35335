/** A certificate that names an OCSP responder, and openssl as that responder. */
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EC_P256, NOT_CA, openssl, SERVER_AUTH } from '../certs/support.ts';

export const RESPONDER = 'http://127.0.0.1:8888/';
const SERIAL = '1234567890ABCDEF';

export class OcspAuthority {
  readonly folder: string;
  readonly leaf: X509Certificate;
  readonly issuer: X509Certificate;
  /** Leaf, then authority. */
  readonly chainPem: string;
  readonly keyPem: string;

  /** @param altName as in `subjectAltName=`; @param responder the URL in the certificate */
  constructor(folder: string, altName: string, responder: string = RESPONDER) {
    this.folder = folder;
    openssl(folder, ...REQ, '-newkey', ...EC_P256, '-subj', '/CN=OCSP test CA', '-keyout', 'ca.key', '-out', 'ca.pem');
    const extensions = [NOT_CA, SERVER_AUTH, `subjectAltName=${altName}`, `authorityInfoAccess=OCSP;URI:${responder}`];
    this.issue('leaf', SERIAL, '/CN=ocsp leaf', extensions);
    this.leaf = new X509Certificate(this.read('leaf.pem'));
    this.issuer = new X509Certificate(this.read('ca.pem'));
    this.chainPem = this.read('leaf.pem') + this.read('ca.pem');
    this.keyPem = this.read('leaf.key');
    this.mark('V');
  }

  issue(name: string, serial: string, subject: string, extensions: readonly string[]): void {
    const by = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-set_serial', `0x${serial}`];
    const files = ['-keyout', `${name}.key`, '-out', `${name}.pem`];
    const added = extensions.flatMap((extension) => ['-addext', extension]);
    openssl(this.folder, ...REQ, '-newkey', ...EC_P256, ...by, '-subj', subject, ...files, ...added);
  }

  read(file: string): string {
    return readFileSync(join(this.folder, file), 'utf8');
  }

  /** What the responder is to say: valid, revoked, or nothing (another serial number). */
  mark(status: 'V' | 'R' | 'other'): void {
    const revoked = status === 'R' ? '260101000000Z' : '';
    const serial = status === 'other' ? '0BAD' : SERIAL;
    const line = [status === 'R' ? 'R' : 'V', '361231235959Z', revoked, serial, 'unknown', '/CN=ocsp leaf'];
    writeFileSync(join(this.folder, 'index.txt'), `${line.join('\t')}\n`);
  }

  /** Answers a request without a network. @param signer of NAME.pem and NAME.key */
  answer(request: Buffer, signer = 'ca', ...args: string[]): Buffer {
    writeFileSync(join(this.folder, 'request.der'), request);
    const files = ['-reqin', 'request.der', '-respout', 'response.der'];
    openssl(this.folder, ...this.responderArgs(signer), ...files, ...(args.length === 0 ? ['-nmin', '60'] : args));
    return readFileSync(join(this.folder, 'response.der'));
  }

  responderArgs(signer = 'ca'): string[] {
    return ['ocsp', '-index', 'index.txt', '-CA', 'ca.pem', '-rsigner', `${signer}.pem`, '-rkey', `${signer}.key`];
  }
}

const REQ = ['req', '-x509', '-nodes', '-days', '3650'];
