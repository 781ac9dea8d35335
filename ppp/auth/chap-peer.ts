import { createHash, timingSafeEqual } from 'node:crypto';
import type { Instant } from '../../core/index.ts';
import { AuthTimers } from './auth-timers.ts';
import { decodeChapPacket, encodeChapPacket } from './chap.ts';
import {
  decodeMsChapV2Failure,
  decodeMsChapV2Success,
  encodeMsChapV2Response,
  MSCHAPV2_CHALLENGE_LENGTH,
} from './mschapv2.ts';
import type { AuthPeerAction, AuthPeerEvent, AuthPeerOptions, LinkAuthPeer, MsChapV2Answer } from './peer.ts';

/** The code that Windows shows for a refused name or password; PAP and CHAP-MD5 carry none. */
const ERROR_AUTHENTICATION_FAILURE = 691;

interface Challenge {
  readonly identifier: number;
  readonly value: Buffer;
}

type State =
  | { readonly kind: 'Idle' | 'AwaitingChallenge' | 'Done' }
  | { readonly kind: 'Computing'; readonly challenge: Challenge; readonly peerChallenge: Uint8Array }
  | {
      readonly kind: 'Responded';
      readonly challenge: Challenge;
      readonly response: Buffer;
      readonly answer: MsChapV2Answer | undefined; // MS-CHAPv2 only
    };

/** The client's side of CHAP, RFC 1994, with MD5 or as MS-CHAPv2, RFC 2759. The server may challenge again later. */
export class ChapPeer implements LinkAuthPeer {
  readonly #method: 'chap' | 'mschapv2';
  readonly #options: AuthPeerOptions;
  readonly #timers: AuthTimers = new AuthTimers();
  #state: State = { kind: 'Idle' };
  #hasSucceeded = false;

  constructor(method: 'chap' | 'mschapv2', options: AuthPeerOptions) {
    this.#method = method;
    this.#options = options;
  }

  get deadline(): Instant | undefined {
    return this.#timers.deadline;
  }

  handle(event: AuthPeerEvent, now: Instant): AuthPeerAction[] {
    switch (event.kind) {
      case 'start':
        if (this.#state.kind !== 'Idle') return [];
        this.#timers.start(now, this.#options.timeoutMs);
        this.#state = { kind: 'AwaitingChallenge' };
        return [];
      case 'packet':
        return this.#onPacket(event.payload, now);
      case 'mschapv2-answer':
        return this.#onAnswer(event, now);
      case 'timeout':
        if (this.#timers.isOver(now)) return this.#end({ kind: 'timed-out' });
        return this.#timers.isResendDue(now) ? this.#respond(now) : [];
      default:
        return event satisfies never;
    }
  }

  #onPacket(payload: Buffer, now: Instant): AuthPeerAction[] {
    const packet = decodeChapPacket(payload);
    if (packet === undefined || this.#state.kind === 'Idle' || this.#state.kind === 'Done') return [];
    switch (packet.type) {
      case 'Challenge':
        return this.#onChallenge({ identifier: packet.identifier, value: packet.value }, now);
      case 'Response':
        return []; // nobody authenticates to us
      case 'Success':
        return this.#onSuccess(packet.identifier, packet.message);
      case 'Failure':
        return this.#onFailure(packet.identifier, packet.message);
      default:
        return packet satisfies never;
    }
  }

  #onChallenge(challenge: Challenge, now: Instant): AuthPeerAction[] {
    const state = this.#state;
    if (this.#hasSucceeded) this.#timers.start(now, this.#options.timeoutMs); // a later check has its own time
    if (state.kind === 'Computing' && isSame(state.challenge, challenge)) return [];
    // The same Challenge again gets the same Response: another Peer-Challenge would not fit the S= of the first.
    if (state.kind === 'Responded' && isSame(state.challenge, challenge)) return this.#respond(now);
    const { name, password } = this.#options.credentials;
    switch (this.#method) {
      case 'chap': {
        // RFC 1994 §4.1: Identifier, secret, Challenge Value.
        const hash = createHash('md5').update(Buffer.of(challenge.identifier)).update(password, 'utf8');
        const value = hash.update(challenge.value).digest();
        return this.#ready(challenge, value, undefined, now);
      }
      case 'mschapv2': {
        if (challenge.value.length !== MSCHAPV2_CHALLENGE_LENGTH) return [];
        const peerChallenge = this.#options.random(MSCHAPV2_CHALLENGE_LENGTH);
        this.#state = { kind: 'Computing', challenge, peerChallenge };
        return [{ kind: 'answer-mschapv2', name, authenticatorChallenge: challenge.value, peerChallenge }];
      }
      default:
        return this.#method satisfies never;
    }
  }

  #onAnswer(answer: MsChapV2Answer, now: Instant): AuthPeerAction[] {
    if (this.#state.kind !== 'Computing') return [];
    const { challenge, peerChallenge } = this.#state;
    return this.#ready(challenge, encodeMsChapV2Response(peerChallenge, answer.ntResponse), answer, now);
  }

  #ready(challenge: Challenge, value: Buffer, answer: MsChapV2Answer | undefined, now: Instant): AuthPeerAction[] {
    const { identifier } = challenge;
    const response = encodeChapPacket({ type: 'Response', identifier, value, name: this.#options.credentials.name });
    this.#state = { kind: 'Responded', challenge, response, answer };
    return this.#respond(now);
  }

  /** Repeated until it is answered: RFC 1994 §4.2 has the server answer each copy alike. */
  #respond(now: Instant): AuthPeerAction[] {
    if (this.#state.kind !== 'Responded') return [];
    this.#timers.resendAfter(now, this.#options.restartMs);
    return [{ kind: 'send', payload: this.#state.response }];
  }

  #onSuccess(identifier: number, message: string): AuthPeerAction[] {
    const state = this.#state;
    if (state.kind !== 'Responded' || identifier !== state.challenge.identifier) return [];
    if (this.#method === 'mschapv2' && !isAuthentic(state.answer, message)) return this.#end({ kind: 'not-authentic' });
    this.#timers.stop();
    if (this.#hasSucceeded) return [];
    this.#hasSucceeded = true;
    const innerAuth =
      state.answer === undefined
        ? ({ kind: 'no-keys' } as const)
        : ({ kind: 'keys', hlaks: [state.answer.hlak] } as const);
    return [{ kind: 'success', innerAuth }];
  }

  #onFailure(identifier: number, message: string): AuthPeerAction[] {
    if (this.#state.kind !== 'Responded' || identifier !== this.#state.challenge.identifier) return [];
    const failure =
      this.#method === 'mschapv2'
        ? decodeMsChapV2Failure(message)
        : { errorCode: ERROR_AUTHENTICATION_FAILURE, message };
    return this.#end({ kind: 'failure', ...failure });
  }

  #end(action: AuthPeerAction): AuthPeerAction[] {
    this.#state = { kind: 'Done' };
    this.#timers.stop();
    return [action];
  }
}

function isSame(a: Challenge, b: Challenge): boolean {
  return a.identifier === b.identifier && a.value.equals(b.value);
}

/** Whether the server has proved that it knows the password too, in constant time. */
function isAuthentic(answer: MsChapV2Answer | undefined, message: string): boolean {
  const shown = decodeMsChapV2Success(message);
  if (answer === undefined || shown === undefined) return false;
  const expected = Buffer.from(answer.expectedAuthenticatorResponse);
  return expected.length === shown.length && timingSafeEqual(expected, Buffer.from(shown));
}
