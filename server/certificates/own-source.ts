import { join } from 'node:path';
import {
  CertificateError,
  type OwnCertificates,
  type OwnState,
  readOwnCertificates,
  type ServerCertificate,
} from '../../certs/index.ts';
import { asUser, isOperatorError, type Log } from '../../core/index.ts';
import type { RunUser } from '../host/index.ts';
import { FileWatch } from './file-watch.ts';
import { issueApart } from './issue.ts';
import type { OwnCa } from './own-ca.ts';
import type { CertificateSource } from './source.ts';

const EVERY_MS = 2_000;

export interface OwnSourceOptions {
  /** The data directory. */
  readonly directory: string;
  /** What clients dial. */
  readonly names: readonly string[];
  /** Whether the operator named them: a new authority is then bound to them. */
  readonly isBound: boolean;
  /** Whether it is served until another authority has issued one, see `readOwnCertificates`. */
  readonly isStopgap: boolean;
  readonly runUser: RunUser;
  readonly log: Log;
}

/**
 * Our own authority. A start issues what is lacking; the server that runs has no key for that, but takes what
 * `sstpd ca` puts there meanwhile, a new authority too.
 */
export class OwnSource implements CertificateSource {
  readonly everyMs: number = EVERY_MS;
  readonly #options: OwnSourceOptions;
  readonly #watch: FileWatch;
  #own: OwnCertificates;

  private constructor(options: OwnSourceOptions, own: OwnCertificates) {
    this.#options = options;
    const { directory } = options;
    this.#watch = new FileWatch(['ca.next', 'ca.pem', 'server.pem', 'server.key'].map((name) => join(directory, name)));
    this.#own = own;
  }

  /** While we still are who was started. @throws {CertificateError} */
  static async load(options: OwnSourceOptions, now: Date): Promise<OwnSource> {
    const source = new OwnSource(options, loadOwn(options, now));
    await source.#watch.begin();
    return source;
  }

  get certificate(): ServerCertificate {
    return this.#own.certificate;
  }

  /** The authority's certificate, for clients. */
  get ca(): OwnCa {
    const { caPem, caFingerprint256 } = this.#own;
    return { file: join(this.#options.directory, 'ca.pem'), pem: caPem, fingerprint: caFingerprint256 };
  }

  async look(now: Date): Promise<ServerCertificate | undefined> {
    if (!(await this.#watch.changed())) return undefined;
    const { directory, names, isBound, isStopgap } = this.#options;
    // Names that nobody gave are the machine's, and those may be others than at the start: `sstpd ca issue` knows them.
    const { own, why } = readOwnCertificates(directory, isBound ? names : undefined, now, isStopgap);
    if (own === undefined) throw notUsable(why);
    const before = this.#own.certificate;
    this.#own = own;
    return own.certificate.certificatePem === before.certificatePem ? undefined : own.certificate;
  }
}

function loadOwn(options: OwnSourceOptions, now: Date): OwnCertificates {
  const { directory, names, isBound, isStopgap, runUser, log } = options;
  const read = (): OwnState => asUser(runUser, () => readOwnCertificates(directory, names, now, isStopgap));
  const { own, why } = read();
  if (own !== undefined && why === undefined) return own;
  try {
    const request = { data: directory, names, isBound, isStopgap, renews: false, now: now.getTime() };
    const { made, why: reason, notes } = issueApart(request, runUser);
    if (made.length > 0) log.info('certificate.made', { made, why: reason, names });
    for (const warning of notes) log.warn('certificate.warning', { warning });
    const fresh = read();
    if (fresh.own === undefined) throw notUsable(fresh.why);
    return fresh.own;
  } catch (error) {
    if (own === undefined || !isOperatorError(error)) throw error;
    log.warn('certificate.not-renewed', { error: error.message, servedUntil: own.certificate.leaf.validToDate });
    return own;
  }
}

function notUsable(why: string | undefined): CertificateError {
  return new CertificateError(`${why}: "sstpd ca issue", as root and with the same --host, puts it right`);
}
