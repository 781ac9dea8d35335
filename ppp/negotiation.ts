import { after, type Instant } from '../core/index.ts';
import { type AutomatonAction, type AutomatonEvent, type AutomatonState, transition } from './automaton.ts';
import { type ControlPacket, encodeControlPacket, isEssentialCode, MAX_REJECTED_LENGTH } from './control-packet.ts';
import type {
  NegotiationAction,
  NegotiationEvent,
  NegotiationOptions,
  NegotiationPolicy,
  NegotiationProblem,
} from './negotiation-types.ts';
import { decodeOptions, encodeOptions, type RawOption, sameOption } from './options.ts';

/** A layer that comes up this often is renegotiated for its own sake. */
const MAX_REOPENINGS = 20;
/** Requests of ours and refusals by us, as a multiple of maxConfigure, within one attempt to come up. */
const ROUNDS_PER_CONFIGURE = 4;
/**
 * Until something is sent for the second time. What was lost was lost because the peer was not listening yet: Open-SSTP-
 * Client drops what comes before the part that it is for has begun, and gives up after 3 s, which is RFC 1661 §4.6's
 * restart period.
 */
const FIRST_RESTART_MS = 1000;
const TIMED_STATES: ReadonlySet<AutomatonState> = new Set(['Closing', 'Stopping', 'Req-Sent', 'Ack-Rcvd', 'Ack-Sent']);

interface Request {
  readonly identifier: number;
  readonly options: Buffer;
  readonly firstSentAt: Instant;
  readonly sentAt: Instant;
}

interface Reply {
  readonly type: 'ConfigureAck' | 'ConfigureNak' | 'ConfigureReject';
  readonly options: Buffer;
}

/** What a step of the automaton needs to know about the packet that caused it. */
interface Cause<Option> {
  readonly identifier?: number;
  readonly reply?: Reply;
  readonly agreed?: readonly Option[];
  readonly bytes?: Uint8Array;
}

/** One run of the automaton of RFC 1661 §4 with the packets of §5; the policy says which protocol it is. */
export class Negotiation<Option> {
  readonly #policy: NegotiationPolicy<Option>;
  readonly #options: NegotiationOptions;
  #state: AutomatonState = 'Initial';
  #deadline: Instant | undefined;
  #isWaiting = false; // Up is held back, see startDelayMs
  #restarts = 0;
  #identifier = 0;
  /** Our last Configure-Request, and whether the peer still owes an answer to it. */
  #request: Request | undefined;
  #roundTripMs: number | undefined;
  #isAnswerDue = false;
  #naks = 0;
  #rounds = 0;
  #reopenings = 0;
  #hasHeardPeer = false;
  #hasHeardItself = false;
  #hasFailed = false;

  constructor(policy: NegotiationPolicy<Option>, options: NegotiationOptions) {
    this.#policy = policy;
    this.#options = options;
    this.#roundTripMs = options.roundTripMs;
  }

  get state(): AutomatonState {
    return this.#state;
  }

  get deadline(): Instant | undefined {
    return this.#deadline;
  }

