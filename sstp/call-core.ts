import { after, type Instant } from '../core/index.ts';
import type { EndingState, SstpCallAction, SstpCallEvent, SstpCloseReason } from './call.ts';
import { CallEnding, isEndingState, withPppDown } from './call-ending.ts';
import { AttributeId, Status } from './constants.ts';
import type { InnerAuth } from './crypto-binding.ts';
import { HelloTimer } from './hello-timer.ts';
import type { SstpMessage, SstpMessageError } from './message.ts';

/** The states of one side, in their order. */
export interface CallStates<Own extends string> {
  /** Until the HTTP exchange is over. */
  readonly disconnected: Own;
  /** A Call Connect Request is to be answered. */
  readonly requested: Own;
  /** PPP control frames may pass; the Crypto Binding is to come. */
  readonly acknowledged: Own;
  /** PPP data frames may pass, too. */
  readonly connected: Own;
}

export interface CallTimers {
  /** For the Call Connect Request, and again for the Call Connected; 60,000 in MS-SSTP 3.2.2.1 and 3.3.2.1. */
  readonly negotiationMs: number;
  /** 60,000 in MS-SSTP 3.1.2.3. */
  readonly helloMs: number;
}

/** Messages that mean the same on either side. */
type CommonType = 'CallAbort' | 'CallDisconnect' | 'EchoRequest' | 'EchoResponse' | 'CallDisconnectAck';
export type OwnMessage = Exclude<SstpMessage, { readonly type: CommonType }>;

/**
 * What client and server have in common over one SSTP connection, MS-SSTP 3.1: the order of the states, the two timers, Echo,
 * and the end. `deadline` says when it wants a `timeout` event, and is always later than the last `now` of `handle`.
 */
export abstract class SstpCallCore<Own extends string, Action extends { readonly kind: string }> {
  readonly #states: CallStates<Own>;
  readonly #negotiationMs: number;
  readonly #hello: HelloTimer;
  readonly #ending: CallEnding;
  #state: Own;
  #negotiationDeadline: Instant | undefined;

