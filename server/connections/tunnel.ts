import type { Account, Hold } from '../../auth/index.ts';
import { holdFields } from '../../auth/throttle/hold-text.ts';
import { formatIpv4, type Instant, type Ipv4, type Log } from '../../core/index.ts';
import { CallShell, type CallStep, type LinkLoad, type PeerLink } from '../../datapath/index.ts';
import { isRouterSolicitation, SERVER_INTERFACE_ID, SERVER_LINK_LOCAL } from '../../ip/index.ts';
import type { CredentialProof, LinkEnd, PppServerAction, PppServerEvent, PppServerLink } from '../../ppp/index.ts';
import type { SstpMessageError, SstpServerAction } from '../../sstp/index.ts';
import type { ControlSession, EndReason, Judgement, Policy } from '../control/index.ts';
import type { Attempt, Stage } from '../observe/reported.ts';
import type { ServerContext } from './server-context.ts';
import { type KnownHashes, newPppLink, newSstpMachine } from './tunnel-machines.ts';
import { TunnelNetwork } from './tunnel-network.ts';

/** The TLS stream below a tunnel. */
export interface TunnelStream {
  /** Descriptor of the TCP socket below, or -1. */
  readonly fd: number;
  write(bytes: Buffer, done: () => void): void;
  /** Closes in an orderly way once `flushed` resolves, by force if that takes too long. */
  end(flushed: Promise<void>): void;
  /** Closes without waiting for anything. */
  destroy(): void;
  /** Bytes of the client turned out not to be SSTP packets, or handling them failed. */
  broken(error: unknown): void;
}

/** What one SSTP connection looks like to an operator, and in its last log line. */
export interface TunnelView {
  readonly stage: Stage;
  readonly user: string | undefined;
  readonly method: string | undefined;
  readonly ipv4: string | undefined;
  readonly ipv6: string | undefined;
  /** Bytes of IP packets from and to the client. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Undefined without a lease. */
  readonly policy: Policy | undefined;
  readonly reason: EndReason | undefined;
}

/** What a client may send before it has logged in: the longest negotiation there is takes some kilobytes. */
const MOST_BEFORE_LOGIN = 65_536;
/** A read or a frame of a single byte costs as much work as one of so many. */
const LEAST_CHARGE = 64;

type LoginNamed = Pick<CredentialProof, 'name' | 'method'>;

/**
 * One client from the HTTP answer to the end: what the server does with the actions of the SSTP machine and the PPP link,
 * whose shell is `CallShell`. Once it has ended no action is carried out any more: nothing is taken that nobody returns.
 */
export class Tunnel {
  readonly id: string;
  readonly #context: ServerContext;
  readonly #stream: TunnelStream;
  readonly #certificateHashes: KnownHashes;
  readonly #log: Log;
  readonly #attempt: Attempt;
  readonly #authenticated: () => void;
  readonly #ppp: PppServerLink;
  readonly #link: PeerLink;
  readonly #shell: CallShell<SstpServerAction, PppServerEvent, PppServerAction>;
  readonly #session: ControlSession;
  readonly #network: TunnelNetwork;
  readonly #startedAt: Instant;
  /** Bytes that the client may still send before it has logged in. */
  #leftBeforeLogin = MOST_BEFORE_LOGIN;
  #ended = false;
  #stage: Stage = 'sstp';
  #user: Account | undefined;
  #method: string | undefined;
  /** Of the login that goes on. */
  #proof: LoginNamed | undefined;
  #reason: EndReason | undefined;
  /** A login that waits for its turn, under the name that it is found by. */
  #held: { readonly login: LoginNamed; readonly hold: Hold; readonly since: Instant } | undefined;
  /** How long the accepted login was held back. */
  #delayMs = 0;

