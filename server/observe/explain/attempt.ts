import type { AttemptOptions, AttemptView } from '../../../admin/index.ts';
import type { Hold } from '../../../auth/index.ts';
import type { Clock, Instant, Log } from '../../../core/index.ts';
import { formatEndpoint } from '../../../core/index.ts';
import { describeFrame, type LinkEnd, type LinkFault, type MethodRow } from '../../../ppp/index.ts';
import type { Endpoints, TlsConnectionInfo, TlsFailure } from '../../../tls/index.ts';
import type { TurnedAway } from '../../admission/index.ts';
import type { EndReason, HttpEnd, Judgement } from '../../control/index.ts';
import { isBrowser } from './browser.ts';
import { cipherName } from './ciphers.ts';
import { diagnose } from './diagnose.ts';
import { type AttemptFacts, type CertificateFacts, newFacts } from './facts.ts';
import { noteClientFrame, noteServerFrame, textOf } from './frame-facts.ts';
import type { Stage } from './stage.ts';

/** Negotiations that go on for longer are the same over and over. */
const MOST_OPTIONS = 24;

export interface AttemptContext {
  readonly clock: Clock;
  readonly log: Log;
  /** Of the certificate that a client with this SNI is shown now. */
  readonly certificate: (serverName: string | undefined) => CertificateFacts;
  readonly methods: readonly MethodRow[];
  /** Told when there is something new to tell of an attempt. */
  readonly changed: (attempt: AttemptView) => void;
}

/** Writes down what happens to one connection, until it is over and can be explained. */
export class Attempt {
  #id = '';
  #peer = '';
  readonly #context: AttemptContext;
  readonly #startedAt = new Date();
  readonly #facts: AttemptFacts;
  readonly #reached: { readonly stage: Stage; readonly at: Instant }[];
  readonly #options: AttemptOptions[] = [];
  #certificate: CertificateFacts;
  #tls: string | undefined;
  #sni: string | undefined;
  #http: string | undefined;
  #correlationId: string | undefined;
  #user: string | undefined;
  #heldSince: Instant = 0;
  #endedAt: { readonly date: Date; readonly at: Instant } | undefined;
  /** It is over, and whom the name means is still to be heard. */
  #awaitsAnswer = false;

  /** At TCP accept. */
  constructor(context: AttemptContext) {
    this.#context = context;
    this.#certificate = context.certificate(undefined);
    this.#reached = [{ stage: 'tls', at: context.clock.now() }];
    this.#facts = newFacts(context.methods);
  }

  /** @param id of the connection from now on */
  tlsUp(id: string, info: TlsConnectionInfo): void {
    this.#id = id;
    this.#peer = formatEndpoint(info.remoteAddress, info.remotePort);
    this.#tls = `${info.tlsVersion} ${info.cipher}`;
    this.#sni = info.sni ?? info.hello?.serverName;
    this.#certificate = this.#context.certificate(info.sni);
    this.#facts.hello = info.hello;
    this.#facts.serverName = this.#sni;
    this.#facts.localAddress = info.localAddress;
    this.reach('http');
  }

  /** TLS was up before the connection came here. */
  tlsEndsInFront(): void {
    this.#facts.hasTlsInFront = true;
  }

  tlsFailed(id: string, failure: TlsFailure): void {
    const { hello, stage, code, alert, localAddress } = failure;
    this.#id = id;
    this.#peer = formatEndpoint(failure.remoteAddress, failure.remotePort);
    this.#facts.hello = hello;
    this.#facts.serverName = hello?.serverName;
    this.#facts.tls = { stage, code, alert };
    this.#facts.localAddress = localAddress;
    this.#sni = hello?.serverName;
    this.#certificate = this.#context.certificate(this.#sni);
    this.#end(alert === undefined ? `tls-${stage}` : `tls-alert ${alert}`);
  }

  spoke(): void {
    this.#facts.hasSpoken = true;
  }

