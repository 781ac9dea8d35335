import { after, type Instant } from '../core/index.ts';
import type { BindingFailedAction, EndingState, SstpCallAction, SstpCallEvent, SstpCloseReason } from './call.ts';
import { CallEnding, withPppDown } from './call-ending.ts';
import { ALL_HASH_PROTOCOLS, AttributeId, MAX_NAKS, PROTOCOL_PPP, Status } from './constants.ts';
import {
  type CertificateHashes,
  hlakOf,
  type InnerAuth,
  requireBindingLengths,
  verifyCryptoBinding,
} from './crypto-binding.ts';
import { HelloTimer } from './hello-timer.ts';
import { type CallConnected, type SstpMessage, type StatusInfo, unsupportedProtocol } from './message.ts';

export interface SstpServerOptions {
  /** 32 random bytes, new for each connection. */
  readonly nonce: Uint8Array;
  /** Hash Protocol Bitmask to offer, MS-SSTP 2.2.6; both bits (0x03) unless there is a reason. */
  readonly hashProtocols: number;
  /** Of the certificate that this connection's TLS handshake showed. */
  readonly certificateHashes: CertificateHashes;
  /** For the Call Connect Request, and again for the Call Connected; 60,000 in MS-SSTP 3.3.2.1. */
  readonly negotiationMs: number;
  /** 60,000 in MS-SSTP 3.1.2.3. */
  readonly helloMs: number;
}

export type SstpServerEvent = SstpCallEvent;
export type SstpServerAction = SstpCallAction | BindingFailedAction;

type OwnState =
  | 'ServerCallDisconnected' // until the HTTP exchange is over
  | 'ServerConnectRequestPending'
  | 'ServerCallConnectedPending'
  | 'ServerCallConnected';

/** CurrentState of MS-SSTP 3.3.1. */
export type SstpServerState = OwnState | EndingState;

interface HeldCallConnected {
  readonly message: CallConnected;
  readonly bytes: Uint8Array;
}

/**
 * The server's side of one SSTP connection, MS-SSTP 3.1 and 3.3.
 *
 *     ServerCallDisconnected ──http-accepted──> ServerConnectRequestPending
 *         ──Call Connect Request / Call Connect Ack, ppp-up──> ServerCallConnectedPending
 *         ──Call Connected and inner-auth, binding valid / data-open──> ServerCallConnected
 *     from each of them, through `CallEnding`, to Closed
 *
 * `deadline` says when it wants a `timeout` event, and is always later than the last `now` of `handle`.
 */
export class SstpServerMachine {
  readonly #options: SstpServerOptions;
  readonly #hello: HelloTimer;
  readonly #ending: CallEnding;
  #state: OwnState = 'ServerCallDisconnected';
  #negotiationDeadline: Instant | undefined;
  #naksSent = 0;
  #innerAuth: InnerAuth = { kind: 'pending' };
  #held: HeldCallConnected | undefined;

