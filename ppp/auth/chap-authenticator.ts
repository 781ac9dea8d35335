import type { Instant } from '../../core/index.ts';
import { AuthTimers } from './auth-timers.ts';
import {
  type AuthenticatorAction,
  type AuthenticatorEvent,
  type AuthenticatorOptions,
  finalVerdict,
  type LinkAuthenticator,
} from './authenticator.ts';
import { type ChapPacket, decodeChapPacket, encodeChapPacket } from './chap.ts';
import {
  decodeMsChapV2Response,
  encodeMsChapV2Failure,
  encodeMsChapV2Success,
  MSCHAPV2_CHALLENGE_LENGTH,
} from './mschapv2.ts';
import type { CredentialProof, FinalVerdict, NameOnWire } from './types.ts';

const MD5_LENGTH = 16;

type State =
  | 'Idle'
  | 'Challenged' // the Challenge is out and is sent again
  | 'Verifying' // a Response is with whoever knows the secrets
  | 'AwaitingRetry' // MS-CHAPv2: a Failure with R=1 carried the next challenge; a person may be typing
  | 'Done';

/** The server's side of CHAP, RFC 1994, with MD5 or as MS-CHAPv2, RFC 2759. */
export class ChapAuthenticator implements LinkAuthenticator {
  readonly #method: 'chap' | 'mschapv2';
  readonly #options: AuthenticatorOptions;
  readonly #timers: AuthTimers = new AuthTimers();
  #state: State = 'Idle';
  #identifier: number;
  #challenge: Buffer = Buffer.alloc(0);
  #name = '';
  #retriesLeft: number;
  /** Our last Success or Failure, for a Response that comes again. */
  #answer: { readonly identifier: number; readonly payload: Buffer } | undefined;

  constructor(method: 'chap' | 'mschapv2', options: AuthenticatorOptions) {
    this.#method = method;
    this.#options = options;
    this.#identifier = options.identifier;
    this.#retriesLeft = method === 'mschapv2' ? options.retries : 0;
  }

  get deadline(): Instant | undefined {
    return this.#timers.deadline;
  }

  handle(event: AuthenticatorEvent, now: Instant): AuthenticatorAction[] {
    switch (event.kind) {
      case 'start':
        if (this.#state !== 'Idle') return [];
        this.#timers.start(now, this.#options.timeoutMs);
        this.#challenge = this.#freshChallenge();
        return this.#sendChallenge(now, this.#options.firstRestartMs);
      case 'packet':
        return this.#onPacket(event.payload);
      case 'verdict':
        return this.#onVerdict(finalVerdict(event.verdict));
      case 'timeout':
        return this.#onTimeout(now);
      default:
        return event satisfies never;
    }
  }

  /** RFC 1994 §4.1. A repeated Challenge is the same one, so that a Response to either copy counts. */
  #sendChallenge(now: Instant, againAfterMs: number): AuthenticatorAction[] {
    this.#state = 'Challenged';
    this.#timers.resendAfter(now, againAfterMs);
    const { serverName: name } = this.#options;
    return [send({ type: 'Challenge', identifier: this.#identifier, value: this.#challenge, name })];
  }

  #onPacket(payload: Buffer): AuthenticatorAction[] {
    const packet = decodeChapPacket(payload);
    if (packet?.type !== 'Response') return [];
    // RFC 1994 §4.2: the answer to a Response may have been lost; the same Identifier gets the same answer.
    if (packet.identifier === this.#answer?.identifier) return [{ kind: 'send', payload: this.#answer.payload }];
    if (this.#state !== 'Challenged' && this.#state !== 'AwaitingRetry') return [];
    if (packet.identifier !== this.#identifier) return [];
    const proof = this.#proof(packet, packet.value);
    if (proof === undefined) return [];
    this.#state = 'Verifying';
    this.#name = packet.name;
    this.#timers.stopResending();
    return [{ kind: 'verify', proof }];
  }

  #proof({ name, nameBytes }: NameOnWire, value: Buffer): CredentialProof | undefined {
    const named = { name, ...(nameBytes && { nameBytes }) };
    const challenge = this.#challenge;
    switch (this.#method) {
      case 'chap':
        if (value.length !== MD5_LENGTH) return undefined;
        return { method: 'chap', ...named, identifier: this.#identifier, challenge, response: value };
      case 'mschapv2': {
        const response = decodeMsChapV2Response(value);
        return response && { method: 'mschapv2', ...named, authenticatorChallenge: challenge, ...response };
      }
      default:
        return this.#method satisfies never;
    }
  }

  #onVerdict(verdict: FinalVerdict): AuthenticatorAction[] {
    if (this.#state !== 'Verifying') return [];
    if (verdict.kind === 'reject') return this.#reject(verdict);
    if (this.#method === 'mschapv2' && verdict.authenticatorResponse === undefined) {
      throw new TypeError('an accepting verdict for MS-CHAPv2 needs an authenticatorResponse');
    }
    const message =
      verdict.authenticatorResponse === undefined
        ? 'Access granted'
        : encodeMsChapV2Success(verdict.authenticatorResponse);
    this.#state = 'Done';
    this.#timers.stop();
    return [
      this.#sendAnswer('Success', message),
      { kind: 'success', name: verdict.name, innerAuth: verdict.innerAuth },
    ];
  }

  #reject(verdict: Extract<FinalVerdict, { kind: 'reject' }>): AuthenticatorAction[] {
    const { errorCode } = verdict;
    const retryAllowed = verdict.retryAllowed && this.#retriesLeft > 0;
    const challenge = this.#freshChallenge();
    const text =
      this.#method === 'mschapv2'
        ? encodeMsChapV2Failure({ errorCode, retryAllowed, challenge, message: verdict.message })
        : verdict.message;
    const answer = this.#sendAnswer('Failure', text);
    if (retryAllowed) {
      // RFC 2759 §6: the retry answers the challenge in the Failure, with the next Identifier.
      this.#state = 'AwaitingRetry';
      this.#retriesLeft -= 1;
      this.#identifier = (this.#identifier + 1) & 0xff;
      this.#challenge = challenge;
    } else {
      this.#state = 'Done';
      this.#timers.stop();
    }
    return [answer, { kind: 'failure', name: this.#name, errorCode, isFinal: !retryAllowed }];
  }

  #onTimeout(now: Instant): AuthenticatorAction[] {
    if (this.#timers.isOver(now)) {
      this.#state = 'Done';
      this.#timers.stop();
      return [{ kind: 'timed-out' }];
    }
    return this.#timers.isResendDue(now) ? this.#sendChallenge(now, this.#options.restartMs) : [];
  }

  #sendAnswer(type: 'Success' | 'Failure', message: string): AuthenticatorAction {
    const payload = encodeChapPacket({ type, identifier: this.#identifier, message });
    this.#answer = { identifier: this.#identifier, payload };
    return { kind: 'send', payload };
  }

  #freshChallenge(): Buffer {
    return Buffer.from(this.#options.random(MSCHAPV2_CHALLENGE_LENGTH));
  }
}

function send(packet: ChapPacket): AuthenticatorAction {
  return { kind: 'send', payload: encodeChapPacket(packet) };
}