  accepted(request: {
    readonly head: string;
    readonly host: string | undefined;
    readonly correlationId: string | undefined;
  }): void {
    this.#http = request.head;
    this.#correlationId = request.correlationId;
    this.#facts.host = request.host;
    this.reach('sstp');
    this.#tell();
  }

  /** It is ended for the sake of others; `end` follows. */
  turnedAway(why: TurnedAway): void {
    this.#facts.turnedAway = why;
  }

  /** The same, of a connection that came no further than TLS; this is its end. */
  turnedAwayAt(id: string, { remoteAddress, remotePort, localAddress }: Endpoints, why: TurnedAway): void {
    this.#id = id;
    this.#peer = formatEndpoint(remoteAddress, remotePort);
    this.#facts.localAddress = localAddress;
    this.turnedAway(why);
    this.end(why.kind);
  }

  refused(status: number, reason: string, limit?: AttemptFacts['limit']): void {
    this.#facts.http = { status, reason };
    this.#facts.limit = limit;
  }

  reach(stage: Stage): void {
    // A client may negotiate again as often as it likes: that is no attempt any more.
    if (this.#facts.stage === stage || this.#facts.wasUp || this.#endedAt !== undefined) return;
    this.#facts.stage = stage;
    this.#reached.push({ stage, at: this.#context.clock.now() });
    if (stage !== 'up') return;
    this.#facts.wasUp = true;
    this.#tell();
  }

  /**
   * A PPP frame that is no IP packet; of those only logins and negotiations are written down, until the session is up and
   * nothing is left to negotiate, and how the client ends a protocol.
   */
  frame(from: 'client' | 'server', frame: Buffer): void {
    const facts = this.#facts;
    if (from === 'client') facts.hasPpp = true;
    const isSettled = facts.wasUp && (facts.hadIpv4 || facts.ipcpFault !== undefined);
    if (isSettled && from === 'server') return;
    const summary = describeFrame(frame, this.#context.methods);
    if (summary === undefined) return;
    if (from === 'client') noteClientFrame(facts, summary);
    if (isSettled && summary.packet !== 'Terminate-Request') return;
    const text = textOf(summary);
    if (from === 'server') noteServerFrame(facts, summary);
    if (summary.packet === 'Configure-Request') {
      facts[from === 'client' ? 'lastClientOptions' : 'lastServerOptions'] = `${summary.protocol} ${text}`;
    }
    if (this.#options.length === MOST_OPTIONS) this.#options.shift();
    this.#options.push({ from, protocol: summary.protocol, packet: summary.packet, options: text });
  }

  /** LCP is open, and this is how the client is to log in. */
  lcpOpened(method: string): void {
    this.#facts.authMethod = this.#context.methods.find(({ name }) => name === method);
    this.reach('authentication');
  }

  /** @param suffices whether that makes a session of it */
  networkUp(protocol: 'ipv4' | 'ipv6', suffices: boolean): void {
    const facts = this.#facts;
    if (protocol === 'ipv4') facts.hadIpv4 = true;
    // How a protocol was ended before tells nothing of the end of a session that came up all the same.
    facts.farewells = protocol === 'ipv4' ? {} : { ...facts.farewells, IPv6CP: undefined };
    if (suffices) this.reach('up');
  }

  networkFailed(fault: LinkFault): void {
    if (fault.protocol === 'IPCP') this.#facts.ipcpFault ??= fault;
  }

  /** The proof that the client has sent goes to be judged. */
  answered(name: string): void {
    this.#facts.hasAnswered = true;
    this.#user ??= name;
  }

  judged(judgement: Extract<Judgement, { kind: 'judged' }>): void {
    const { verdict, reason, remark } = judgement;
    this.#user = judgement.user?.name ?? judgement.name;
    this.#facts.user = judgement.user?.name;
    this.#facts.held = undefined;
    this.#facts.auth = verdict.kind === 'reject' ? { reason, errorCode: verdict.errorCode, remark } : undefined;
  }

  /** The login has to wait, and why. */
  held(name: string, hold: Hold): void {
    this.#user = name;
    this.#heldSince = this.#context.clock.now();
    this.#facts.held = { hold, ms: 0, hasLeft: true };
    this.#awaitsAnswer = false;
    this.#tell();
  }

  /** The client is leaving before whoever has its proof said anything: the record waits for that, and for no more. */
  awaitAnswer(): void {
    this.#awaitsAnswer = true;
  }

  /** What was said of the proof of a client that has left. */
  answeredLate(judgement: Judgement): void {
    if (judgement.kind === 'judged') this.judged(judgement);
    else if (judgement.kind === 'held-back') this.heldBack(judgement.name, judgement.hold);
    this.#awaitsAnswer = false;
    if (this.#endedAt !== undefined) this.#tell();
  }

  /** Its turn did not come. */
  heldBack(name: string, hold: Hold): void {
    this.#user = name;
    this.#facts.held = { hold, ms: 0, hasLeft: false };
  }

  bindingFailed(wrong: readonly string[]): void {
    this.#facts.binding = wrong;
  }

  leased(address: string | undefined): void {
    this.#facts.address = address;
  }

  pppDown({ detail, fault }: LinkEnd): void {
    this.#facts.detail ??= detail;
    this.#facts.fault ??= fault;
  }

  /** Only the first end counts. */
  end(reason: EndReason | HttpEnd, detail?: string): void {
    this.#facts.detail ??= detail;
    this.#end(reason);
  }

  #end(reason: AttemptFacts['reason']): void {
    if (this.#endedAt !== undefined) return;
    // What offers HTTP/2 and never asked for SSTP was no attempt to connect, like a browser that got its page.
    if (this.#http === undefined && isBrowser(this.#facts.hello)) return;
    this.#facts.reason = reason;
    this.#facts.now = new Date();
    this.#endedAt = { date: this.#facts.now, at: this.#context.clock.now() };
    const { held } = this.#facts;
    if (held !== undefined) this.#facts.held = { ...held, ms: this.#endedAt.at - this.#heldSince };
    this.#facts.inStageMs = this.#endedAt.at - (this.#reached.at(-1)?.at ?? this.#endedAt.at);
    if (!this.#awaitsAnswer) this.#tell();
  }

  get view(): AttemptView {
    const facts = this.#facts;
    const { hello, tls, wasUp, stage } = facts;
    const isOver = this.#endedAt !== undefined;
    return {
      id: this.#id,
      correlationId: this.#correlationId,
      peer: this.#peer,
      startedAt: this.#startedAt.toISOString(),
      endedAt: this.#endedAt?.date.toISOString(),
      state: isOver ? (wasUp ? 'ended' : 'failed') : wasUp ? 'up' : 'under-way',
      user: this.#user,
      tls: this.#tls,
      sni: this.#sni,
      offered: hello && {
        versions: hello.versions.join(', '),
        ciphers: hello.ciphers.slice(0, MOST_OPTIONS).map(cipherName).join(', '),
        protocols: hello.protocols.join(', '),
      },
      alert: tls?.alert,
      http: this.#http,
      stage,
      stages: this.#durations(),
      options: [...this.#options],
      reason: isOver ? facts.reason : undefined,
      explanation: isOver ? diagnose(facts, this.#certificate) : undefined,
    };
  }

  #durations(): { stage: Stage; ms: number }[] {
    const end = this.#endedAt?.at ?? this.#context.clock.now();
    return this.#reached.map(({ stage, at }, index) => ({
      stage,
      ms: Math.round(((this.#reached[index + 1]?.at ?? end) - at) * 10) / 10,
    }));
  }

  /** A connection must not suffer for what is written about it. */
  #tell(): void {
    try {
      this.#context.changed(this.view);
    } catch (error) {
      this.#context.log.error('attempt.fault', { error: error instanceof Error ? error.stack : String(error) });
    }
  }
}
