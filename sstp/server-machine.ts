import type { Instant } from '../core/index.ts';
import type { BindingFailedAction, EndingState, SstpCallAction, SstpCallEvent } from './call.ts';
import { type CallStates, type CallTimers, type OwnMessage, SstpCallCore } from './call-core.ts';
import { ALL_HASH_PROTOCOLS, AttributeId, MAX_NAKS, PROTOCOL_PPP, Status } from './constants.ts';
import {
  type CertificateHashes,
  hlaksOf,
  type InnerAuth,
  requireBindingLengths,
  verifyCryptoBinding,
} from './crypto-binding.ts';
import { type CallConnected, type SstpMessageError, type StatusInfo, unsupportedProtocol } from './message.ts';

export interface SstpServerOptions extends CallTimers {
  /** 32 random bytes, new for each connection. */
  readonly nonce: Uint8Array;
  /** Hash Protocol Bitmask to offer, MS-SSTP 2.2.6; both bits (0x03) unless there is a reason. */
  readonly hashProtocols: number;
  /** Of the certificate that this connection's TLS handshake showed. */
  readonly certificateHashes: CertificateHashes;
}

export type SstpServerEvent = SstpCallEvent;
export type SstpServerAction = SstpCallAction | BindingFailedAction;

type OwnState =
  | 'ServerCallDisconnected' // until the HTTP exchange is over
  | 'ServerConnectRequestPending'
  | 'ServerCallConnectedPending'
  | 'ServerCallConnected';

const STATES: CallStates<OwnState> = {
  disconnected: 'ServerCallDisconnected',
  requested: 'ServerConnectRequestPending',
  acknowledged: 'ServerCallConnectedPending',
  connected: 'ServerCallConnected',
};

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
 */
export class SstpServerMachine extends SstpCallCore<OwnState, BindingFailedAction> {
  readonly #options: SstpServerOptions;
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
    super(STATES, options, initialState, now);
    this.#options = options;
  }

  /** New HTTPS connection, MS-SSTP 3.3.7.2. */
  protected override start(now: Instant): SstpServerAction[] {
    this.negotiate('ServerConnectRequestPending', now);
    return [];
  }

  protected override onOwnMessage(message: OwnMessage, bytes: Uint8Array, now: Instant): SstpServerAction[] {
    switch (message.type) {
      case 'CallConnectRequest':
        return this.#onCallConnectRequest(message.protocolId, now);
      case 'CallConnected':
        return this.#onCallConnected(message, bytes, now);
      case 'CallConnectAck': // only ever sent by a server
      case 'CallConnectNak':
        return this.abortUnaccepted(now);
      default:
        return message satisfies never;
    }
  }

  protected override onBadMessage(error: SstpMessageError, now: Instant): SstpServerAction[] {
    const isRequest = this.state === 'ServerConnectRequestPending' && error.nakStatusInfos.length > 0;
    return isRequest ? this.#nak(error.nakStatusInfos, now) : this.abort(error.status, error.attributeId, now);
  }

  /** MS-SSTP 3.3.5.2.2. */
  #onCallConnectRequest(protocolId: number, now: Instant): SstpServerAction[] {
    if (this.state !== 'ServerConnectRequestPending') return this.abortUnaccepted(now);
    if (protocolId !== PROTOCOL_PPP) return this.#nak([unsupportedProtocol(protocolId)], now);
    this.negotiate('ServerCallConnectedPending', now);
    const { hashProtocols, nonce } = this.#options;
    return [{ kind: 'send', message: { type: 'CallConnectAck', hashProtocols, nonce } }, { kind: 'ppp-up' }];
  }

  /** MS-SSTP 3.3.5.2.2. The negotiation timer runs on: a client cannot stay by asking wrongly. */
  #nak(statusInfos: readonly StatusInfo[], now: Instant): SstpServerAction[] {
    if (this.#naksSent === MAX_NAKS) return this.abort(Status.RetryCountExceeded, AttributeId.StatusInfo, now);
    this.#naksSent++;
    return [{ kind: 'send', message: { type: 'CallConnectNak', statusInfos } }];
  }

  /**
   * MS-SSTP 3.3.5.2.3. One that comes before the verdict of the authentication waits for it; a second one is one too
   * many.
   */
  #onCallConnected(message: CallConnected, bytes: Uint8Array, now: Instant): SstpServerAction[] {
    if (this.state !== 'ServerCallConnectedPending' || this.#held !== undefined) return this.abortUnaccepted(now);
    this.#held = { message, bytes: Uint8Array.from(bytes) };
    return this.#checkBinding(now);
  }

  /** Inner Authentication Completed, MS-SSTP 3.3.7.1. */
  protected override onInnerAuth(result: InnerAuth, now: Instant): SstpServerAction[] {
    if (this.state !== 'ServerCallConnectedPending') return [];
    this.#innerAuth = result;
    return this.#checkBinding(now);
  }

  /** The checks of MS-SSTP 3.3.5.2.3, once there is a Call Connected and a key to check it with. */
  #checkBinding(now: Instant): SstpServerAction[] {
    const held = this.#held;
    const innerAuth = this.#innerAuth;
    if (held === undefined || innerAuth.kind === 'pending') return [];
    const verdict = verifyCryptoBinding({ ...this.#options, hlaks: hlaksOf(innerAuth) }, held.message, held.bytes);
    this.forget();
    if (verdict.kind === 'invalid') {
      const aborted = this.abort(Status.ValueNotSupported, AttributeId.CryptoBinding, now, 'binding-failed');
      return [{ kind: 'binding-failed', verdict, innerAuth: innerAuth.kind }, ...aborted];
    }
    this.connect(now);
    return [{ kind: 'data-open' }];
  }

  /** The keys have done their work. */
  protected override forget(): void {
    this.#innerAuth = { kind: 'pending' };
    this.#held = undefined;
  }
}
