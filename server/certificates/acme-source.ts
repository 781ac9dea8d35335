import type { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import {
  CertificateError,
  certificateNames,
  checkNames,
  checkServerPem,
  readIfThere,
  type ServerCertificate,
  writeSecureFile,
} from '../../certs/index.ts';
import type { Log } from '../../core/index.ts';
import type { Config } from '../config.ts';
import { AcmeHttp } from './acme-http.ts';
import { loadAcmeLibrary, makeKey, orderCertificate, type Proofs } from './acme-order.ts';
import type { CertificateSource } from './source.ts';

const DAY_MS = 86_400_000;
const EVERY_MS = 2_000;
/** Let's Encrypt takes five failures of a name in an hour; this makes four. */
const FIRST_WAIT_MS = 300_000;
const LONGEST_WAIT_MS = 43_200_000;

/** What `acme.json` holds. */
interface Stored {
  readonly directory: string;
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** A certificate from an ACME authority, ordered and renewed while the server runs. */
export class AcmeSource implements CertificateSource {
  readonly everyMs: number = EVERY_MS;
  readonly #config: Config['tls']['acme'];
  readonly #names: readonly string[];
  readonly #files: { readonly account: string; readonly certificate: string };
  readonly #library: Awaited<ReturnType<typeof loadAcmeLibrary>>;
  readonly #log: Log;
  readonly #http = new AcmeHttp();
  #proofs: Pick<Proofs, 'showChallenge' | 'hideChallenge'> | undefined;
  #dueAt = 0;
  #failures = 0;

  private constructor(config: Config, library: Awaited<ReturnType<typeof loadAcmeLibrary>>, log: Log) {
    this.#config = config.tls.acme;
    this.#names = checkNames(config.hosts).dns;
    this.#files = { account: join(config.data, 'acme-account.key'), certificate: join(config.data, 'acme.json') };
    this.#library = library;
    this.#log = log;
  }

  static async create(config: Config, log: Log): Promise<AcmeSource> {
    return new AcmeSource(config, await loadAcmeLibrary(), log);
  }

  /** The one of an earlier run, if it is still good. As the owner of the data directory. @throws {CertificateError} */
  stored(now: Date): ServerCertificate | undefined {
    const read = readIfThere(this.#files.certificate);
    if (read === undefined) return undefined;
    try {
      const { directory, certificatePem, keyPem } = JSON.parse(read.bytes.toString()) as Stored;
      if (directory !== this.#config.directory) return undefined;
      const certificate = this.#checked(certificatePem, keyPem, now);
      this.#dueAt = renewalTime(certificate.leaf);
      return certificate;
    } catch (error) {
      this.#log.info('certificate.stored-unusable', { error: (error as Error).message });
      return undefined;
    }
  }

  /** Lets challenges be answered. */
  begin(proofs: Pick<Proofs, 'showChallenge' | 'hideChallenge'>): void {
    this.#proofs = proofs;
  }

  /** Closes what challenges have opened. */
  stop(): void {
    this.#dueAt = Number.POSITIVE_INFINITY;
    void this.#http.close();
  }

  async look(now: Date): Promise<ServerCertificate | undefined> {
    if (this.#proofs === undefined || now.getTime() < this.#dueAt) return undefined;
    const { directory, challenge } = this.#config;
    this.#log.info('certificate.ordering', { directory, names: this.#names, challenge });
    try {
      const certificate = await this.#order(this.#proofs);
      this.#failures = 0;
      this.#dueAt = renewalTime(certificate.leaf);
      return certificate;
    } catch (error) {
      const waitMs = Math.min(FIRST_WAIT_MS * 2 ** this.#failures, LONGEST_WAIT_MS);
      this.#failures += 1;
      this.#dueAt = Date.now() + waitMs;
      if (!(error instanceof CertificateError)) throw error;
      throw new CertificateError(`${error.message}; the next try is in ${waitMs / 60_000} minutes`, { cause: error });
    }
  }

  async #order(shown: Pick<Proofs, 'showChallenge' | 'hideChallenge'>): Promise<ServerCertificate> {
    const proofs: Proofs = {
      showChallenge: (name, challenge) => shown.showChallenge(name, challenge),
      hideChallenge: (name) => shown.hideChallenge(name),
      serveToken: (token, content) => this.#http.serve(token, content),
      removeToken: (token) => this.#http.remove(token),
    };
    const accountKeyPem = await this.#accountKey();
    const order = { config: this.#config, names: this.#names, accountKeyPem, proofs };
    const { certificatePem, keyPem } = await orderCertificate(this.#library, order);
    const certificate = this.#checked(certificatePem, keyPem, new Date());
    const stored: Stored = { directory: this.#config.directory, certificatePem, keyPem };
    writeSecureFile(this.#files.certificate, JSON.stringify(stored), 0o600);
    return certificate;
  }

  async #accountKey(): Promise<string> {
    const read = readIfThere(this.#files.account);
    if (read !== undefined) return read.bytes.toString();
    const key = await makeKey('ec');
    writeSecureFile(this.#files.account, key, 0o600);
    return key;
  }

  /** Whatever an authority says, only a certificate for our names is served. */
  #checked(certificatePem: string, keyPem: string, now: Date): ServerCertificate {
    const what = 'the certificate from the ACME authority';
    const cert = { bytes: Buffer.from(certificatePem), from: what };
    const checked = checkServerPem(cert, { bytes: Buffer.from(keyPem), from: `${what}, its key` }, now);
    const { dns } = certificateNames(checked.leaf);
    const missing = this.#names.find((name) => !dns.includes(name));
    if (missing !== undefined) throw new CertificateError(`${what} is not for ${missing}`);
    return { ...checked, source: 'acme', notes: [] };
  }
}

/** At two thirds of its life, or 30 days before its end if that is later. */
export function renewalTime(leaf: Pick<X509Certificate, 'validFromDate' | 'validToDate'>): number {
  const [from, to] = [leaf.validFromDate.getTime(), leaf.validToDate.getTime()];
  return Math.max(from + ((to - from) * 2) / 3, to - 30 * DAY_MS);
}