  /**
   * @param initialState where a test wants to start; a connection starts in `states.disconnected`
   * @param now when `initialState` was entered
   * @throws {RangeError} if a timer is not positive
   */
  constructor(states: CallStates<Own>, timers: CallTimers, initialState: Own | EndingState, now: Instant) {
    const { negotiationMs, helloMs } = timers;
    if (!(negotiationMs > 0) || !(helloMs > 0)) throw new RangeError('timer is not positive');
    this.#states = states;
    this.#negotiationMs = negotiationMs;
    this.#hello = new HelloTimer(helloMs, now);
    const isEnding = isEndingState(initialState);
    this.#ending = new CallEnding(isEnding ? initialState : undefined, now);
    this.#state = isEnding ? states.disconnected : initialState;
    if (this.#state === states.requested || this.#state === states.acknowledged) this.negotiate(this.#state, now);
  }

  /** CurrentState of MS-SSTP 3.2.1 and 3.3.1. */
  get state(): Own | EndingState {
    return this.#ending.state ?? this.#state;
  }

  get deadline(): Instant | undefined {
    if (this.#ending.state !== undefined) return this.#ending.deadline;
    return this.#state === this.#states.connected ? this.#hello.deadline : this.#negotiationDeadline;
  }

  /** Whether PPP control frames may pass, MS-SSTP 3.2.7.1 and 3.2.7.2, 3.3.7.1 and 3.3.7.2. */
  get pppOpen(): boolean {
    return this.state === this.#states.acknowledged || this.dataOpen;
  }

  /** Whether PPP data frames may pass. */
  get dataOpen(): boolean {
    return this.state === this.#states.connected;
  }

  /** Any SSTP packet came, data too; once per chunk will do. Restarts the hello timer, MS-SSTP 3.1.2.3. */
  noteReceived(now: Instant): void {
    if (this.dataOpen) this.#hello.restart(now);
  }

  handle(event: SstpCallEvent, now: Instant): (Action | SstpCallAction)[] {
    const pppWasOpen = this.pppOpen;
    if (event.kind === 'message' || event.kind === 'bad-message') this.noteReceived(now);
    // A timer that the shell has not got round to yet comes before what happens now.
    const actions = this.deadline !== undefined && this.deadline <= now ? this.#onDeadline(now) : [];
    if (this.#ending.state === undefined) actions.push(...this.#onEvent(event, now));
    else actions.push(...this.#ending.handle(event, now));
    if (this.#ending.state !== undefined) this.forget();
    return pppWasOpen && !this.pppOpen ? withPppDown(actions) : actions;
  }

  /** The HTTP exchange is over: before it nothing may be sent. */
  protected abstract start(now: Instant): (Action | SstpCallAction)[];

  protected abstract onOwnMessage(message: OwnMessage, bytes: Uint8Array, now: Instant): (Action | SstpCallAction)[];

  /** Inner Authentication Completed, MS-SSTP 3.2.7.1 and 3.3.7.1. */
  protected abstract onInnerAuth(result: InnerAuth, now: Instant): (Action | SstpCallAction)[];

  /** The end has begun: keys have done their work. */
  protected abstract forget(): void;

  protected onBadMessage(error: SstpMessageError, now: Instant): (Action | SstpCallAction)[] {
    return this.abort(error.status, error.attributeId, now);
  }

  /** @param state `requested` or `acknowledged`; the negotiation timer starts anew */
  protected negotiate(state: Own, now: Instant): void {
    this.#state = state;
    this.#negotiationDeadline = after(now, this.#negotiationMs);
  }

  protected connect(now: Instant): void {
    this.#state = this.#states.connected;
    this.#hello.restart(now);
  }

  protected abort(
    status: Status,
    attributeId: AttributeId,
    now: Instant,
    reason: SstpCloseReason = 'aborted',
  ): SstpCallAction[] {
    return this.#ending.abort(status, attributeId, reason, now);
  }

  /** The message is not acceptable in this state, MS-SSTP 2.2.8 and 3.1.5.1. */
  protected abortUnaccepted(now: Instant): SstpCallAction[] {
    return this.abort(Status.UnacceptedFrameReceived, AttributeId.StatusInfo, now);
  }

  #onEvent(event: SstpCallEvent, now: Instant): (Action | SstpCallAction)[] {
    if (this.#state === this.#states.disconnected) return this.#beforeStart(event, now);
    switch (event.kind) {
      case 'message':
        return this.#onMessage(event.message, event.bytes, now);
      case 'bad-message':
        return this.onBadMessage(event.error, now);
      case 'inner-auth':
        return this.onInnerAuth(event.result, now);
      case 'disconnect':
        return this.#ending.disconnect(event.status, now);
      case 'abort':
        return this.abort(event.status, event.attributeId, now);
      case 'http-accepted':
      case 'timeout':
        return [];
      default:
        return event satisfies never;
    }
  }

  #beforeStart(event: SstpCallEvent, now: Instant): (Action | SstpCallAction)[] {
    switch (event.kind) {
      case 'http-accepted':
        return this.start(now);
      case 'disconnect':
        return this.#ending.close('disconnected');
      case 'message':
      case 'bad-message':
      case 'abort':
        return this.#ending.close('aborted');
      case 'inner-auth':
      case 'timeout':
        return [];
      default:
        return event satisfies never;
    }
  }

  #onMessage(message: SstpMessage, bytes: Uint8Array, now: Instant): (Action | SstpCallAction)[] {
    switch (message.type) {
      case 'CallAbort': // 3.2.5.3.4, 3.3.5.2.4
        return this.#ending.onPeerAbort(message.statusInfo, now);
      case 'CallDisconnect': // 3.2.5.3.5, 3.3.5.2.5
        return this.#ending.onPeerDisconnect(message.statusInfo, now);
      case 'EchoRequest': // 3.2.5.3.7, 3.3.5.2.7; handle has restarted the hello timer
        return this.dataOpen ? [{ kind: 'send', message: { type: 'EchoResponse' } }] : this.abortUnaccepted(now);
      case 'EchoResponse': // 3.2.5.3.8, 3.3.5.2.8
        return this.dataOpen ? [] : this.abortUnaccepted(now);
      case 'CallDisconnectAck': // 3.2.5.3.6, 3.3.5.2.6: we have not sent a Call Disconnect
        return this.abortUnaccepted(now);
      default:
        return this.onOwnMessage(message, bytes, now);
    }
  }

  #onDeadline(now: Instant): (Action | SstpCallAction)[] {
    if (this.#ending.state !== undefined) return this.#ending.expire();
    switch (this.#state) {
      case this.#states.connected: // 3.1.2.3: silence after our Echo Request ends the connection without a Call Abort
        if (this.#hello.expire(now) === 'peer-silent') return this.#ending.close('peer-silent');
        return [{ kind: 'send', message: { type: 'EchoRequest' } }];
      case this.#states.disconnected: // has no deadline
        return [];
      default: // 3.2.6.1, 3.3.6.1
        return this.abort(Status.NegotiationTimeout, AttributeId.StatusInfo, now, 'negotiation-timeout');
    }
  }
}
