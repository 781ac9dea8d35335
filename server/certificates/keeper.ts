import { allNames, certificateNames, type ServerCertificate, warnings } from '../../certs/index.ts';
import { asUser, isOperatorError, type Log } from '../../core/index.ts';
import { chooseByName } from '../../tls/index.ts';
import type { Config } from '../config/index.ts';
import { ownNames, type RunUser } from '../host/index.ts';
import { AcmeSource } from './acme-source.ts';
import { FilesSource } from './files-source.ts';
import { guardKey } from './issue.ts';
import { type AcmeChallenge, type ShownCertificate, type TlsMaterial, tlsContext } from './material.ts';
import { OcspStapler } from './ocsp-stapler.ts';
import type { OwnCa } from './own-ca.ts';
import { OwnSource } from './own-source.ts';
import type { CertificateSource } from './source.ts';
import { TicketKeys } from './ticket-keys.ts';

const DAY_MS = 86_400_000;

/** Gives the certificate to whoever serves it; resolved when it is what new connections get. */
export type ApplyTls = (material: TlsMaterial) => Promise<void>;

/** A certificate that took the place of another. */
export interface Renewal {
  readonly names: readonly string[];
  /** ISO 8601. */
  readonly until: string;
  readonly sha256: string;
}

/** A certificate that is served, and where the next one comes from. */
interface Served {
  readonly source: CertificateSource;
  certificate: ServerCertificate;
  isLooking: boolean;
  stapler: OcspStapler | undefined;
  staple: Buffer | undefined;
}

interface Loaded {
  readonly served: readonly [Served, ...Served[]];
  readonly names: readonly string[];
}

/** The certificates to serve, from the start on, and the newer ones that come while the server runs. */
export class CertificateKeeper {
  /** What clients may dial, the best first. */
  readonly names: readonly string[];
  readonly #config: Config;
  readonly #runUser: RunUser;
  readonly #log: Log;
  readonly #served: Loaded['served'];
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #tickets = new TicketKeys();
  #material: TlsMaterial;
  #apply: ApplyTls = async () => {};
  #renewed: (renewal: Renewal) => void = () => {};
  readonly #challenges = new Map<string, AcmeChallenge>();

  /** Of our own authority, if it is what the certificate comes from. */
  get ca(): OwnCa | undefined {
    const [{ source }] = this.#served;
    return source instanceof OwnSource ? source.ca : undefined;
  }

  /** The one for names that no other is for. */
  get first(): ServerCertificate {
    return this.certificates[0];
  }

  /** All that are served, that one first. */
  get certificates(): readonly [ServerCertificate, ...ServerCertificate[]] {
    const [first, ...others] = this.#served;
    return [first.certificate, ...others.map(({ certificate }) => certificate)];
  }

  private constructor(config: Config, runUser: RunUser, log: Log, loaded: Loaded) {
    this.#config = config;
    this.#runUser = runUser;
    this.#log = log;
    this.#served = loaded.served;
    this.#material = materialOf(loaded.served, [], this.#tickets.all);
    this.names = loaded.names;
  }

