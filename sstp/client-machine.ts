import { after, type Instant } from '../core/index.ts';
import type { EndingState, SstpCallAction, SstpCallEvent, SstpCloseReason } from './call.ts';
import { CallEnding, withPppDown } from './call-ending.ts';
import { ALL_HASH_PROTOCOLS, AttributeId, HashProtocol, MAX_NAKS, PROTOCOL_PPP, Status } from './constants.ts';
import { bindCall, type CertificateHashes, hlakOf, type InnerAuth, requireBindingLengths } from './crypto-binding.ts';
import { HelloTimer } from './hello-timer.ts';
import type { SstpMessage, StatusInfo } from './message.ts';

export interface SstpClientOptions {
  /** What to ask for, MS-SSTP 2.2.5; PPP unless a test wants a Nak. */
  readonly protocolId?: number;
  /** ClientHashProtocolSupported, MS-SSTP 3.2.1; both by default, and then SHA-256 is chosen if the server has it. */
  readonly hashProtocols?: number;
  /** Of the certificate that the server showed. */
  readonly certificateHashes: CertificateHashes;
  /** For the answer to our request, and again for the authentication; 60,000 in MS-SSTP 3.2.2.1. */
  readonly negotiationMs: number;
  /** 60,000 in MS-SSTP 3.1.2.3. */
  readonly helloMs: number;
}

export type SstpClientEvent = SstpCallEvent;

/** A Nak came: what the server has against our request. A new request or the Call Abort follows. */
export type RefusedAction = { readonly kind: 'refused'; readonly statusInfos: readonly StatusInfo[] };
export type SstpClientAction = SstpCallAction | RefusedAction;

type OwnState =
  | 'ClientCallDisconnected' // until the HTTP exchange is over
  | 'ClientConnectRequestSent'
  | 'ClientConnectAckReceived'
  | 'ClientCallConnected';

/** CurrentState of MS-SSTP 3.2.1. */
export type SstpClientState = OwnState | EndingState;

interface Binding {
  readonly hashProtocol: HashProtocol;
  readonly nonce: Uint8Array;
}

/**
 * The client's side of one SSTP connection, MS-SSTP 3.1 and 3.2.
 *
 *     ClientCallDisconnected ──http-accepted / Call Connect Request──> ClientConnectRequestSent
 *         ──Call Connect Ack / ppp-up──> ClientConnectAckReceived
 *         ──inner-auth / Call Connected, data-open──> ClientCallConnected
 *     from each of them, through `CallEnding`, to Closed
 *
 * `deadline` says when it wants a `timeout` event, and is always later than the last `now` of `handle`.
 */
export class SstpClientMachine {
  readonly #options: SstpClientOptions;
  readonly #hello: HelloTimer;
  readonly #ending: CallEnding;
  #state: OwnState = 'ClientCallDisconnected';
  #negotiationDeadline: Instant | undefined;
  #naksReceived = 0;
  #binding: Binding | undefined;

  /**
   * @param initialState for tests; a connection starts in `ClientCallDisconnected`. One that starts in
   *   `ClientConnectAckReceived` has got no Ack, so `inner-auth` does not take it further.
   * @param now when `initialState` was entered
   * @throws {RangeError} if a hash has a wrong length or a timer is not positive
   */
  constructor(options: SstpClientOptions, initialState: SstpClientState = 'ClientCallDisconnected', now: Instant = 0) {
    requireBindingLengths(options.certificateHashes, undefined);
    if (!(options.negotiationMs > 0) || !(options.helloMs > 0)) throw new RangeError('timer is not positive');
    this.#options = options;
    this.#hello = new HelloTimer(options.helloMs, now);
    switch (initialState) {
      case 'ClientCallDisconnected':
      case 'ClientCallConnected':
        this.#state = initialState;
        this.#ending = new CallEnding(undefined, now);
        break;
      case 'ClientConnectRequestSent':
      case 'ClientConnectAckReceived':
        this.#state = initialState;
        this.#ending = new CallEnding(undefined, now);
        this.#negotiationDeadline = after(now, options.negotiationMs);
        break;
      case 'CallAbortPending':
      case 'CallAbortTimeoutPending':
      case 'CallDisconnectAckPending':
      case 'CallDisconnectTimeoutPending':
      case 'Closed':
        this.#ending = new CallEnding(initialState, now);
        break;
      default:
        throw initialState satisfies never;
    }
  }

