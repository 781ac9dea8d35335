import { after, type Instant } from '../core/index.ts';
import type { EndingState, SstpCallAction, SstpCallEvent, SstpCloseReason } from './call.ts';
import { ABORT_1_MS, ABORT_2_MS, AttributeId, DISCONNECT_1_MS, DISCONNECT_2_MS, Status } from './constants.ts';
import type { StatusInfo } from './message.ts';

const NO_VALUE = new Uint8Array(0);

/**
 * How a call ends, the same for client and server, MS-SSTP 3.1.1.1.1 and 3.1.1.1.2. Every way out of a machine's own states
 * is a method here; from then on `handle` takes the events.
 *
 *     abort ───────> CallAbortPending ──Call Abort, then 1 s──┐
 *                          └──────────────3 s─────────────────┤
 *     onPeerAbort ─> CallAbortTimeoutPending ──1 s────────────┤
 *     disconnect ──> CallDisconnectAckPending ──Ack or 5 s────┼─> Closed
 *     onPeerDisconnect ─> CallDisconnectTimeoutPending ──1 s──┤
 *     close ──────────────────────────────────────────────────┘
 */
export class CallEnding {
  #state: EndingState | undefined;
  #deadline: Instant | undefined;
  #reason: SstpCloseReason = 'aborted';

  /** @param state where a test wants to start; undefined: the call has not begun to end */
  constructor(state: EndingState | undefined, now: Instant) {
    if (state === undefined) return;
    this.#reason = REASONS[state];
    this.#enter(state, now);
  }

  /** Undefined while the call lives. */
  get state(): EndingState | undefined {
    return this.#state;
  }

  get deadline(): Instant | undefined {
    return this.#deadline;
  }

  /** We give up, MS-SSTP 3.1.5.1. */
  abort(status: Status, attributeId: AttributeId, reason: SstpCloseReason, now: Instant): SstpCallAction[] {
    this.#reason = reason;
    this.#enter('CallAbortPending', now);
    return [{ kind: 'send', message: { type: 'CallAbort', statusInfo: { attributeId, status, value: NO_VALUE } } }];
  }

  /** The peer gives up, MS-SSTP 3.2.5.3.4 and 3.3.5.2.4: its Call Abort is answered with ours. */
  onPeerAbort(statusInfo: StatusInfo | undefined, now: Instant): SstpCallAction[] {
    this.#reason = 'aborted-by-peer';
    this.#enter('CallAbortTimeoutPending', now);
    return [
      { kind: 'peer-status', message: 'CallAbort', statusInfo },
      // Of the statuses only NoError fits an answer (2.2.8); Windows always sends one (Appendix A <3>).
      { kind: 'send', message: { type: 'CallAbort', statusInfo: withoutAttribute(Status.NoError) } },
    ];
  }

  /** We hang up, MS-SSTP 3.2.4.2 and 3.3.4. sstpc 1.0.18 cannot read a Call Disconnect without a Status Info. */
  disconnect(status: Status, now: Instant): SstpCallAction[] {
    this.#reason = 'timed-out';
    this.#enter('CallDisconnectAckPending', now);
    return [{ kind: 'send', message: { type: 'CallDisconnect', statusInfo: withoutAttribute(status) } }];
  }

  /** The peer hangs up, MS-SSTP 3.2.5.3.5 and 3.3.5.2.5. */
  onPeerDisconnect(statusInfo: StatusInfo | undefined, now: Instant): SstpCallAction[] {
    this.#reason = this.#state === undefined ? 'disconnected-by-peer' : 'disconnected';
    this.#enter('CallDisconnectTimeoutPending', now);
    return [
      { kind: 'peer-status', message: 'CallDisconnect', statusInfo },
      { kind: 'send', message: { type: 'CallDisconnectAck' } },
    ];
  }

  /** Over, with nothing on the wire. */
  close(reason: SstpCloseReason): SstpCallAction[] {
    this.#state = 'Closed';
    this.#deadline = undefined;
    return [{ kind: 'close', reason }];
  }

  /** Timers 1 and 2 of abort and disconnect, MS-SSTP 3.1.6.1 and 3.1.6.2. To be called when `deadline` has come. */
  expire(): SstpCallAction[] {
    return this.close(this.#reason);
  }

  /** An event once `state` is defined. All that is not named in 3.1.1.1, 3.2.5.3 and 3.3.5.2 is silently discarded. */
  handle(event: SstpCallEvent, now: Instant): SstpCallAction[] {
    if (event.kind !== 'message') return [];
    const { message } = event;
    switch (this.#state) {
      case 'CallAbortPending':
        if (message.type !== 'CallAbort') return [];
        this.#enter('CallAbortTimeoutPending', now);
        return [{ kind: 'peer-status', message: 'CallAbort', statusInfo: message.statusInfo }];
      case 'CallDisconnectAckPending':
        if (message.type === 'CallDisconnectAck') return this.close('disconnected');
        if (message.type === 'CallDisconnect') return this.onPeerDisconnect(message.statusInfo, now);
        if (message.type === 'CallAbort') return this.onPeerAbort(message.statusInfo, now);
        return [];
      case 'CallAbortTimeoutPending':
      case 'CallDisconnectTimeoutPending':
      case 'Closed':
      case undefined:
        return [];
      default:
        return this.#state satisfies never;
    }
  }

  #enter(state: EndingState, now: Instant): void {
    this.#state = state;
    const ms = TIMERS_MS[state];
    this.#deadline = ms === undefined ? undefined : after(now, ms);
  }
}

/** @returns the actions of an event that ended the flow of PPP frames: a close stays last */
export function withPppDown<Action extends { readonly kind: string }>(
  actions: readonly Action[],
): (Action | { readonly kind: 'ppp-down' })[] {
  const end = actions.at(-1)?.kind === 'close' ? actions.length - 1 : actions.length;
  return [...actions.slice(0, end), { kind: 'ppp-down' }, ...actions.slice(end)];
}

/** MS-SSTP 3.1.2.1 and 3.1.2.2. */
const TIMERS_MS: Readonly<Record<EndingState, number | undefined>> = {
  CallAbortPending: ABORT_1_MS,
  CallAbortTimeoutPending: ABORT_2_MS,
  CallDisconnectAckPending: DISCONNECT_1_MS,
  CallDisconnectTimeoutPending: DISCONNECT_2_MS,
  Closed: undefined,
};

/** Whether a machine that is in the state is on its way out. */
export function isEndingState(state: string): state is EndingState {
  return Object.hasOwn(TIMERS_MS, state);
}

/** The usual way into a state, for a machine that starts there. */
const REASONS: Readonly<Record<EndingState, SstpCloseReason>> = {
  CallAbortPending: 'aborted',
  CallAbortTimeoutPending: 'aborted-by-peer',
  CallDisconnectAckPending: 'timed-out',
  CallDisconnectTimeoutPending: 'disconnected-by-peer',
  Closed: 'aborted',
};

/** MS-SSTP 2.2.14: nothing is wrong with any attribute. */
function withoutAttribute(status: Status): StatusInfo {
  return { attributeId: AttributeId.NoError, status, value: NO_VALUE };
}