  /**
   * @param options.authenticated called when the Crypto Binding is verified, for the connection limits: from there on
   *   `users.maxPerUser` counts, so no account can have more of them than that
   * @param options.certificateHashes of the certificate this very connection was made with
   * @param options.isPppListening whether LCP may begin at once, as the client said in its HTTP request
   * @param options.isOnePacketReader whether the client takes no more than one packet of a TLS record
   */
  constructor(options: {
    readonly id: string;
    readonly context: ServerContext;
    readonly stream: TunnelStream;
    readonly peerAddress: string;
    readonly certificateHashes: KnownHashes;
    readonly isPppListening: boolean;
    readonly isOnePacketReader: boolean;
    readonly log: Log;
    readonly attempt: Attempt;
    readonly authenticated: () => void;
  }) {
    const { config, clock } = options.context;
    this.id = options.id;
    this.#context = options.context;
    this.#stream = options.stream;
    this.#certificateHashes = options.certificateHashes;
    this.#authenticated = options.authenticated;
    this.#log = options.log;
    this.#attempt = options.attempt;
    this.#startedAt = clock.now();
    this.#ppp = newPppLink(config, options.context.methods, options);
    this.#link = this.#newLink(options.isOnePacketReader);
    this.#shell = this.#newShell();
    this.#session = options.context.control.open({
      id: this.id,
      peerAddress: options.peerAddress,
      device: options.context.path.name,
      replace: () => {
        this.replace();
        return undefined;
      },
      setPolicy: (policy) => this.setPolicy(policy),
      disconnect: (reason) => this.disconnect(reason),
    });
    this.#network = new TunnelNetwork(options.context, this.#link, this.#session);
    this.#shell.begin(newSstpMachine(config, options.certificateHashes));
  }

  /** Bytes from the client behind the HTTP request. @throws SstpFramingError if they are not SSTP packets */
  receive(chunk: Buffer): void {
    this.#charge(chunk.length);
    if (!this.#ended) this.#link.receive(chunk);
  }

  /** The client sends nothing more: what came of it so far counts. */
  drain(): void {
    if (!this.#ended) this.#link.drain();
  }

  /** Ends the session in order: LCP Terminate-Request, then Call Disconnect with Status Info (MS-SSTP 3.3.4). */
  disconnect(reason: EndReason): void {
    if (this.#ended || this.#reason !== undefined) return;
    this.#reason = reason;
    this.#post({ to: 'ppp', event: { kind: 'terminate', reason } });
  }

  /** What counts for the packets that come from now on. */
  setPolicy(policy: Policy): void {
    if (this.#ended) return;
    this.#network.setPolicy(policy);
    this.#log.info('session.policy-set', { user: this.#user?.name, revision: policy.revision });
  }

  /** Gives up the address at once, for the user's next connection, then disconnects. */
  replace(): void {
    this.#network.release();
    this.disconnect('replaced-by-new-connection');
  }

  /** The stream below is gone, or is to be treated so. Releases everything; may be called again. */
  end(reason: EndReason): void {
    if (this.#ended) return;
    this.#ended = true;
    const { ending } = this.#ppp;
    if (ending !== undefined) this.#attempt.pppDown(ending);
    this.#reason ??= ending?.reason ?? reason;
    if (this.#held !== undefined) {
      const { login, hold, since } = this.#held;
      this.#onHeldBack(login, hold, Math.round(this.#context.clock.now() - since));
    }
    this.#shell.halt();
    this.#network.release();
    const { bytesIn, bytesOut } = this.#link.counters;
    if (this.#session.close({ reason: this.#reason, bytesIn, bytesOut })) this.#attempt.awaitAnswer();
    this.#link.stop();
  }

  get load(): LinkLoad {
    return this.#link.load;
  }

  get view(): TunnelView {
    const { bytesIn, bytesOut } = this.#link.counters;
    return {
      stage: this.#stage,
      user: this.#user?.name,
      method: this.#method,
      ipv4: this.#network.ipv4,
      ipv6: this.#network.ipv6,
      policy: this.#network.policy,
      bytesIn,
      bytesOut,
      reason: this.#reason,
    };
  }

  get stage(): Stage {
    return this.#stage;
  }

  get method(): string | undefined {
    return this.#method;
  }

  /** What was dropped, by reason, where it is not 0. */
  get drops(): Readonly<Record<string, number>> | undefined {
    const dropped = Object.entries(this.#link.counters).filter(
      ([name, count]) => name.startsWith('drops') && count > 0,
    );
    return dropped.length === 0 ? undefined : Object.fromEntries(dropped);
  }

  #newLink(isOnePacketReader: boolean): PeerLink {
    const { path, config, congestionControl, advertiser } = this.#context;
    const owner = {
      control: (packet: Buffer) => {
        this.#charge(0);
        this.#shell.control(packet);
      },
      pppFrame: (frame: Buffer) => {
        this.#charge(0);
        this.#shell.pppFrame(frame);
      },
      received: () => this.#shell.received(),
      write: (bytes: Buffer, done: () => void) => this.#stream.write(bytes, done),
      overflow: () => this.#fail('peer-not-reading'),
      broken: (error: unknown) => this.#stream.broken(error),
    };
    const options = {
      ingress: 'from-client',
      serverLinkLocal: SERVER_LINK_LOCAL,
      mostQueuedBytes: config.limits.queueBytes,
      isOnePacketReader,
      onLinkLocal: (link: PeerLink, packet: Buffer) => {
        if (isRouterSolicitation(packet, 0, packet.length)) advertiser?.advertise(link);
      },
    } as const;
    const link = path.makeLink(owner, options);
    link.setSocket({ fd: this.#stream.fd, congestionControl });
    return link;
  }

  #newShell(): CallShell<SstpServerAction, PppServerEvent, PppServerAction> {
    const owner = {
      sstp: (action: SstpServerAction) => this.#carryOutSstp(action),
      ppp: (action: PppServerAction) => this.#carryOutPpp(action),
      frame: (frame: Buffer) => this.#attempt.frame('client', frame),
      badMessage: ({ message, status }: SstpMessageError) => this.#log.warn('sstp.bad-message', { message, status }),
      moved: (machine: 'sstp' | 'ppp', from: string, to: string) =>
        this.#log.debug(machine === 'sstp' ? 'sstp.state' : 'ppp.phase', { from, to }),
      fault: (error: unknown) => {
        this.#log.error('connection.fault', { error: error instanceof Error ? error.stack : String(error) });
        this.#fail('internal-error');
      },
    };
    const options = { owner, clock: this.#context.clock, link: this.#link, ppp: this.#ppp };
    return new CallShell<SstpServerAction, PppServerEvent, PppServerAction>(options);
  }

  #reach(stage: Stage): void {
    this.#stage = stage;
    this.#attempt.reach(stage);
  }

  #post(step: CallStep<PppServerEvent>): void {
    this.#shell.post(step);
  }

  #guarded(work: () => void): void {
    this.#shell.guarded(work);
  }

  #carryOutSstp(action: SstpServerAction): void {
    switch (action.kind) {
      case 'send':
        break;
      case 'ppp-up':
        this.#reach('lcp');
        break;
      case 'data-open':
        this.#reach('network');
        this.#leftBeforeLogin = Number.POSITIVE_INFINITY;
        this.#authenticated();
        break;
      case 'ppp-down':
        this.#network.release();
        break;
      case 'binding-failed':
        this.#onBindingFailed(action);
        break;
      case 'peer-status':
        this.#log.info('sstp.peer-status', statusFields(action));
        break;
      case 'close':
        this.#close(action.reason);
        break;
      default:
        action satisfies never;
    }
  }

  #carryOutPpp(action: PppServerAction): void {
    switch (action.kind) {
      case 'send':
        this.#attempt.frame('server', action.frame);
        break;
      case 'lcp-opened':
        this.#stage = 'authentication';
        this.#attempt.lcpOpened(action.authMethod);
        this.#log.debug('lcp.opened', { peerMru: action.peerMru, method: action.authMethod });
        break;
      case 'verify-credentials':
        this.#verify(action.proof);
        break;
      case 'respond':
        this.#respond(action.payload);
        break;
      case 'authenticated':
        this.#reach('binding');
        this.#method = action.method;
        this.#log.info('auth.accepted', { user: this.#user?.name, method: action.method, delayMs: this.#delayMs });
        break;
      case 'auth-failed':
        // Logged where it was judged. The client may hang up before the link is down, and that is not why it ended.
        if (action.final) this.#reason ??= 'auth-failed';
        break;
      case 'lease-address':
        this.#leaseAddress();
        break;
      case 'choose-address':
        this.#chooseAddress(action.wish);
        break;
      case 'ipv4-up':
        if (this.#network.openIpv4()) this.#onUp('ipv4', action.suffices, this.#network.ipv4);
        break;
      case 'ipv6-up':
        if (this.#network.openIpv6()) this.#onUp('ipv6', action.suffices, this.#network.ipv6);
        break;
      case 'ipv4-down':
        this.#network.closeIpv4();
        break;
      case 'ipv6-down':
        this.#network.closeIpv6();
        break;
      case 'network-failed':
        this.#attempt.networkFailed(action.fault);
        this.#log.debug('ppp.network-failed', { ...action.fault });
        break;
      case 'peer-info':
        this.#log.debug('lcp.identification', { text: action.text });
        break;
      case 'terminating':
        this.#reason ??= action.reason;
        this.#log.debug('ppp.terminating', { reason: action.reason, detail: action.detail });
        break;
      case 'down':
        this.#onPppDown(action);
        break;
      default:
        action satisfies never;
    }
  }

  /** Without a login nobody has work done for him without end. */
  #charge(bytes: number): void {
    this.#leftBeforeLogin -= Math.max(bytes, LEAST_CHARGE);
    if (this.#leftBeforeLogin < 0) this.#fail('too-much-before-login');
  }

  #verify(proof: CredentialProof): void {
    this.#attempt.answered(proof.name);
    this.#proof = { name: proof.name, method: proof.method };
    const { clock } = this.#context;
    this.#session.verify(
      proof,
      (judgement) => this.#guarded(() => this.#onJudged(proof, judgement)),
      (hold, name) => {
        const login = { name, method: proof.method };
        if (this.#ended) this.#onHeldBack(login, hold, 0);
        else this.#held = { login, hold, since: clock.now() };
        this.#attempt.held(name, hold);
      },
    );
  }

  /** The client's answer to the words of a `continue`, in the login that goes on. */
  #respond(payload: Uint8Array): void {
    const proof = this.#proof;
    if (proof === undefined) return;
    this.#session.respond(payload, (judgement) => this.#guarded(() => this.#onJudged(proof, judgement)));
  }

  #onJudged(proof: LoginNamed, judgement: Judgement): void {
    if (this.#ended) {
      this.#onJudgedLate(proof, judgement);
      return;
    }
    this.#held = undefined;
    if (judgement.kind === 'continue') {
      const { payload } = judgement;
      this.#post({ to: 'ppp', event: { kind: 'verdict', verdict: { kind: 'continue', payload } } });
      return;
    }
    if (judgement.kind === 'fault') {
      this.#log.error('connection.fault', { error: judgement.error });
      this.#fail('internal-error');
      return;
    }
    if (judgement.kind === 'held-back') {
      const { hold, name, delayMs } = judgement;
      this.#onHeldBack({ name, method: proof.method }, hold, delayMs);
      this.#attempt.heldBack(name, hold);
      this.disconnect('held-back');
      return;
    }
    const { verdict, user, delayMs } = judgement;
    this.#attempt.judged(judgement);
    if (verdict.kind === 'accept') {
      this.#user = user;
      this.#delayMs = delayMs;
    } else this.#logRefused(proof, judgement);
    this.#post({ to: 'ppp', event: { kind: 'verdict', verdict } });
  }

  /** The client has left: the record and the log say what was found all the same, or guesses would leave no trace. */
  #onJudgedLate(proof: LoginNamed, judgement: Judgement): void {
    this.#attempt.answeredLate(judgement);
    if (judgement.kind !== 'judged') return;
    const { verdict, user, delayMs } = judgement;
    if (verdict.kind === 'accept') this.#log.info('auth.accepted', { user: user?.name, method: proof.method, delayMs });
    else this.#logRefused(proof, judgement);
  }

  #logRefused({ method }: LoginNamed, judgement: Extract<Judgement, { kind: 'judged' }>): void {
    const { verdict, reason, name: user, remark, delayMs } = judgement;
    const errorCode = verdict.kind === 'reject' ? verdict.errorCode : undefined;
    this.#log.warn('auth.refused', { user, method, reason, errorCode, remark, delayMs });
  }

  /** Nobody looked at the proof: a refusal would say that it is wrong. */
  #onHeldBack({ name, method }: LoginNamed, hold: Hold, delayMs: number): void {
    this.#log.warn('auth.held-back', { user: name, method, ...holdFields(hold, delayMs) });
  }

  #leaseAddress(): void {
    this.#network.lease((lease) =>
      this.#guarded(() => {
        this.#attempt.leased(lease && formatIpv4(lease.ipv4.address));
        if (lease === undefined) this.#log.error('pool.exhausted', { user: this.#user?.name });
        this.#post({
          to: 'ppp',
          event: {
            kind: 'lease',
            ipv4: lease?.ipv4,
            hasIpv6: lease?.ipv6 !== undefined,
            interfaceId: lease?.interfaceId ?? new Uint8Array(8),
            serverInterfaceId: SERVER_INTERFACE_ID,
          },
        });
      }),
    );
  }

  #chooseAddress(wish: Ipv4): void {
    this.#network.choose(wish, (address) =>
      this.#guarded(() => {
        if (address === undefined) return; // the lease is gone, and so is the link soon
        this.#attempt.leased(formatIpv4(address));
        this.#post({ to: 'ppp', event: { kind: 'address', address } });
      }),
    );
  }

  /** RFC 1661 3.7: the session is up with a protocol that suffices. IPv6CP without addresses is opened for strict clients. */
  #onUp(protocol: 'ipv4' | 'ipv6', suffices: boolean, address: string | undefined): void {
    this.#attempt.networkUp(protocol, suffices);
    if (!suffices) {
      this.#log.debug('ppp.link-local', { protocol });
      return;
    }
    this.#stage = 'up';
    this.#session.up();
    const ms = Math.round(this.#context.clock.now() - this.#startedAt);
    this.#log.info('connection.up', { protocol, user: this.#user?.name, address, method: this.#method, ms });
  }

  #onBindingFailed(action: Extract<SstpServerAction, { kind: 'binding-failed' }>): void {
    const { wrong, clientCertificateHash } = action.verdict;
    this.#reason = 'crypto-binding-failed';
    this.#attempt.bindingFailed(wrong);
    const onlyCertificate = wrong.length === 1 && wrong[0] === 'certificate-hash';
    this.#log.warn('sstp.binding-failed', {
      explanation: onlyCertificate
        ? 'client saw another certificate: TLS interception or offload in between'
        : 'the Crypto Binding of the client does not fit this connection',
      wrong,
      clientCertificateHash: Buffer.from(clientCertificateHash).toString('hex'),
      ourSha1: hex(this.#certificateHashes.sha1),
      ourSha256: hex(this.#certificateHashes.sha256),
      innerAuth: action.innerAuth,
    });
  }

  #onPppDown(end: LinkEnd): void {
    const { reason, detail } = end;
    this.#reason ??= reason;
    this.#attempt.pppDown(end);
    this.#log.debug('ppp.down', { reason, detail });
    this.#network.release();
  }

  /** Something only the shell sees. There is nothing to tell the peer, or no way to. */
  #fail(reason: EndReason): void {
    this.#reason ??= reason;
    this.end(reason);
    this.#stream.destroy();
  }

  #close(reason: EndReason): void {
    this.end(reason);
    this.#stream.end(this.#link.flushed());
  }
}

function statusFields(action: Extract<SstpServerAction, { kind: 'peer-status' }>): Record<string, unknown> {
  const info = action.statusInfo;
  return { message: action.message, status: info?.status, attributeId: info?.attributeId };
}

function hex(bytes: Uint8Array | undefined): string | undefined {
  return bytes && Buffer.from(bytes).toString('hex');
}
