/** The shell of the server in virtual time: real machines, pools and user store; doubles for TLS, the device and the web. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import type { TestContext } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { deserialize, serialize } from 'node:v8';
import type { AttemptView } from '../../admin/index.ts';
import { Authenticator, type LoginThrottle } from '../../auth/index.ts';
import type { Clock, Ipv4, Log, LogFields } from '../../core/index.ts';
import { ChunkPool, PlainPath } from '../../datapath/index.ts';
import { AddressPool, PrefixPool, SERVER_LINK_LOCAL } from '../../ip/index.ts';
import { type MethodRow, methodRows } from '../../ppp/index.ts';
import { Admission } from '../../server/admission/admission.ts';
import type { AdmissionLimit } from '../../server/admission/machine.ts';
import type { Ticket } from '../../server/admission/ticket.ts';
import { type FlagValues, loadConfig } from '../../server/config/index.ts';
import { Advertiser } from '../../server/connections/advertiser.ts';
import { Connection } from '../../server/connections/connection.ts';
import { ConnectionTable } from '../../server/connections/connection-table.ts';
import type { ServerContext } from '../../server/connections/server-context.ts';
import { LeaseDesk } from '../../server/control/lease-desk.ts';
import { LocalControl } from '../../server/control/local-control.ts';
import { LoginDesk } from '../../server/control/login-desk.ts';
import { PortalDesk } from '../../server/control/portal-desk.ts';
import type { SessionObserver } from '../../server/control/session-observer.ts';
import type { UserVerifier } from '../../server/control/user-login.ts';
import { Attempt } from '../../server/observe/explain/attempt.ts';
import { AttemptRing } from '../../server/observe/explain/attempt-ring.ts';
import type { CertificateFacts } from '../../server/observe/explain/facts.ts';
import { PortalAttempt } from '../../server/observe/explain/portal-attempt.ts';
import type { ToWorker } from '../../server/workers/messages.ts';
import { RemoteControl } from '../../server/workers/remote-control.ts';
import { bytesOf, readerOf } from '../../server/workers/spoken.ts';
import { type ControlMessage, WorkerDesk } from '../../server/workers/worker-desk.ts';
import { leasesOf, placesOf, usersOf } from '../../store/sqlite/sqlite-store.ts';
import { UserStore } from '../../store/sqlite/user-store.ts';
import type { TlsConnectionInfo } from '../../tls/index.ts';
import { MemoryTun } from '../../tun/index.ts';

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly event: string;
  readonly fields: LogFields;
}

/** Keeps every line, with the fields of the child log it was written to. */
export class RecordingLog implements Log {
  readonly lines: LogLine[];
  readonly #fields: LogFields;

  constructor(lines: LogLine[] = [], fields: LogFields = {}) {
    this.lines = lines;
    this.#fields = fields;
  }

  debug(event: string, fields: LogFields = {}): void {
    this.#add('debug', event, fields);
  }

  info(event: string, fields: LogFields = {}): void {
    this.#add('info', event, fields);
  }

  warn(event: string, fields: LogFields = {}): void {
    this.#add('warn', event, fields);
  }

  error(event: string, fields: LogFields = {}): void {
    this.#add('error', event, fields);
  }

