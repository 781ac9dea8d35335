/**
 * A method that this server does not have: as many questions as whoever judges likes, in packets of the form of EAP (RFC
 * 3748 §4, Code, Identifier, Length) and under its protocol number. It is a row and what runs it, and nothing else knows it.
 */
import type { Instant } from '../../core/index.ts';
import { after, earliest } from '../../core/index.ts';
import type { AuthenticatorOptions } from '../../ppp/auth/authenticator.ts';
import type { AuthPeerAction, AuthPeerEvent, AuthPeerOptions } from '../../ppp/auth/peer.ts';
import type {
  AuthenticatorAction,
  AuthenticatorEvent,
  LinkAuthenticator,
  LinkAuthPeer,
  MethodRow,
} from '../../ppp/index.ts';

const Code = { Request: 1, Response: 2, Success: 3, Failure: 4 } as const;

/** The first is for the name. */
type State = 'Idle' | 'Asking' | 'Judging' | 'Done';

class QuestionsAuthenticator implements LinkAuthenticator {
  readonly #options: AuthenticatorOptions;
  #state: State = 'Idle';
  #identifier: number;
  #question: Uint8Array = Buffer.alloc(0);
  #name: string | undefined;
  #end: Instant | undefined;
  #resend: Instant | undefined;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    this.#identifier = options.identifier;
  }

  get deadline(): Instant | undefined {
    return earliest(this.#end, this.#resend);
  }

  handle(event: AuthenticatorEvent, now: Instant): AuthenticatorAction[] {
    switch (event.kind) {
      case 'start':
        this.#end = after(now, this.#options.timeoutMs);
        return this.#ask(Buffer.alloc(0), now);
      case 'packet':
        return this.#onPacket(event.payload);
      case 'verdict':
        return this.#onVerdict(event.verdict, now);
      case 'timeout':
        if (this.#end !== undefined && now >= this.#end) return this.#over([{ kind: 'timed-out' }]);
        if (this.#resend === undefined || now < this.#resend) return [];
        this.#resend = after(now, this.#options.restartMs);
        return [this.#send(Code.Request, this.#question)];
      default:
        return event satisfies never;
    }
  }

  #ask(question: Uint8Array, now: Instant): AuthenticatorAction[] {
    this.#state = 'Asking';
    this.#question = question;
    this.#resend = after(now, this.#options.firstRestartMs);
    return [this.#send(Code.Request, question)];
  }

  #onPacket(bytes: Buffer): AuthenticatorAction[] {
    const packet = decode(bytes);
    if (packet?.code !== Code.Response || this.#state !== 'Asking' || packet.identifier !== this.#identifier) return [];
    this.#state = 'Judging';
    this.#resend = undefined;
    const payload = Buffer.from(packet.data);
    if (this.#name !== undefined) return [{ kind: 'respond', payload }];
    this.#name = payload.toString();
    return [{ kind: 'verify', proof: { method: 'eap', name: this.#name, packet: payload } }];
  }

  #onVerdict(
    verdict: Extract<AuthenticatorEvent, { kind: 'verdict' }>['verdict'],
    now: Instant,
  ): AuthenticatorAction[] {
    if (this.#state !== 'Judging' || this.#name === undefined) return [];
    switch (verdict.kind) {
      case 'continue':
        this.#identifier = (this.#identifier + 1) & 0xff;
        return this.#ask(verdict.payload, now);
      case 'accept': {
        const { name, innerAuth } = verdict;
        return this.#over([this.#send(Code.Success), { kind: 'success', name, innerAuth }]);
      }
      case 'reject': {
        const { errorCode } = verdict;
        const failure = { kind: 'failure', name: this.#name, errorCode, isFinal: true } as const;
        return this.#over([this.#send(Code.Failure), failure]);
      }
      default:
        return verdict satisfies never;
    }
  }

  #over(actions: AuthenticatorAction[]): AuthenticatorAction[] {
    this.#state = 'Done';
    this.#end = undefined;
    this.#resend = undefined;
    return actions;
  }

  #send(code: number, data: Uint8Array = Buffer.alloc(0)): AuthenticatorAction {
    return { kind: 'send', payload: encode(code, this.#identifier, data) };
  }
}

class QuestionsPeer implements LinkAuthPeer {
  readonly #options: AuthPeerOptions;
  readonly #answer: (question: Buffer) => Buffer;
  #end: Instant | undefined;

  constructor(options: AuthPeerOptions, answer: (question: Buffer) => Buffer) {
    this.#options = options;
    this.#answer = answer;
  }

  get deadline(): Instant | undefined {
    return this.#end;
  }

  handle(event: AuthPeerEvent, now: Instant): AuthPeerAction[] {
    if (event.kind === 'start') this.#end = after(now, this.#options.timeoutMs);
    if (event.kind === 'timeout') return [{ kind: 'timed-out' }];
    const packet = event.kind === 'packet' ? decode(event.payload) : undefined;
    switch (packet?.code) {
      case Code.Request: {
        const isFirst = packet.data.length === 0;
        const data = isFirst ? Buffer.from(this.#options.credentials.name) : this.#answer(packet.data);
        return [{ kind: 'send', payload: encode(Code.Response, packet.identifier, data) }];
      }
      case Code.Success:
        this.#end = undefined;
        return [{ kind: 'success', innerAuth: { kind: 'no-keys' } }];
      case Code.Failure:
        this.#end = undefined;
        return [{ kind: 'failure', errorCode: 691, message: '' }];
      default:
        return [];
    }
  }
}

/** What the client answers to each question. */
export function questionsMethod(answer: (question: Buffer) => Buffer = (question) => question): MethodRow {
  return {
    ...{ name: 'questions', text: 'Questions', protocol: 0xc227, algorithm: [] },
    authenticator: (options) => new QuestionsAuthenticator(options),
    peer: (options) => new QuestionsPeer(options, answer),
    describe: (payload) => {
      const packet = decode(payload);
      const name = Object.entries(Code).find(([, code]) => code === packet?.code)?.[0];
      if (packet === undefined || name === undefined) return undefined;
      return { protocol: 'Questions', packet: name, identifier: packet.identifier, words: undefined };
    },
  };
}

function encode(code: number, identifier: number, data: Uint8Array): Buffer {
  const bytes = Buffer.concat([Buffer.of(code, identifier, 0, 0), data]);
  bytes.writeUInt16BE(bytes.length, 2);
  return bytes;
}

function decode(
  bytes: Buffer,
): { readonly code: number; readonly identifier: number; readonly data: Buffer } | undefined {
  const [code, identifier] = bytes;
  const length = bytes.length < 4 ? 0 : bytes.readUInt16BE(2);
  if (code === undefined || identifier === undefined || length < 4 || length > bytes.length) return undefined;
  return { code, identifier, data: bytes.subarray(4, length) };
}
