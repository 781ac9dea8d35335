import type { AttemptOptions, AttemptView } from '../../admin/index.ts';
import type { Clock, Instant, Log } from '../../core/index.ts';
import { type AuthMethod, describeFrame, formatOptions, protocolName } from '../../ppp/index.ts';
import { formatEndpoint, type TlsConnectionInfo, type TlsFailure } from '../../tls/index.ts';
import type { Judgement } from '../control-plane.ts';
import type { Stage } from '../tunnel.ts';
import { cipherName } from './ciphers.ts';
import { diagnose } from './diagnose.ts';
import type { AttemptFacts, CertificateFacts } from './facts.ts';

/** Negotiations that go on for longer are the same over and over. */
const MOST_OPTIONS = 24;
const MOST_OPTION_LENGTH = 200;

export interface AttemptContext {
  readonly clock: Clock;
  readonly log: Log;
  /** Of the certificate that a client with this SNI is shown now. */
  readonly certificate: (serverName: string | undefined) => CertificateFacts;
  readonly methods: readonly AuthMethod[];
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
  #endedAt: { readonly date: Date; readonly at: Instant } | undefined;

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
    this.reach('http');
  }

  tlsFailed(id: string, failure: TlsFailure): void {
    const { hello, stage, code, alert } = failure;
    this.#id = id;
    this.#peer = formatEndpoint(failure.remoteAddress, failure.remotePort);
    this.#facts.hello = hello;
    this.#facts.tls = { stage, code, alert };
    this.#sni = hello?.serverName;
    this.#certificate = this.#context.certificate(this.#sni);
    this.end(alert === undefined ? `tls-${stage}` : `tls-alert ${alert}`);
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

  /** A PPP frame that is no IP packet; of those only the negotiation is written down. */
  frame(from: 'client' | 'server', frame: Buffer): void {
    if (from === 'client') this.#facts.hasPpp = true;
    if (this.#facts.wasUp) return;
    const summary = describeFrame(frame);
    if (summary === undefined) return;
    const { protocol, packet, options, rejectedProtocol } = summary;
    const rejected = rejectedProtocol === undefined ? undefined : protocolName(rejectedProtocol);
    const text = (rejected ?? formatOptions(options)).slice(0, MOST_OPTION_LENGTH);
    if (this.#options.length === MOST_OPTIONS) this.#options.shift();
    this.#options.push({ from, protocol, packet, options: text });
    const facts = this.#facts;
    if (rejected !== undefined) {
      const list = from === 'client' ? 'clientRejected' : 'weRejected';
      if (!facts[list].includes(rejected)) facts[list] = [...facts[list], rejected];
    } else if (packet === 'Configure-Request') {
      facts[from === 'client' ? 'lastClientOptions' : 'lastServerOptions'] = `${protocol} ${text}`;
      const address = options.find(({ name }) => name === 'IP-Address')?.value;
      if (from === 'client' && protocol === 'IPCP' && address !== undefined) facts.addressWish = wish(address);
    } else if (from === 'client' && packet === 'Configure-Nak') {
      const method = options.find(({ name }) => name === 'Authentication-Protocol')?.value;
      if (method !== undefined) facts.authWish = method;
    }
  }

  judged(name: string, judgement: Extract<Judgement, { kind: 'judged' }>): void {
    const { verdict, reason } = judgement;
    this.#user = judgement.user?.name ?? name;
    this.#facts.auth = verdict.kind === 'reject' ? { reason, errorCode: verdict.errorCode } : undefined;
  }

  bindingFailed(wrong: readonly string[]): void {
    this.#facts.binding = wrong;
  }

  leased(address: string | undefined): void {
    this.#facts.address = address;
  }

  pppDown(detail: string): void {
    this.#facts.detail ??= detail;
  }

  /** Only the first end counts. */
  end(reason: string): void {
    if (this.#endedAt !== undefined) return;
    this.#facts.reason = reason;
    this.#facts.now = new Date();
    this.#endedAt = { date: this.#facts.now, at: this.#context.clock.now() };
    this.#tell();
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

/** A client without a wish asks for 0.0.0.0 (RFC 1332 3.3). */
function wish(address: string): string | undefined {
  return address === '0.0.0.0' ? undefined : address;
}

function newFacts(ourMethods: readonly AuthMethod[]): AttemptFacts {
  return {
    stage: 'tls',
    reason: '',
    detail: undefined,
    wasUp: false,
    hello: undefined,
    tls: undefined,
    hasSpoken: false,
    host: undefined,
    http: undefined,
    limit: undefined,
    auth: undefined,
    ourMethods,
    authWish: undefined,
    weRejected: [],
    clientRejected: [],
    addressWish: undefined,
    address: undefined,
    binding: undefined,
    lastClientOptions: undefined,
    lastServerOptions: undefined,
    hasPpp: false,
    now: new Date(0),
  };
}