  child(fields: LogFields): Log {
    return new RecordingLog(this.lines, { ...this.#fields, ...fields });
  }

  /** The lines of one event. */
  of(event: string): LogLine[] {
    return this.lines.filter((line) => line.event === event);
  }

  #add(level: LogLine['level'], event: string, fields: LogFields): void {
    this.lines.push({ level, event, fields: { ...this.#fields, ...fields } });
  }
}

/** What `Connection` uses of a TLSSocket. The test is the peer: it reads `takeWritten` and calls `deliver`. */
export class FakeSocket extends Duplex {
  /** While true, what is written stays with the peer's full window. */
  isStalled = false;
  isEnded = false;
  #written: Buffer[] = [];
  #stalled: (() => void)[] = [];

  constructor() {
    super({ allowHalfOpen: false });
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#written.push(Buffer.from(chunk));
    if (this.isStalled) this.#stalled.push(done);
    else done();
  }

  override _final(done: () => void): void {
    this.isEnded = true;
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.unstall();
    done(error);
  }

  /** What arrived at the peer since the last call. */
  takeWritten(): Buffer {
    const all = Buffer.concat(this.#written);
    this.#written = [];
    return all;
  }

  /** The peer reads again. */
  unstall(): void {
    this.isStalled = false;
    for (const done of this.#stalled.splice(0)) done();
  }

  /** Bytes from the peer. */
  deliver(bytes: Buffer): void {
    this.push(Buffer.from(bytes));
  }

  /** The peer closes its side. */
  deliverEnd(): void {
    this.push(null);
  }
}

/** Of a certificate that nobody needs to have: only its hashes enter the Crypto Binding. */
const CERTIFICATE = Buffer.from('not a certificate');
export const CERTIFICATE_HASHES: { readonly sha1: Buffer; readonly sha256: Buffer } = {
  sha1: createHash('sha1').update(CERTIFICATE).digest(),
  sha256: createHash('sha256').update(CERTIFICATE).digest(),
};

/** Ours, for the name in `World.connect`. */
export const CERTIFICATE_FACTS: CertificateFacts = {
  names: ['vpn.example.com'],
  isOwn: true,
  hasServerAuth: true,
  notAfter: new Date('2027-01-01'),
  covers: (name) => name === 'vpn.example.com',
};

export const START_DATE: Date = new Date('2024-03-01T12:00:00Z');

/** Lets everything happen that needs no time: microtasks, ticks of streams, turns of the loop. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 6; turn++) await new Promise((resolve) => setImmediate(resolve));
}

export interface WorldOptions {
  readonly flags?: FlagValues;
  readonly env?: NodeJS.ProcessEnv;
  /** Name, password and fixed address of each user. */
  readonly users?: readonly { readonly name: string; readonly password: string; readonly ipv4?: Ipv4 }[];
  readonly dns?: readonly Ipv4[];
  /** 24 unless told. */
  readonly prefixLength?: number;
  /** Users and addresses are in another process: what is said to it and back is serialized, and takes its time. */
  readonly isWorker?: boolean;
  readonly observers?: readonly SessionObserver[];
  /** Who judges logins instead of the passwords of the store, or before they do. */
  readonly verifier?: (passwords: Authenticator) => UserVerifier;
  /** Instead of those of `auth.methods`. */
  readonly methods?: readonly MethodRow[];
}

/** As the supervisor reads it. */
const fromWorker = readerOf(0);

/** One server without its listeners. Its clock, timers and dates stand still until `advance`. */
export class World {
  readonly context: ServerContext;
  readonly log: RecordingLog = new RecordingLog();
  readonly tun: MemoryTun = new MemoryTun();
  readonly chunks: ChunkPool = new ChunkPool();
  readonly path: PlainPath;
  readonly store: UserStore;
  readonly authenticator: Authenticator;
  readonly verifier: UserVerifier;
  readonly logins: LoginDesk;
  readonly leases: LeaseDesk;
  readonly control: LocalControl;
  readonly attempts: AttemptRing = new AttemptRing({ most: 1000, mostPerPeer: 50 });
  readonly certificate: CertificateFacts = CERTIFICATE_FACTS;
  readonly pool: AddressPool;
  readonly prefixes: PrefixPool | undefined;
  readonly table: ConnectionTable = new ConnectionTable();
  readonly admission: Admission;
  /** Sockets given to the web page, with what had been read. */
  readonly web: { readonly socket: Duplex; readonly bytes: Buffer }[] = [];
  /** The supervisor's side, if the world is a worker. */
  desk: WorkerDesk | undefined;
  /** What it has said and the worker has not heard yet, for as long as `stallSupervisor` lets it be so. */
  #unheard: (() => void)[] | undefined;
  readonly #test: TestContext;

  constructor(test: TestContext, options: WorldOptions = {}) {
    this.#test = test;
    test.mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: START_DATE.getTime() });
    const directory = mkdtempSync(join(tmpdir(), 'sstpd-unit-'));
    const { config } = loadConfig({ flags: { data: directory, ...options.flags }, env: options.env ?? {} });
    const clock: Clock = { now: () => Date.now() - START_DATE.getTime() };
    this.admission = new Admission(config.limits, { clock });
    this.store = UserStore.open(directory, { keep: config.users.keep });
    const cidr = { address: 0x0a090000, prefixLength: options.prefixLength ?? 24 };
    this.pool = new AddressPool({ cidr, serverAddress: 0x0a090001 });
    this.prefixes = config.pool.ipv6 === undefined ? undefined : new PrefixPool({ cidr: config.pool.ipv6 });
    for (const { name, password, ipv4 } of options.users ?? []) {
      this.store.add(name, password, { ipv4, weak: true });
      this.pool.setFixed(name, ipv4);
    }
    const advertiser =
      this.prefixes === undefined
        ? undefined
        : new Advertiser({ routerLinkLocal: SERVER_LINK_LOCAL, mtuBytes: config.network.mtu, dns: config.dns6 });
    this.path = new PlainPath({ tun: this.tun, clock, chunks: this.chunks, isolate: config.network.isolate });
    this.authenticator = new Authenticator({ store: usersOf(this.store) });
    this.leases = new LeaseDesk({
      pool: this.pool,
      prefixes: this.prefixes,
      log: this.log,
      book: leasesOf(this.store),
      routes: { add: () => {}, remove: () => {} },
      serverAddress: 0x0a090001,
      dns: options.dns ?? [0x09090909, 0x01010101],
      wins: config.wins,
      maxPerUser: config.users.maxPerUser,
      clientChoice: config.pool.clientChoice,
    });
    const { leases, store, log } = this;
    this.verifier = options.verifier?.(this.authenticator) ?? this.authenticator;
    const { verifier } = this;
    const { observers = [] } = options;
    const logins = new LoginDesk({ clock, log, places: placesOf(store), observers, random: () => 0 });
    this.logins = logins;
    const record = (address: string): PortalAttempt => new PortalAttempt(address);
    const recorded = (attempt: AttemptView): void => this.attempts.put(attempt);
    const portal = new PortalDesk({
      verifier,
      logins,
      users: usersOf(store),
      clock,
      log,
      facts: () => undefined,
      record,
      recorded,
    });
    this.control = new LocalControl({ verifier, logins, leases, portal, observers });
    const methods = options.methods ?? methodRows(config.auth.methods);
    this.context = {
      config,
      methods,
      clock,
      log: this.log,
      control: options.isWorker === true ? this.#asWorker() : this.control,
      path: this.path,
      attempts: {
        clock,
        log: this.log,
        certificate: () => this.certificate,
        methods,
        changed: (attempt) => {
          assert.ok(fromWorker(bytesOf({ kind: 'attempt', attempt })));
          this.attempts.put(attempt);
        },
      },
      congestionControl: '',
      advertiser,
      web: {
        handle: (socket, bytes) => void this.web.push({ socket, bytes }),
        close: () => Promise.resolve(),
      },
    };
    test.after(() => {
      advertiser?.stop();
      this.store.close();
      rmSync(directory, { recursive: true, force: true });
    });
  }

  /** Between `control` and the tunnels, all that is between supervisor and worker but the processes. */
  #asWorker(): RemoteControl {
    const over = <Message>(receive: (message: Message) => void): ((message: Message) => void) => {
      return (message) => {
        const bytes = serialize(message);
        queueMicrotask(() => receive(deserialize(bytes) as Message));
      };
    };
    const hear = (message: ToWorker): void => {
      if ('session' in message) remote.receive(message);
      else if (message.kind === 'portal-answered') remote.portalAnswered(message);
    };
    const remote = new RemoteControl((message) => {
      const bytes = bytesOf(message);
      queueMicrotask(() => this.desk?.receive(fromWorker(bytes) as ControlMessage));
    });
    const send = over((message: ToWorker) => {
      if (this.#unheard === undefined) hear(message);
      else this.#unheard.push(() => hear(message));
    });
    this.desk = new WorkerDesk({
      control: this.control,
      admission: this.admission,
      device: 'memory0',
      mostConnections: 100,
      send,
    });
    return remote;
  }

  /** Nothing of what the supervisor says arrives until the function is called that this returns. */
  stallSupervisor(): () => void {
    const unheard: (() => void)[] = [];
    this.#unheard = unheard;
    return () => {
      this.#unheard = undefined;
      for (const hear of unheard) hear();
    };
  }

  get throttle(): LoginThrottle {
    return this.logins.throttle;
  }

  /** Somebody has failed there, however long it took. */
  failLogin(address: string, user: string, times = 1): void {
    for (let time = 0; time < times; time++) {
      const turn = this.throttle.enter({ realm: 'vpn', address, user, isKnown: false }, this.now);
      this.throttle.settle(turn, 'refused', this.now);
    }
  }

  /** How long a stranger to everybody would wait there for a name of his own. */
  delayAt(address: string): number {
    const turn = this.throttle.enter({ realm: 'vpn', address, user: `probe of ${address}`, isKnown: false }, this.now);
    this.throttle.settle(turn, 'unjudged', this.now);
    return turn.hold?.ms ?? 0;
  }

  get now(): number {
    return this.context.clock.now();
  }

  /** A TLS connection, handshake done. */
  connect(
    options: {
      readonly address?: string;
      readonly refusal?: AdmissionLimit | undefined;
      readonly whenCounted?: Ticket['whenCounted'];
    } = {},
  ): Peer {
    const address = options.address ?? '192.0.2.7';
    const admitted = this.admission.open(address);
    if (typeof admitted === 'string') throw new Error('dropped at accept');
    const socket = new FakeSocket();
    const info: TlsConnectionInfo = {
      remoteAddress: address,
      remotePort: 50123,
      localAddress: '198.51.100.1',
      localPort: 443,
      tlsVersion: 'TLSv1.2',
      cipher: 'ECDHE-RSA-AES256-GCM-SHA384',
      alpn: undefined,
      sni: 'vpn.example.com',
      hello: undefined,
    };
    const attempt = new Attempt(this.context.attempts);
    const id = this.table.newId();
    attempt.tlsUp(id, info);
    const ticket: Ticket = {
      refusal: options.refusal ?? admitted.refusal,
      turnedAway: undefined,
      whenCounted: options.whenCounted ?? ((then) => admitted.whenCounted(then)),
      whenTurnedAway: (then) => admitted.whenTurnedAway(then),
      silent: () => admitted.silent(),
      authenticated: () => admitted.authenticated(),
      close: () => admitted.close(),
    };
    let closed = 0;
    const connection = new Connection({
      id,
      attempt,
      context: this.context,
      // Only a Duplex is needed; nothing here asks for the properties of TLS.
      socket: socket as unknown as TLSSocket,
      info,
      hashes: CERTIFICATE_HASHES,
      ticket,
      closed: (gone) => {
        closed += 1;
        ticket.close();
        this.table.remove(gone);
      },
    });
    this.table.add(connection);
    return { socket, connection, closedCalls: () => closed };
  }

  /** Lets time pass, in steps, since a timer may start the next. */
  async advance(ms: number, stepMs = 1): Promise<void> {
    await settle();
    for (let passed = 0; passed < ms; passed += stepMs) {
      this.#test.mock.timers.tick(Math.min(stepMs, ms - passed));
      await settle();
    }
  }
}

export interface Peer {
  readonly socket: FakeSocket;
  readonly connection: Connection;
  readonly closedCalls: () => number;
}