  get state(): SstpClientState {
    return this.#ending.state ?? this.#state;
  }

  get deadline(): Instant | undefined {
    if (this.#ending.state !== undefined) return this.#ending.deadline;
    return this.#state === 'ClientCallConnected' ? this.#hello.deadline : this.#negotiationDeadline;
  }

  /** Whether PPP control frames may pass, MS-SSTP 3.2.7.1 and 3.2.7.2. */
  get pppOpen(): boolean {
    return this.state === 'ClientConnectAckReceived' || this.state === 'ClientCallConnected';
  }

  /** Whether PPP data frames may pass, MS-SSTP 3.2.7.1 and 3.2.7.2. */
  get dataOpen(): boolean {
    return this.state === 'ClientCallConnected';
  }

  /** Any SSTP packet came, data too; once per chunk will do. Restarts the hello timer, MS-SSTP 3.1.2.3. */
  noteReceived(now: Instant): void {
    if (this.state === 'ClientCallConnected') this.#hello.restart(now);
  }

  handle(event: SstpClientEvent, now: Instant): SstpClientAction[] {
    const pppWasOpen = this.pppOpen;
    if (event.kind === 'message' || event.kind === 'bad-message') this.noteReceived(now);
    // A timer that the shell has not got round to yet comes before what happens now.
    const actions = this.deadline !== undefined && this.deadline <= now ? this.#onDeadline(now) : [];
    if (this.#ending.state === undefined) actions.push(...this.#onEvent(event, now));
    else actions.push(...this.#ending.handle(event, now));
    return pppWasOpen && !this.pppOpen ? withPppDown(actions) : actions;
  }

  #onEvent(event: SstpClientEvent, now: Instant): SstpClientAction[] {
    if (this.#state === 'ClientCallDisconnected') return this.#beforeStart(event, now);
    switch (event.kind) {
      case 'message':
        return this.#onMessage(event.message, now);
      case 'bad-message':
        return this.#abort(event.error.status, event.error.attributeId, now);
      case 'inner-auth':
        return this.#onInnerAuth(event.result, now);
      case 'disconnect':
        return this.#ending.disconnect(event.status, now);
      case 'abort':
        return this.#abort(event.status, event.attributeId, now);
      case 'http-accepted':
      case 'timeout':
        return [];
      default:
        return event satisfies never;
    }
  }

  /** Establish SSTP Tunnel, MS-SSTP 3.2.4.1. Before the HTTP exchange is over nothing may be sent. */
  #beforeStart(event: SstpClientEvent, now: Instant): SstpClientAction[] {
    switch (event.kind) {
      case 'http-accepted':
        return this.#request(now);
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

  #request(now: Instant): SstpClientAction[] {
    this.#state = 'ClientConnectRequestSent';
    this.#negotiationDeadline = after(now, this.#options.negotiationMs);
    const protocolId = this.#options.protocolId ?? PROTOCOL_PPP;
    return [{ kind: 'send', message: { type: 'CallConnectRequest', protocolId } }];
  }

  #onMessage(message: SstpMessage, now: Instant): SstpClientAction[] {
    switch (message.type) {
      case 'CallConnectAck':
        return this.#onCallConnectAck(message.hashProtocols, message.nonce, now);
      case 'CallConnectNak':
        return this.#onCallConnectNak(message.statusInfos, now);
      case 'CallAbort':
        return this.#ending.onPeerAbort(message.statusInfo, now); // 3.2.5.3.4
      case 'CallDisconnect':
        return this.#ending.onPeerDisconnect(message.statusInfo, now); // 3.2.5.3.5
      case 'EchoRequest': // 3.2.5.3.7; handle has restarted the hello timer
        if (this.#state !== 'ClientCallConnected') return this.#abortUnaccepted(now);
        return [{ kind: 'send', message: { type: 'EchoResponse' } }];
      case 'EchoResponse': // 3.2.5.3.8
        return this.#state === 'ClientCallConnected' ? [] : this.#abortUnaccepted(now);
      case 'CallDisconnectAck': // 3.2.5.3.6: we have not sent a Call Disconnect
      case 'CallConnectRequest': // only ever sent by a client
      case 'CallConnected':
        return this.#abortUnaccepted(now);
      default:
        return message satisfies never;
    }
  }

  /** MS-SSTP 3.2.5.3.2. */
  #onCallConnectAck(hashProtocols: number, nonce: Uint8Array, now: Instant): SstpClientAction[] {
    if (this.#state !== 'ClientConnectRequestSent') return this.#abortUnaccepted(now);
    const common = hashProtocols & (this.#options.hashProtocols ?? ALL_HASH_PROTOCOLS);
    const hashProtocol = [HashProtocol.Sha256, HashProtocol.Sha1].find((bit) => (common & bit) !== 0);
    if (hashProtocol === undefined) return this.#abort(Status.ValueNotSupported, AttributeId.CryptoBindingReq, now);
    this.#binding = { hashProtocol, nonce };
    this.#state = 'ClientConnectAckReceived';
    this.#negotiationDeadline = after(now, this.#options.negotiationMs);
    return [{ kind: 'ppp-up' }];
  }

  /** MS-SSTP 3.2.5.3.3. */
  #onCallConnectNak(statusInfos: readonly StatusInfo[], now: Instant): SstpClientAction[] {
    if (this.#state !== 'ClientConnectRequestSent') return this.#abortUnaccepted(now);
    const refused: SstpClientAction = { kind: 'refused', statusInfos };
    if (this.#naksReceived === MAX_NAKS) {
      return [refused, ...this.#abort(Status.RetryCountExceeded, AttributeId.StatusInfo, now)];
    }
    this.#naksReceived++;
    return [refused, ...this.#request(now)];
  }

  /** Inner Authentication Completed, MS-SSTP 3.2.7.1. */
  #onInnerAuth(result: InnerAuth, now: Instant): SstpClientAction[] {
    const binding = this.#binding;
    if (this.#state !== 'ClientConnectAckReceived' || binding === undefined || result.kind === 'pending') return [];
    const message = bindCall(binding.hashProtocol, binding.nonce, this.#options.certificateHashes, hlakOf(result));
    this.#binding = undefined;
    this.#state = 'ClientCallConnected';
    this.#hello.restart(now);
    return [{ kind: 'send', message }, { kind: 'data-open' }];
  }

  #onDeadline(now: Instant): SstpClientAction[] {
    if (this.#ending.state !== undefined) return this.#ending.expire();
    switch (this.#state) {
      case 'ClientConnectRequestSent':
      case 'ClientConnectAckReceived': // 3.2.6.1
        return this.#abort(Status.NegotiationTimeout, AttributeId.StatusInfo, now, 'negotiation-timeout');
      case 'ClientCallConnected': // 3.1.2.3: silence after our Echo Request ends the connection without a Call Abort
        if (this.#hello.expire(now) === 'peer-silent') return this.#ending.close('peer-silent');
        return [{ kind: 'send', message: { type: 'EchoRequest' } }];
      case 'ClientCallDisconnected': // has no deadline
        return [];
      default:
        return this.#state satisfies never;
    }
  }

  /** The message is not acceptable in this state, MS-SSTP 2.2.8 and 3.1.5.1. */
  #abortUnaccepted(now: Instant): SstpClientAction[] {
    return this.#abort(Status.UnacceptedFrameReceived, AttributeId.StatusInfo, now);
  }

  #abort(
    status: Status,
    attributeId: AttributeId,
    now: Instant,
    reason: SstpCloseReason = 'aborted',
  ): SstpClientAction[] {
    return this.#ending.abort(status, attributeId, reason, now);
  }
}