  /**
   * @param initialState for tests; a connection starts in `ServerCallDisconnected`
   * @param now when `initialState` was entered
   * @throws {RangeError} if an option has a wrong length, no hash protocol is offered or a timer is not positive
   */
  constructor(options: SstpServerOptions, initialState: SstpServerState = 'ServerCallDisconnected', now: Instant = 0) {
    requireBindingLengths(options.certificateHashes, options.nonce);
    if ((options.hashProtocols & ALL_HASH_PROTOCOLS) === 0 || (options.hashProtocols & ~ALL_HASH_PROTOCOLS) !== 0) {
      throw new RangeError(`hash protocols 0x${options.hashProtocols.toString(16)}`);
    }
    if (!(options.negotiationMs > 0) || !(options.helloMs > 0)) throw new RangeError('timer is not positive');
    this.#options = options;
    this.#hello = new HelloTimer(options.helloMs, now);
    switch (initialState) {
      case 'ServerCallDisconnected':
      case 'ServerCallConnected':
        this.#state = initialState;
        this.#ending = new CallEnding(undefined, now);
        break;
      case 'ServerConnectRequestPending':
      case 'ServerCallConnectedPending':
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

  get state(): SstpServerState {
    return this.#ending.state ?? this.#state;
  }

  get deadline(): Instant | undefined {
    if (this.#ending.state !== undefined) return this.#ending.deadline;
    return this.#state === 'ServerCallConnected' ? this.#hello.deadline : this.#negotiationDeadline;
  }

  /** Whether PPP control frames may pass, MS-SSTP 3.3.7.1 and 3.3.7.2. */
  get pppOpen(): boolean {
    return this.state === 'ServerCallConnectedPending' || this.state === 'ServerCallConnected';
  }

  /** Whether PPP data frames may pass, MS-SSTP 3.3.7.1 and 3.3.7.2. */
  get dataOpen(): boolean {
    return this.state === 'ServerCallConnected';
  }

  /** Any SSTP packet came, data too; once per chunk will do. Restarts the hello timer, MS-SSTP 3.1.2.3. */
  noteReceived(now: Instant): void {
    if (this.state === 'ServerCallConnected') this.#hello.restart(now);
  }

  handle(event: SstpServerEvent, now: Instant): SstpServerAction[] {
    const pppWasOpen = this.pppOpen;
    if (event.kind === 'message' || event.kind === 'bad-message') this.noteReceived(now);
    // A timer that the shell has not got round to yet comes before what happens now.
    const actions = this.deadline !== undefined && this.deadline <= now ? this.#onDeadline(now) : [];
    if (this.#ending.state === undefined) actions.push(...this.#onEvent(event, now));
    else actions.push(...this.#ending.handle(event, now));
    if (this.#ending.state !== undefined) this.#forget();
    return pppWasOpen && !this.pppOpen ? withPppDown(actions) : actions;
  }

  #onEvent(event: SstpServerEvent, now: Instant): SstpServerAction[] {
    if (this.#state === 'ServerCallDisconnected') return this.#beforeStart(event, now);
    switch (event.kind) {
      case 'message':
        return this.#onMessage(event.message, event.bytes, now);
      case 'bad-message':
        if (this.#state === 'ServerConnectRequestPending' && event.error.nakStatusInfos.length > 0) {
          return this.#nak(event.error.nakStatusInfos, now);
        }
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

  /** New HTTPS connection, MS-SSTP 3.3.7.2. Before it nothing may be sent. */
  #beforeStart(event: SstpServerEvent, now: Instant): SstpServerAction[] {
    switch (event.kind) {
      case 'http-accepted':
        this.#state = 'ServerConnectRequestPending';
        this.#negotiationDeadline = after(now, this.#options.negotiationMs);
        return [];
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

  #onMessage(message: SstpMessage, bytes: Uint8Array, now: Instant): SstpServerAction[] {
    switch (message.type) {
      case 'CallConnectRequest':
        return this.#onCallConnectRequest(message.protocolId, now);
      case 'CallConnected':
        return this.#onCallConnected(message, bytes, now);
      case 'CallAbort':
        return this.#ending.onPeerAbort(message.statusInfo, now); // 3.3.5.2.4
      case 'CallDisconnect':
        return this.#ending.onPeerDisconnect(message.statusInfo, now); // 3.3.5.2.5
      case 'EchoRequest': // 3.3.5.2.7; handle has restarted the hello timer
        if (this.#state !== 'ServerCallConnected') return this.#abortUnaccepted(now);
        return [{ kind: 'send', message: { type: 'EchoResponse' } }];
      case 'EchoResponse': // 3.3.5.2.8
        return this.#state === 'ServerCallConnected' ? [] : this.#abortUnaccepted(now);
      case 'CallDisconnectAck': // 3.3.5.2.6: we have not sent a Call Disconnect
      case 'CallConnectAck': // only ever sent by a server
      case 'CallConnectNak':
        return this.#abortUnaccepted(now);
      default:
        return message satisfies never;
    }
  }

  /** MS-SSTP 3.3.5.2.2. */
  #onCallConnectRequest(protocolId: number, now: Instant): SstpServerAction[] {
    if (this.#state !== 'ServerConnectRequestPending') return this.#abortUnaccepted(now);
    if (protocolId !== PROTOCOL_PPP) return this.#nak([unsupportedProtocol(protocolId)], now);
    this.#state = 'ServerCallConnectedPending';
    this.#negotiationDeadline = after(now, this.#options.negotiationMs);
    const { hashProtocols, nonce } = this.#options;
    return [{ kind: 'send', message: { type: 'CallConnectAck', hashProtocols, nonce } }, { kind: 'ppp-up' }];
  }

  /** MS-SSTP 3.3.5.2.2. The negotiation timer runs on: a client cannot stay by asking wrongly. */
  #nak(statusInfos: readonly StatusInfo[], now: Instant): SstpServerAction[] {
    if (this.#naksSent === MAX_NAKS) return this.#abort(Status.RetryCountExceeded, AttributeId.StatusInfo, now);
    this.#naksSent++;
    return [{ kind: 'send', message: { type: 'CallConnectNak', statusInfos } }];
  }

  /**
   * MS-SSTP 3.3.5.2.3. One that comes before the verdict of the authentication waits for it; a second one is one too
   * many.
   */
  #onCallConnected(message: CallConnected, bytes: Uint8Array, now: Instant): SstpServerAction[] {
    if (this.#state !== 'ServerCallConnectedPending' || this.#held !== undefined) return this.#abortUnaccepted(now);
    this.#held = { message, bytes: Uint8Array.from(bytes) };
    return this.#checkBinding(now);
  }

  /** Inner Authentication Completed, MS-SSTP 3.3.7.1. */
  #onInnerAuth(result: InnerAuth, now: Instant): SstpServerAction[] {
    if (this.#state !== 'ServerCallConnectedPending') return [];
    this.#innerAuth = result;
    return this.#checkBinding(now);
  }

  /** The checks of MS-SSTP 3.3.5.2.3, once there is a Call Connected and a key to check it with. */
  #checkBinding(now: Instant): SstpServerAction[] {
    const held = this.#held;
    const innerAuth = this.#innerAuth;
    if (held === undefined || innerAuth.kind === 'pending') return [];
    const verdict = verifyCryptoBinding({ ...this.#options, hlak: hlakOf(innerAuth) }, held.message, held.bytes);
    this.#forget();
    if (verdict.kind === 'invalid') {
      const aborted = this.#abort(Status.ValueNotSupported, AttributeId.CryptoBinding, now, 'binding-failed');
      return [{ kind: 'binding-failed', verdict, innerAuth: innerAuth.kind }, ...aborted];
    }
    this.#state = 'ServerCallConnected';
    this.#hello.restart(now);
    return [{ kind: 'data-open' }];
  }

  #onDeadline(now: Instant): SstpServerAction[] {
    if (this.#ending.state !== undefined) return this.#ending.expire();
    switch (this.#state) {
      case 'ServerConnectRequestPending':
      case 'ServerCallConnectedPending': // 3.3.6.1
        return this.#abort(Status.NegotiationTimeout, AttributeId.StatusInfo, now, 'negotiation-timeout');
      case 'ServerCallConnected': // 3.1.2.3: silence after our Echo Request ends the connection without a Call Abort
        if (this.#hello.expire(now) === 'peer-silent') return this.#ending.close('peer-silent');
        return [{ kind: 'send', message: { type: 'EchoRequest' } }];
      case 'ServerCallDisconnected': // has no deadline
        return [];
      default:
        return this.#state satisfies never;
    }
  }

  /** The message is not acceptable in this state, MS-SSTP 2.2.8 and 3.1.5.1. */
  #abortUnaccepted(now: Instant): SstpServerAction[] {
    return this.#abort(Status.UnacceptedFrameReceived, AttributeId.StatusInfo, now);
  }

  #abort(
    status: Status,
    attributeId: AttributeId,
    now: Instant,
    reason: SstpCloseReason = 'aborted',
  ): SstpServerAction[] {
    return this.#ending.abort(status, attributeId, reason, now);
  }

  /** The HLAK has done its work. */
  #forget(): void {
    this.#innerAuth = { kind: 'pending' };
    this.#held = undefined;
  }
}