  /**
   * The operator's files if the configuration names them, read with the rights that we have; else our own authority's,
   * in the data directory, as its owner. The key of that authority becomes root's alone, in use or not, if we are root.
   *
   * @throws {CertificateError} @throws {TlsContextError}
   */
  static async load(config: Config, runUser: RunUser, log: Log): Promise<CertificateKeeper> {
    for (const warning of guardKey(config.data, runUser)) log.warn('certificate.warning', { warning });
    const loaded =
      (await fromFiles(config)) ??
      (await fromAcme(config, runUser, log)) ??
      (await fromAuthority(config, runUser, log));
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
  async begin(apply: ApplyTls, renewed: (renewal: Renewal) => void = () => {}): Promise<string[]> {
    this.#apply = apply;
    this.#renewed = renewed;
    const lines: string[] = [];
    for (const served of this.#served) {
      const { source } = served;
      const unreadable = source instanceof FilesSource ? await source.begin() : undefined;
      if (unreadable !== undefined) lines.push(this.#unreadable(unreadable));
      this.#timers.push(setInterval(() => void this.#look(served), source.everyMs));
      this.#staple(served);
      if (!(source instanceof AcmeSource)) continue;
      source.begin({
        showChallenge: (name, challenge) => this.#challenge(name, { ...challenge, names: [name] }),
        hideChallenge: (name) => this.#challenge(name, undefined),
      });
      if (served.certificate.source !== 'acme') lines.push(ordering(this.#config));
      void this.#look(served);
    }
    this.#timers.push(setInterval(() => this.#warn(), DAY_MS));
    this.#tickets.begin(() => this.#publishOr('certificate.ticket-keys'));
    return lines;
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#tickets.stop();
    for (const { source, stapler } of this.#served) {
      stapler?.stop();
      if (source instanceof AcmeSource) source.stop();
    }
  }

  /** One look at each source. */
  async look(): Promise<void> {
    for (const served of this.#served) await this.#look(served);
  }

  /** What can't be served is said, and the one before stays. */
  async #look(served: Served): Promise<void> {
    if (served.isLooking) return;
    served.isLooking = true;
    try {
      const fresh = await served.source.look(new Date());
      if (fresh !== undefined) await this.#change(served, fresh);
    } catch (error) {
      const line = isOperatorError(error) ? error.message : error instanceof Error ? error.stack : String(error);
      this.#log.error('certificate.not-renewed', { error: line, servedUntil: endOf(served.certificate) });
    } finally {
      served.isLooking = false;
    }
  }

  async #change(served: Served, fresh: ServerCertificate): Promise<void> {
    const before = { certificate: served.certificate, staple: served.staple };
    const tickets = this.#tickets.all;
    Object.assign(served, { certificate: fresh, staple: undefined });
    this.#tickets.replace();
    try {
      await this.#publish();
    } catch (error) {
      Object.assign(served, before);
      this.#tickets.restore(tickets);
      throw error;
    }
    this.#staple(served);
    const { leaf } = fresh;
    const renewal = { names: allNames(leaf), until: endOf(fresh), sha256: leaf.fingerprint256 };
    this.#log.info('certificate.renewed', renewal);
    this.#renewed(renewal);
    this.#warn();
  }

  /** Resolved when every process that accepts connections has it. */
  async #challenge(name: string, challenge: AcmeChallenge | undefined): Promise<void> {
    if (challenge === undefined) this.#challenges.delete(name);
    else this.#challenges.set(name, challenge);
    await this.#publish();
  }

  /** Has the responder asked that the certificate names, if it names one. */
  #staple(served: Served): void {
    served.stapler?.stop();
    const changed = (staple: Buffer | undefined): void => {
      served.staple = staple;
      this.#publishOr('certificate.no-staple');
    };
    served.stapler = OcspStapler.for(served.certificate, { log: this.#log, changed });
    void served.stapler?.begin();
  }

  /** What fails is logged as `event`, and what was served before goes on. */
  #publishOr(event: string): void {
    this.#publish().catch((error) => this.#log.error(event, { error: (error as Error).message }));
  }

  async #publish(): Promise<void> {
    const material = materialOf(this.#served, [...this.#challenges.values()], this.#tickets.all);
    tlsContext(this.#config, material); // OpenSSL may refuse it: here, not in a worker
    this.#material = material;
    await this.#apply(material);
  }

  #unreadable(file: string): string {
    const { name, uid } = this.#runUser;
    this.#log.warn('certificate.unreadable', { file, runsAs: name });
    return (
      `WARNING: ${file} can't be read by ${name}, which sstpd has become: a renewed certificate needs a restart, ` +
      `or files that ${name} can read (install -o ${uid} -m 600 in what renews it)`
    );
  }

  /** Each host against the certificate that a client is shown that dials it; for an address it sends no SNI. */
  #warn(): void {
    const shown = this.#material.certificates;
    const { hosts } = this.#config;
    for (const [index, { certificate }] of this.#served.entries()) {
      const dialled = hosts.filter((host) => chooseByName(shown, host.toLowerCase()) === index);
      for (const warning of warnings(certificate, dialled, new Date())) {
        this.#log.warn('certificate.warning', { warning });
      }
    }
  }
}

function materialOf(
  [first, ...others]: Loaded['served'],
  challenges: readonly AcmeChallenge[],
  ticketKeys: Buffer,
): TlsMaterial {
  return { certificates: [shownOf(first), ...others.map(shownOf)], challenges, ticketKeys };
}

function shownOf({ certificate, staple }: Served): ShownCertificate {
  const { certificatePem, keyPem, leaf, source } = certificate;
  const names = certificateNames(leaf).dns;
  return { certificatePem, keyPem, names, ocsp: staple, isOwn: source === 'own-ca' };
}

function newServed(source: CertificateSource, certificate: ServerCertificate): Served {
  return { source, certificate, isLooking: false, stapler: undefined, staple: undefined };
}

function endOf({ leaf }: ServerCertificate): string {
  return leaf.validToDate.toISOString();
}

/** @returns undefined if the configuration names none */
async function fromFiles({ tls, hosts }: Config): Promise<Loaded | undefined> {
  const names = new Set(hosts);
  const all: Served[] = [];
  for (const [index, cert] of tls.cert.entries()) {
    const source = new FilesSource(cert, tls.key[index] ?? cert);
    const certificate = await source.load(new Date());
    for (const name of allNames(certificate.leaf)) names.add(name);
    all.push(newServed(source, certificate));
  }
  const [first, ...others] = all;
  return first && { served: [first, ...others], names: [...names] };
}

/** @returns undefined unless the configuration wants it; until there is one, the own authority's certificate */
async function fromAcme(config: Config, runUser: RunUser, log: Log): Promise<Loaded | undefined> {
  if (!config.tls.acme.enabled) return undefined;
  const source = await AcmeSource.create(config, log);
  const stored = asUser(runUser, () => source.stored(new Date()));
  const certificate = stored ?? (await fromAuthority(config, runUser, log)).served[0].certificate;
  return { served: [newServed(source, certificate)], names: config.hosts };
}

function ordering({ hosts, tls }: Config): string {
  return (
    `a certificate for ${hosts.join(', ')} is being ordered from ${tls.acme.directory} (log: certificate.renewed); ` +
    "until it is there, clients are shown the own authority's"
  );
}

async function fromAuthority(config: Config, runUser: RunUser, log: Log): Promise<Loaded> {
  const { data: directory, hosts, tls } = config;
  const names = ownNames(hosts);
  const what = { directory, names, isBound: hosts.length > 0, isStopgap: tls.acme.enabled };
  const source = await OwnSource.load({ ...what, runUser, log }, new Date());
  return { served: [newServed(source, source.certificate)], names };
}
