import type { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import {
  CertificateError,
  checkNames,
  readIfThere,
  type ServerCertificate,
  writeSecureFile,
} from '../../certs/index.ts';
import type { Log } from '../../core/index.ts';
import type { Config } from '../config/index.ts';
import { AcmeHttp } from './acme-http.ts';
import { loadAcmeLibrary, makeKey, orderCertificate, type Proofs } from './acme-order.ts';
import { checkAcmeCertificate, readAcmeCertificate, writeAcmeCertificate } from './acme-store.ts';
import type { CertificateSource } from './source.ts';

const DAY_MS = 86_400_000;
const EVERY_MS = 2_000;
/** Let's Encrypt takes five failures of a name in an hour; this makes four. */
const FIRST_WAIT_MS = 300_000;
const LONGEST_WAIT_MS = 43_200_000;

/** A certificate from an ACME authority, ordered and renewed while the server runs. */
export class AcmeSource implements CertificateSource {
  readonly everyMs: number = EVERY_MS;
  readonly #config: Pick<Config, 'data' | 'hosts' | 'tls'>;
  readonly #names: readonly string[];
  readonly #library: Awaited<ReturnType<typeof loadAcmeLibrary>>;
  readonly #log: Log;
  readonly #http = new AcmeHttp();
  #proofs: Pick<Proofs, 'showChallenge' | 'hideChallenge'> | undefined;
  #dueAt = 0;
  #failures = 0;

  private constructor(
    config: Pick<Config, 'data' | 'hosts' | 'tls'>,
    library: Awaited<ReturnType<typeof loadAcmeLibrary>>,
    log: Log,
  ) {
    this.#config = config;
    this.#names = checkNames(config.hosts).dns;
    this.#library = library;
    this.#log = log;
  }

  static async create(config: Pick<Config, 'data' | 'hosts' | 'tls'>, log: Log): Promise<AcmeSource> {
    return new AcmeSource(config, await loadAcmeLibrary(), log);
  }

  /** The one of an earlier run, if it is still good. As the owner of the data directory. */
  stored(now: Date): ServerCertificate | undefined {
    try {
      const certificate = readAcmeCertificate(this.#config, now);
      if (certificate !== undefined) this.#dueAt = renewalTime(certificate.leaf);
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
    const { directory, challenge } = this.#config.tls.acme;
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
    const order = { config: this.#config.tls.acme, names: this.#names, accountKeyPem, proofs };
    const { certificatePem, keyPem } = await orderCertificate(this.#library, order);
    const certificate = checkAcmeCertificate(this.#config, certificatePem, keyPem, new Date());
    writeAcmeCertificate(this.#config, certificate);
    return certificate;
  }

  async #accountKey(): Promise<string> {
    const file = join(this.#config.data, 'acme-account.key');
    const read = readIfThere(file);
    if (read !== undefined) return read.bytes.toString();
    const key = await makeKey('ec');
    writeSecureFile(file, key, 0o600);
    return key;
  }
}

/** At two thirds of its life, or 30 days before its end if that is later. */
export function renewalTime(leaf: Pick<X509Certificate, 'validFromDate' | 'validToDate'>): number {
  const [from, to] = [leaf.validFromDate.getTime(), leaf.validToDate.getTime()];
  return Math.max(from + ((to - from) * 2) / 3, to - 30 * DAY_MS);
}