  /** The longest time that the peer took to answer; undefined while it has not. */
  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
  }

  handle(event: NegotiationEvent, now: Instant): NegotiationAction[] {
    const out: NegotiationAction[] = [];
    switch (event.kind) {
      case 'up':
        this.#onUp(now, out);
        break;
      case 'down':
        this.#isWaiting = false;
        this.#deadline = undefined;
        this.#step('Down', now, out);
        break;
      case 'open':
        this.#step('Open', now, out);
        break;
      case 'close':
        if (this.#isWaiting) this.#deadline = undefined;
        this.#isWaiting = false;
        this.#step('Close', now, out);
        break;
      case 'timeout':
        this.#onTimeout(now, out);
        break;
      case 'packet':
        this.#onPacket(event.packet, event.bytes, now, out);
        break;
      case 'protocol-rejected':
        this.#step('RXJ-', now, out);
        break;
      default:
        event satisfies never;
    }
    this.#reportProblem(out);
    return out;
  }

  #onUp(now: Instant, out: NegotiationAction[]): void {
    if (this.#isWaiting || (this.#state !== 'Initial' && this.#state !== 'Starting')) return;
    this.#hasHeardPeer = false;
    this.#hasHeardItself = false;
    this.#hasFailed = false;
    this.#naks = 0;
    this.#rounds = 0;
    this.#isAnswerDue = false;
    if (this.#options.startDelayMs === 0) {
      this.#step('Up', now, out);
      return;
    }
    this.#isWaiting = true;
    this.#deadline = Number.isFinite(this.#options.startDelayMs) ? after(now, this.#options.startDelayMs) : undefined;
  }

  #endWait(now: Instant, out: NegotiationAction[]): void {
    this.#isWaiting = false;
    this.#deadline = undefined;
    this.#step('Up', now, out);
  }

  #onTimeout(now: Instant, out: NegotiationAction[]): void {
    if (this.#deadline === undefined || now < this.#deadline) return;
    if (this.#isWaiting) {
      this.#endWait(now, out);
    } else if (this.#restarts > 0) {
      this.#step('TO+', now, out);
    } else if (this.#hasHeardItself && !this.#hasHeardPeer && this.#state === 'Req-Sent') {
      this.#fail('loopback', out);
    } else {
      this.#step('TO-', now, out);
    }
  }

  #onPacket(packet: ControlPacket, bytes: Uint8Array, now: Instant, out: NegotiationAction[]): void {
    if (this.#isWaiting) {
      this.#hasHeardPeer = true;
      this.#endWait(now, out);
    }
    if (this.#state === 'Initial' || this.#state === 'Starting') return;
    if (packet.type !== 'ConfigureRequest') this.#hear();
    switch (packet.type) {
      case 'ConfigureRequest':
        this.#onConfigureRequest(packet.identifier, packet.options, now, out);
        return;
      case 'ConfigureAck':
        this.#onConfigureAck(packet.identifier, packet.options, now, out);
        return;
      case 'ConfigureNak':
      case 'ConfigureReject':
        this.#onRefusal(packet.type, packet.identifier, packet.options, now, out);
        return;
      case 'TerminateRequest':
        this.#step('RTR', now, out, { identifier: packet.identifier });
        return;
      case 'TerminateAck':
        // An unasked Terminate-Ack means that the peer is in need of renegotiation, so the Identifier does not matter.
        this.#step('RTA', now, out);
        return;
      case 'CodeReject': {
        const code = packet.rejected[0];
        if (code !== undefined) this.#step(isEssentialCode(code) ? 'RXJ-' : 'RXJ+', now, out);
        return;
      }
      case 'EchoRequest':
      case 'EchoReply':
      case 'DiscardRequest':
        this.#step(this.#options.isLcp ? 'RXR' : 'RUC', now, out, { bytes });
        return;
      case 'ProtocolReject':
      case 'Identification':
      case 'TimeRemaining':
        // For LCP they are not the automaton's: RFC 1661 §5.7, RFC 1570 §2.1 and §2.2.
        if (!this.#options.isLcp) this.#step('RUC', now, out, { bytes });
        return;
      case 'Unknown':
        this.#step('RUC', now, out, { bytes });
        return;
      default:
        packet satisfies never;
    }
  }

  #onConfigureRequest(identifier: number, bytes: Buffer, now: Instant, out: NegotiationAction[]): void {
    // Deviation: RFC 1661 §6.4 takes our Magic-Number for a loop. A pty that pppd has not made raw yet echoes what comes
    // early, and the real peer follows: pass over the copy.
    if (this.#policy.isDistinctive && this.#isOwnRequest(identifier, bytes)) {
      this.#hasHeardItself = true;
      return;
    }
    const raw = decodeOptions(bytes);
    if (raw === undefined) return;
    const isFirst = !this.#hasHeardPeer;
    this.#hear();
    // The peer begins only now, so it has dropped what we sent while we waited for it in vain.
    if (isFirst && this.#options.startDelayMs > 0 && this.#isAnswerDue && (this.#request?.sentAt ?? now) < now) {
      this.#step('TO+', now, out);
    }
    const options = raw.map((option) => this.#policy.decode(option));
    const reply = this.#judge(bytes, raw, options, out);
    if (reply === undefined) return;
    if (reply.type === 'ConfigureAck') this.#step('RCR+', now, out, { identifier, reply, agreed: options });
    else this.#step('RCR-', now, out, { identifier, reply });
  }

  #isOwnRequest(identifier: number, bytes: Buffer): boolean {
    return this.#request?.identifier === identifier && this.#request.options.equals(bytes);
  }

  /** RFC 1661 §5.2 to §5.4: Reject what is out of the question, then Nak what has the wrong value, then Ack. */
  #judge(bytes: Buffer, raw: RawOption[], options: Option[], out: NegotiationAction[]): Reply | undefined {
    const verdicts = options.map((option) => this.#policy.judge(option));
    const picked = (kind: 'nak' | 'reject') => raw.filter((_, i) => verdicts[i]?.kind === kind);
    const rejects = picked('reject');
    if (rejects.length > 0) return { type: 'ConfigureReject', options: encodeOptions(rejects) };
    const naks = verdicts.flatMap((verdict) => (verdict.kind === 'nak' ? [verdict.suggest] : []));
    const missing = this.#policy.missing(options);
    if (naks.length + missing.length === 0) return { type: 'ConfigureAck', options: bytes };
    if (this.#naks < this.#options.maxFailure) {
      const suggestions = [...naks, ...missing].map((option) => this.#policy.encode(option));
      return { type: 'ConfigureNak', options: encodeOptions(suggestions) };
    }
    if (naks.length > 0) return { type: 'ConfigureReject', options: encodeOptions(picked('nak')) };
    this.#fail('not-converging', out); // what is missing can't be rejected
    return undefined;
  }

  #onConfigureAck(identifier: number, options: Buffer, now: Instant, out: NegotiationAction[]): void {
    if (!this.#isAnswerDue || !this.#isOwnRequest(identifier, options)) return; // RFC 1661 §5.2: silently discarded
    this.#noteAnswer(now);
    this.#step('RCA', now, out);
  }

  #onRefusal(
    type: 'ConfigureNak' | 'ConfigureReject',
    identifier: number,
    bytes: Buffer,
    now: Instant,
    out: NegotiationAction[],
  ): void {
    const raw = decodeOptions(bytes);
    if (raw === undefined || !this.#isAnswerDue || this.#request?.identifier !== identifier) return;
    const options = raw.map((option) => this.#policy.decode(option));
    if (type === 'ConfigureReject') {
      // RFC 1661 §5.4: a Reject of something that we did not ask for is silently discarded.
      const asked = decodeOptions(this.#request.options) ?? [];
      if (raw.length === 0 || !raw.every((option) => asked.some((other) => sameOption(option, other)))) return;
      this.#policy.rejected(options);
    } else {
      this.#policy.nakked(options);
    }
    this.#noteAnswer(now);
    if (this.#policy.problem === undefined) this.#step('RCN', now, out);
  }

  /** From the first copy on, so that the round trip is not taken for less than it is. */
  #noteAnswer(now: Instant): void {
    this.#isAnswerDue = false;
    const ms = now - (this.#request?.firstSentAt ?? now);
    this.#roundTripMs = Math.max(this.#roundTripMs ?? 0, ms);
  }

  #step(event: AutomatonEvent, now: Instant, out: NegotiationAction[], cause: Cause<Option> = {}): void {
    const cell = transition(this.#state, event);
    if (cell === undefined) return;
    this.#state = cell.next;
    for (const action of cell.actions) {
      if (action === 'irc') {
        // RFC 1661 §4.4: what follows says which of the two counters it is.
        this.#restarts = cell.actions.includes('str') ? this.#options.maxTerminate : this.#options.maxConfigure;
      } else {
        this.#act(action, event === 'TO+', now, out, cause);
      }
    }
    if (!TIMED_STATES.has(this.#state)) this.#deadline = undefined;
  }

  /** One action of RFC 1661 §4.4. */
  #act(
    action: Exclude<AutomatonAction, 'irc'>,
    isRepeat: boolean,
    now: Instant,
    out: NegotiationAction[],
    cause: Cause<Option>,
  ): void {
    switch (action) {
      case 'tlu':
        this.#rounds = 0;
        out.push({ kind: 'up' });
        break;
      case 'tld':
        this.#reopenings += 1;
        out.push({ kind: 'down' });
        break;
      case 'tls':
        break; // the layer below is brought up by whoever opens us
      case 'tlf':
        out.push({ kind: 'finished' });
        break;
      case 'zrc':
        this.#restarts = 0;
        this.#deadline = after(now, this.#options.restartMs);
        break;
      case 'scr':
        this.#sendRequest(isRepeat, now, out);
        break;
      case 'sca':
      case 'scn':
        this.#sendReply(cause, out);
        break;
      case 'str':
        this.#restarts -= 1;
        this.#deadline = after(now, this.#options.restartMs);
        send(out, { type: 'TerminateRequest', identifier: this.#nextIdentifier(), data: Buffer.alloc(0) });
        break;
      case 'sta': {
        const identifier = cause.identifier ?? this.#nextIdentifier();
        send(out, { type: 'TerminateAck', identifier, data: Buffer.alloc(0) });
        break;
      }
      case 'scj': {
        const rejected = Buffer.from((cause.bytes ?? Buffer.alloc(0)).subarray(0, MAX_REJECTED_LENGTH));
        send(out, { type: 'CodeReject', identifier: this.#nextIdentifier(), rejected });
        break;
      }
      case 'ser':
        out.push({ kind: 'answer-echo' });
        break;
      default:
        action satisfies never;
    }
  }

  /** A request that was not answered goes out again unchanged, so that an answer to either copy counts. */
  #sendRequest(isRepeat: boolean, now: Instant, out: NegotiationAction[]): void {
    const unanswered = isRepeat && this.#isAnswerDue ? this.#request : undefined;
    const identifier = unanswered?.identifier ?? this.#nextIdentifier();
    const options =
      unanswered?.options ?? encodeOptions(this.#policy.request().map((option) => this.#policy.encode(option)));
    this.#request = { identifier, options, firstSentAt: unanswered?.firstSentAt ?? now, sentAt: now };
    this.#isAnswerDue = true;
    this.#restarts -= 1;
    this.#rounds += 1;
    this.#deadline = after(now, unanswered === undefined ? this.#firstRestartMs() : this.#options.restartMs);
    send(out, { type: 'ConfigureRequest', identifier, options });
  }

  /** The peer is there: a request that has not been repeated yet waits for its answer. */
  #hear(): void {
    if (this.#hasHeardPeer) return;
    this.#hasHeardPeer = true;
    const { firstSentAt, sentAt } = this.#request ?? {};
    if (this.#state !== 'Req-Sent' || sentAt === undefined || sentAt !== firstSentAt) return;
    this.#deadline = after(sentAt, this.#firstRestartMs());
  }

  /**
   * As long as the peer has said nothing, it has not had our Ack and can't be open, so a copy does no harm. Later one that
   * comes while the answer is under way would make an open peer start anew (RFC 1661 §4.1, RCR+ in Opened).
   */
  #firstRestartMs(): number {
    const { restartMs } = this.#options;
    if (!this.#hasHeardPeer) return Math.min(FIRST_RESTART_MS, restartMs);
    return firstRestartMs(restartMs, this.#roundTripMs);
  }

  #sendReply({ identifier = 0, reply, agreed }: Cause<Option>, out: NegotiationAction[]): void {
    if (reply === undefined) return;
    if (reply.type === 'ConfigureNak') this.#naks += 1;
    if (reply.type === 'ConfigureAck') this.#naks = 0;
    else this.#rounds += 1;
    if (agreed !== undefined) this.#policy.agreed(agreed);
    send(out, { type: reply.type, identifier, options: reply.options });
  }

  #nextIdentifier(): number {
    this.#identifier = (this.#identifier + 1) & 0xff;
    return this.#identifier;
  }

  #reportProblem(out: NegotiationAction[]): void {
    if (this.#policy.problem !== undefined) {
      this.#fail(this.#policy.problem, out);
    } else if (this.#rounds > ROUNDS_PER_CONFIGURE * this.#options.maxConfigure || this.#reopenings > MAX_REOPENINGS) {
      // RFC 1661's counters start anew with every answer, so a peer that always answers could go on for ever.
      this.#fail('not-converging', out);
    }
  }

  #fail(problem: NegotiationProblem, out: NegotiationAction[]): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#deadline = undefined;
    out.push({ kind: 'failed', problem });
  }
}

/**
 * When to repeat for the first time what a peer has not answered that is known to listen on the link: after 1 s, but not
 * while the answer may be under way.
 *
 * @param restartMs the Restart timer, which is the most
 */
export function firstRestartMs(restartMs: number, roundTripMs: number | undefined): number {
  return roundTripMs === undefined ? restartMs : Math.min(restartMs, Math.max(FIRST_RESTART_MS, 2 * roundTripMs));
}

function send(out: NegotiationAction[], packet: ControlPacket): void {
  out.push({ kind: 'send', payload: encodeControlPacket(packet) });
}
