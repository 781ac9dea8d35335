import { ensureOwnCertificates, type OwnCertificates, type ServerCertificate } from '../../certs/index.ts';
import type { Log } from '../../core/index.ts';
import type { CertificateSource } from './source.ts';

const DAY_MS = 86_400_000;

/** Our own authority: its certificate for the server is renewed in time, it itself stays. */
export class OwnSource implements CertificateSource {
  readonly everyMs: number = DAY_MS;
  readonly #directory: string;
  readonly #names: readonly string[];
  readonly #log: Log;
  #served = '';

  constructor(directory: string, names: readonly string[], log: Log) {
    this.#directory = directory;
    this.#names = names;
    this.#log = log;
  }

  /** As the owner of the data directory. @throws {CertificateError} */
  ensure(now: Date): OwnCertificates {
    const own = ensureOwnCertificates(this.#directory, this.#names, now);
    const { made, why } = own;
    if (made.length > 0) this.#log.info('certificate.made', { made, why, names: this.#names });
    this.#served = own.certificate.certificatePem;
    return own;
  }

  async look(now: Date): Promise<ServerCertificate | undefined> {
    const before = this.#served;
    const { certificate } = this.ensure(now);
    return certificate.certificatePem === before ? undefined : certificate;
  }
}
