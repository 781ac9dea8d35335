import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { certificateNames, type ServerCertificate, warnings } from '../../certs/index.ts';
import { asUser, type Log } from '../../core/index.ts';
import type { Config } from '../config.ts';
import { machineNames } from '../first-start.ts';
import type { StartSummary } from '../next-steps.ts';
import { isOperatorError } from '../operator-error.ts';
import type { RunUser } from '../privileges.ts';
import { FilesSource } from './files-source.ts';
import { type TlsMaterial, tlsContext } from './material.ts';
import { OwnSource } from './own-source.ts';
import type { CertificateSource } from './source.ts';

const DAY_MS = 86_400_000;

/** Gives the certificate to whoever serves it; resolved when it is what new connections get. */
export type ApplyTls = (material: TlsMaterial) => Promise<void>;

interface Loaded {
  readonly source: CertificateSource;
  readonly certificate: ServerCertificate;
  readonly names: readonly string[];
  readonly ca: StartSummary['ca'];
}

/** The certificate to serve, from the start on, and the newer ones that come while the server runs. */
export class CertificateKeeper {
  /** What clients may dial, the best first. */
  readonly names: readonly string[];
  /** Set if the certificate comes from our own authority. */
  readonly ca: StartSummary['ca'];
  readonly #config: Config;
  readonly #runUser: RunUser;
  readonly #log: Log;
  readonly #source: CertificateSource;
  readonly #timers: NodeJS.Timeout[] = [];
  #certificate: ServerCertificate;
  #material: TlsMaterial;
  #apply: ApplyTls = async () => {};
  #isLooking = false;

  private constructor(config: Config, runUser: RunUser, log: Log, loaded: Loaded) {
    this.#config = config;
    this.#runUser = runUser;
    this.#log = log;
    this.#source = loaded.source;
    this.#certificate = loaded.certificate;
    this.#material = materialOf(loaded.certificate);
    this.names = loaded.names;
    this.ca = loaded.ca;
  }

  /**
   * The operator's files if the configuration names them, read with the rights that we have; else our own authority's,
   * in the data directory, as its owner.
   *
   * @throws {CertificateError} @throws {TlsContextError}
   */
  static async load(config: Config, runUser: RunUser, log: Log): Promise<CertificateKeeper> {
    const { cert, key } = config.tls;
    const loaded =
      cert === undefined || key === undefined
        ? asUser(runUser, () => fromAuthority(config, log))
        : await fromFiles(config, cert, key);
    const keeper = new CertificateKeeper(config, runUser, log, loaded);
    tlsContext(config, keeper.material);
    keeper.#warn();
    return keeper;
  }

  get material(): TlsMaterial {
    return this.#material;
  }

  /**
   * Looks for newer certificates until `stop`, with the rights that are left.
   *
   * @returns lines for the operator
   */
  async begin(apply: ApplyTls): Promise<string[]> {
    this.#apply = apply;
    const unreadable = this.#source instanceof FilesSource ? await this.#source.begin() : undefined;
    this.#timers.push(
      setInterval(() => void this.look(), this.#source.everyMs),
      setInterval(() => this.#warn(), DAY_MS),
    );
    if (unreadable === undefined) return [];
    const { name, uid } = this.#runUser;
    this.#log.warn('certificate.unreadable', { file: unreadable, runsAs: name });
    return [
      `WARNING: ${unreadable} can't be read by ${name}, which sstpd has become: a renewed certificate needs a restart, ` +
        `or files that ${name} can read (install -o ${uid} -m 600 in what renews it)`,
    ];
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  /** One look. What can't be served is said, and the one before stays. */
  async look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const fresh = await this.#source.look(new Date());
      if (fresh !== undefined) await this.#change(fresh);
    } catch (error) {
      const line = isOperatorError(error) ? error.message : error instanceof Error ? error.stack : String(error);
      this.#log.error('certificate.not-renewed', { error: line, servedUntil: endOf(this.#certificate) });
    } finally {
      this.#isLooking = false;
    }
  }

  async #change(fresh: ServerCertificate): Promise<void> {
    const material = materialOf(fresh);
    tlsContext(this.#config, material); // here, not in a worker, OpenSSL may refuse it
    this.#certificate = fresh;
    this.#material = material;
    await this.#apply(material);
    const { dns, ip } = certificateNames(fresh.leaf);
    const { fingerprint256 } = fresh.leaf;
    this.#log.info('certificate.renewed', { names: [...dns, ...ip], until: endOf(fresh), sha256: fingerprint256 });
    this.#warn();
  }

  #warn(): void {
    for (const warning of warnings(this.#certificate, this.#config.hosts, new Date())) {
      this.#log.warn('certificate.warning', { warning });
    }
  }
}

function materialOf({ certificatePem, keyPem, source }: ServerCertificate): TlsMaterial {
  return { certificate: { certificatePem, keyPem, isOwn: source === 'own-ca' }, ticketKeys: randomBytes(48) };
}

function endOf({ leaf }: ServerCertificate): string {
  return leaf.validToDate.toISOString();
}

async function fromFiles(config: Config, cert: string, key: string): Promise<Loaded> {
  const source = new FilesSource(cert, key);
  const certificate = await source.load(new Date());
  const { dns, ip } = certificateNames(certificate.leaf);
  return { source, certificate, names: [...new Set([...config.hosts, ...dns, ...ip])], ca: undefined };
}

function fromAuthority(config: Config, log: Log): Loaded {
  const names = config.hosts.length > 0 ? config.hosts : machineNames();
  const source = new OwnSource(config.data, names, log);
  const { certificate, caPem, caFingerprint256 } = source.ensure(new Date());
  const ca = { file: join(config.data, 'ca.pem'), pem: caPem, fingerprint: caFingerprint256 };
  return { source, certificate, names, ca };
}
