import type { Instant } from '../../core/index.ts';
import { AuthTimers } from './auth-timers.ts';
import { decodePapPacket, encodePapPacket } from './pap.ts';
import type { AuthPeerAction, AuthPeerEvent, AuthPeerOptions, LinkAuthPeer } from './peer.ts';

/** The code that Windows shows for a refused name or password; PAP and CHAP-MD5 carry none. */
const ERROR_AUTHENTICATION_FAILURE = 691;

/** The client's side of PAP, RFC 1334 §2. */
export class PapPeer implements LinkAuthPeer {
  readonly #options: AuthPeerOptions;
  readonly #timers: AuthTimers = new AuthTimers();
  #state: 'Idle' | 'Asking' | 'Done' = 'Idle';

  constructor(options: AuthPeerOptions) {
    this.#options = options;
  }

  get deadline(): Instant | undefined {
    return this.#timers.deadline;
  }

  handle(event: AuthPeerEvent, now: Instant): AuthPeerAction[] {
    switch (event.kind) {
      case 'start':
        if (this.#state !== 'Idle') return [];
        this.#timers.start(now, this.#options.timeoutMs);
        return this.#ask(now);
      case 'packet':
        return this.#onPacket(event.payload);
      case 'mschapv2-answer':
        return [];
      case 'timeout':
        if (this.#timers.isOver(now)) return this.#end({ kind: 'timed-out' });
        return this.#timers.isResendDue(now) ? this.#ask(now) : [];
      default:
        return event satisfies never;
    }
  }

  /** The same request again until it is answered: an answer to any copy counts (RFC 1334 §2.2.1). */
  #ask(now: Instant): AuthPeerAction[] {
    this.#state = 'Asking';
    this.#timers.resendAfter(now, this.#options.restartMs);
    const { identifier, credentials } = this.#options;
    const { name, password } = credentials;
    return [{ kind: 'send', payload: encodePapPacket({ type: 'AuthenticateRequest', identifier, name, password }) }];
  }

  #onPacket(payload: Buffer): AuthPeerAction[] {
    const packet = decodePapPacket(payload);
    if (packet === undefined || this.#state !== 'Asking' || packet.identifier !== this.#options.identifier) return [];
    switch (packet.type) {
      case 'AuthenticateRequest':
        return []; // nobody authenticates to us
      case 'AuthenticateAck':
        return this.#end({ kind: 'success', innerAuth: { kind: 'no-keys' } });
      case 'AuthenticateNak':
        return this.#end({ kind: 'failure', errorCode: ERROR_AUTHENTICATION_FAILURE, message: packet.message });
      default:
        return packet satisfies never;
    }
  }

  #end(action: AuthPeerAction): AuthPeerAction[] {
    this.#state = 'Done';
    this.#timers.stop();
    return [action];
  }
}
