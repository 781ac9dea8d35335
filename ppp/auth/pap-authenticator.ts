import type { Instant } from '../../core/index.ts';
import { AuthTimers } from './auth-timers.ts';
import {
  type AuthenticatorAction,
  type AuthenticatorEvent,
  type AuthenticatorOptions,
  finalVerdict,
  type LinkAuthenticator,
} from './authenticator.ts';
import { decodePapPacket, encodePapPacket } from './pap.ts';
import type { FinalVerdict } from './types.ts';

type State =
  | { readonly kind: 'Idle' | 'Waiting' }
  | { readonly kind: 'Verifying'; readonly identifier: number; readonly name: string }
  | { readonly kind: 'Done'; readonly answer: 'AuthenticateAck' | 'AuthenticateNak' };

/**
 * The server's side of PAP, RFC 1334 §2: one request, one verdict. It goes without a Message, whose form some clients
 * can't read: see `encodePapPacket`.
 */
export class PapAuthenticator implements LinkAuthenticator {
  readonly #options: AuthenticatorOptions;
  readonly #timers: AuthTimers = new AuthTimers();
  #state: State = { kind: 'Idle' };

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  get deadline(): Instant | undefined {
    return this.#timers.deadline;
  }

  handle(event: AuthenticatorEvent, now: Instant): AuthenticatorAction[] {
    switch (event.kind) {
      case 'start':
        if (this.#state.kind !== 'Idle') return [];
        this.#state = { kind: 'Waiting' };
        this.#timers.start(now, this.#options.timeoutMs);
        return [];
      case 'packet':
        return this.#onPacket(event.payload);
      case 'verdict':
        return this.#onVerdict(finalVerdict(event.verdict));
      case 'timeout':
        if (!this.#timers.isOver(now)) return [];
        this.#timers.stop();
        return [{ kind: 'timed-out' }];
      default:
        return event satisfies never;
    }
  }

  #onPacket(payload: Buffer): AuthenticatorAction[] {
    const packet = decodePapPacket(payload);
    if (packet?.type !== 'AuthenticateRequest') return [];
    const { type: _, identifier, ...named } = packet;
    const { name } = named;
    switch (this.#state.kind) {
      case 'Idle':
      case 'Verifying':
        return [];
      case 'Waiting':
        this.#state = { kind: 'Verifying', identifier, name };
        return [{ kind: 'verify', proof: { method: 'pap', ...named } }];
      case 'Done':
        // §2.2.1: our answer may have been lost; the same code again, whatever the request says.
        return [sendAnswer(this.#state.answer, identifier)];
      default:
        return this.#state satisfies never;
    }
  }

  #onVerdict(verdict: FinalVerdict): AuthenticatorAction[] {
    if (this.#state.kind !== 'Verifying') return [];
    const { identifier, name } = this.#state;
    this.#timers.stop();
    const answer = verdict.kind === 'accept' ? 'AuthenticateAck' : 'AuthenticateNak';
    this.#state = { kind: 'Done', answer };
    return [
      sendAnswer(answer, identifier),
      verdict.kind === 'accept'
        ? { kind: 'success', name: verdict.name, innerAuth: verdict.innerAuth }
        : { kind: 'failure', name, errorCode: verdict.errorCode, isFinal: true },
    ];
  }
}

function sendAnswer(type: 'AuthenticateAck' | 'AuthenticateNak', identifier: number): AuthenticatorAction {
  return { kind: 'send', payload: encodePapPacket({ type, identifier, message: '' }) };
}
