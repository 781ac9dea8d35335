import type { Instant } from '../core/index.ts';
import type { EndingState, SstpCallAction, SstpCallEvent } from './call.ts';
import { type CallStates, type CallTimers, type OwnMessage, SstpCallCore } from './call-core.ts';
import { ALL_HASH_PROTOCOLS, AttributeId, HashProtocol, MAX_NAKS, PROTOCOL_PPP, Status } from './constants.ts';
import { bindCall, type CertificateHashes, hlaksOf, type InnerAuth, requireBindingLengths } from './crypto-binding.ts';
import type { StatusInfo } from './message.ts';

export interface SstpClientOptions extends CallTimers {
  /** What to ask for, MS-SSTP 2.2.5; PPP unless a test wants a Nak. */
  readonly protocolId?: number;
  /** ClientHashProtocolSupported, MS-SSTP 3.2.1; both by default, and then SHA-256 is chosen if the server has it. */
  readonly hashProtocols?: number;
  /** Of the certificate that the server showed. */
  readonly certificateHashes: CertificateHashes;
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

const STATES: CallStates<OwnState> = {
  disconnected: 'ClientCallDisconnected',
  requested: 'ClientConnectRequestSent',
  acknowledged: 'ClientConnectAckReceived',
  connected: 'ClientCallConnected',
};

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
 */
export class SstpClientMachine extends SstpCallCore<OwnState, RefusedAction> {
  readonly #options: SstpClientOptions;
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
    super(STATES, options, initialState, now);
    this.#options = options;
  }

  /** Establish SSTP Tunnel, MS-SSTP 3.2.4.1. */
  protected override start(now: Instant): SstpClientAction[] {
    return this.#request(now);
  }

  #request(now: Instant): SstpClientAction[] {
    this.negotiate('ClientConnectRequestSent', now);
    const protocolId = this.#options.protocolId ?? PROTOCOL_PPP;
    return [{ kind: 'send', message: { type: 'CallConnectRequest', protocolId } }];
  }

  protected override onOwnMessage(message: OwnMessage, _bytes: Uint8Array, now: Instant): SstpClientAction[] {
    switch (message.type) {
      case 'CallConnectAck':
        return this.#onCallConnectAck(message.hashProtocols, message.nonce, now);
      case 'CallConnectNak':
        return this.#onCallConnectNak(message.statusInfos, now);
      case 'CallConnectRequest': // only ever sent by a client
      case 'CallConnected':
        return this.abortUnaccepted(now);
      default:
        return message satisfies never;
    }
  }

  /** MS-SSTP 3.2.5.3.2. */
  #onCallConnectAck(hashProtocols: number, nonce: Uint8Array, now: Instant): SstpClientAction[] {
    if (this.state !== 'ClientConnectRequestSent') return this.abortUnaccepted(now);
    const common = hashProtocols & (this.#options.hashProtocols ?? ALL_HASH_PROTOCOLS);
    const hashProtocol = [HashProtocol.Sha256, HashProtocol.Sha1].find((bit) => (common & bit) !== 0);
    if (hashProtocol === undefined) return this.abort(Status.ValueNotSupported, AttributeId.CryptoBindingReq, now);
    this.#binding = { hashProtocol, nonce };
    this.negotiate('ClientConnectAckReceived', now);
    return [{ kind: 'ppp-up' }];
  }

  /** MS-SSTP 3.2.5.3.3. */
  #onCallConnectNak(statusInfos: readonly StatusInfo[], now: Instant): SstpClientAction[] {
    if (this.state !== 'ClientConnectRequestSent') return this.abortUnaccepted(now);
    const refused: SstpClientAction = { kind: 'refused', statusInfos };
    if (this.#naksReceived === MAX_NAKS) {
      return [refused, ...this.abort(Status.RetryCountExceeded, AttributeId.StatusInfo, now)];
    }
    this.#naksReceived++;
    return [refused, ...this.#request(now)];
  }

  /** Inner Authentication Completed, MS-SSTP 3.2.7.1. */
  protected override onInnerAuth(result: InnerAuth, now: Instant): SstpClientAction[] {
    const binding = this.#binding;
    if (this.state !== 'ClientConnectAckReceived' || binding === undefined || result.kind === 'pending') return [];
    const [hlak] = hlaksOf(result);
    const message = bindCall(binding.hashProtocol, binding.nonce, this.#options.certificateHashes, hlak);
    this.#binding = undefined;
    this.connect(now);
    return [{ kind: 'send', message }, { kind: 'data-open' }];
  }

  protected override forget(): void {
    this.#binding = undefined;
  }
}
