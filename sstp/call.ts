import type { AttributeId, Status } from './constants.ts';
import type { BindingVerdict, InnerAuth } from './crypto-binding.ts';
import type { SstpMessage, SstpMessageError, StatusInfo } from './message.ts';

/** What can happen to a call, on either side. */
export type SstpCallEvent =
  /** The HTTP exchange is over: the server has sent its 200, the client has it. */
  | { readonly kind: 'http-accepted' }
  /** `bytes`: the packet as received, which the Compound MAC covers. A view will do. */
  | { readonly kind: 'message'; readonly message: SstpMessage; readonly bytes: Uint8Array }
  | { readonly kind: 'bad-message'; readonly error: SstpMessageError }
  /** PPP authentication succeeded. If it failed, the event is `disconnect` (MS-SSTP 3.2.7.1, 3.3.7.1). */
  | { readonly kind: 'inner-auth'; readonly result: InnerAuth }
  /** PPP has ended or the operator wants it. MS-SSTP 2.2.14 knows only the status `NoError`. */
  | { readonly kind: 'disconnect'; readonly status: Status }
  | { readonly kind: 'abort'; readonly status: Status; readonly attributeId: AttributeId }
  /** `deadline` has come. One that comes early does nothing. */
  | { readonly kind: 'timeout' };

/** What a shell does for both machines, in the order given. */
export type SstpCallAction =
  | { readonly kind: 'send'; readonly message: SstpMessage }
  /** PPP control frames may pass, both ways; PPP data frames not yet. */
  | { readonly kind: 'ppp-up' }
  /** PPP data frames may pass too. */
  | { readonly kind: 'data-open' }
  /** No more PPP frames, either way. Comes once after each `ppp-up`. */
  | { readonly kind: 'ppp-down' }
  /** For the log: what the peer ended the call with. */
  | {
      readonly kind: 'peer-status';
      readonly message: 'CallAbort' | 'CallDisconnect';
      readonly statusInfo: StatusInfo | undefined;
    }
  /** Close the TLS connection. The last action of a machine. */
  | { readonly kind: 'close'; readonly reason: SstpCloseReason };

/** For the log: a binding that does not hold; the Call Abort follows. */
export type BindingFailedAction = {
  readonly kind: 'binding-failed';
  readonly verdict: Extract<BindingVerdict, { kind: 'invalid' }>;
  readonly innerAuth: InnerAuth['kind'];
};

/** Why a call is over: what started its end, whether or not the peer then answered. */
export type SstpCloseReason =
  | 'aborted' // we sent Call Abort: the peer broke the protocol, or the shell wanted it
  | 'aborted-by-peer' // the peer sent Call Abort first
  | 'binding-failed' // we sent Call Abort: the Crypto Binding is not valid
  | 'negotiation-timeout' // we sent Call Abort: the negotiation timer ran out
  | 'disconnected' // our Call Disconnect was answered
  | 'disconnected-by-peer' // the peer sent Call Disconnect
  | 'timed-out' // our Call Disconnect was not answered
  | 'peer-silent'; // nothing came for two hello intervals; no Call Abort was sent (MS-SSTP 3.1.2.3)

/** The end of a call, MS-SSTP 3.1.1.1. The In_Progress states of the spec last no time and are not here. */
export type EndingState =
  | 'CallAbortPending'
  | 'CallAbortTimeoutPending'
  | 'CallDisconnectAckPending'
  | 'CallDisconnectTimeoutPending'
  /** The spec goes back to Call_Disconnected; a state of its own keeps a dead call from being started again. */
  | 'Closed';
