import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, type Instant } from '../../core/index.ts';
import {
  type AuthVerdict,
  type CredentialProof,
  type Ipv4Lease,
  type MsChapV2Answer,
  type MsChapV2Question,
  methodRows,
  type PppClientAction,
  PppClientLink,
  type PppClientOptions,
  type PppServerAction,
  type PppServerEvent,
  PppServerLink,
  type PppServerOptions,
} from '../../ppp/index.ts';

/** Bytes written as hexadecimal; blanks are for the reader. */
export function hex(text: string): Buffer {
  const digits = text.replace(/\s+/g, '');
  assert.match(digits, /^([0-9a-f]{2})*$/);
  return Buffer.from(digits, 'hex');
}

/** Reproducible "random" bytes: SHA-256 in counter mode. */
export function seededRandom(seed: string): (length: number) => Uint8Array {
  let counter = 0;
  return (length) => {
    counter += 1;
    return createHash('sha256').update(`${seed} ${counter}`).digest().subarray(0, length);
  };
}

/** Every byte the same, for frames that are written out. */
export function constantRandom(value: number): (length: number) => Uint8Array {
  return (length) => Buffer.alloc(length, value);
}

const COMMON = {
  mru: 1500,
  restartMs: 3000,
  maxConfigure: 10,
  maxTerminate: 2,
  maxFailure: 5,
  echoIntervalMs: 30_000,
  authTimeoutMs: 60_000,
} as const;

export const SERVER_OPTIONS: PppServerOptions = {
  ...COMMON,
  authMethods: methodRows(['mschapv2']),
  serverName: 'sstpd',
  random: constantRandom(0xa5),
  startDelayMs: 500,
  authRetries: 3,
  ipv6: true,
};

export const CLIENT_OPTIONS: PppClientOptions = {
  ...COMMON,
  credentials: { name: 'alice', password: 'correct horse' },
  authMethods: methodRows(['mschapv2', 'chap', 'pap']),
  random: constantRandom(0x5a),
  requestIpv6: true,
};

export const LEASE: Extract<PppServerEvent, { kind: 'lease' }> & { readonly ipv4: Ipv4Lease } = {
  kind: 'lease',
  ipv4: { address: 0x0a090008, serverAddress: 0x0a090001, dns: [0x09090909, 0x01010101], wins: [] },
  hasIpv6: true,
  interfaceId: Buffer.of(0, 0, 0, 0, 0, 0, 0, 2),
  serverInterfaceId: Buffer.of(0, 0, 0, 0, 0, 0, 0, 1),
};

/** Stands in for the arithmetic of RFC 2759 and RFC 3079, which is not part of PPP. */
export function fakeMsChapV2(password: string, challenge: Uint8Array, peerChallenge: Uint8Array): MsChapV2Answer {
  const digest = (salt: string) =>
    createHash('sha512').update(salt).update(password).update(challenge).update(peerChallenge).digest();
  return {
    kind: 'mschapv2-answer',
    ntResponse: digest('nt').subarray(0, 24),
    expectedAuthenticatorResponse: `S=${digest('s').toString('hex', 0, 20).toUpperCase()}`,
    hlak: digest('hlak').subarray(0, 32),
  };
}

export function answerQuestion(question: MsChapV2Question, password: string): MsChapV2Answer {
  return fakeMsChapV2(password, question.authenticatorChallenge, question.peerChallenge);
}

const REJECT = { kind: 'reject', errorCode: 691, retryAllowed: true, message: 'Authentication failure' } as const;

export function judgeProof(proof: CredentialProof, password: string): AuthVerdict {
  switch (proof.method) {
    case 'pap':
      if (proof.password !== password) return REJECT;
      return { kind: 'accept', name: proof.name, authenticatorResponse: undefined, innerAuth: { kind: 'no-keys' } };
    case 'chap': {
      const hash = createHash('md5').update(Buffer.of(proof.identifier)).update(password).update(proof.challenge);
      if (!hash.digest().equals(proof.response)) return REJECT;
      return { kind: 'accept', name: proof.name, authenticatorResponse: undefined, innerAuth: { kind: 'no-keys' } };
    }
    case 'mschapv2': {
      const expected = fakeMsChapV2(password, proof.authenticatorChallenge, proof.peerChallenge);
      if (!Buffer.from(expected.ntResponse).equals(proof.ntResponse)) return REJECT;
      const { expectedAuthenticatorResponse: authenticatorResponse, hlak } = expected;
      return { kind: 'accept', name: proof.name, authenticatorResponse, innerAuth: { kind: 'keys', hlaks: [hlak] } };
    }
    case 'eap':
      return REJECT; // no method of these links
    default:
      return proof satisfies never;
  }
}

/** The law of STYLE 3.2: a deadline that is not in the future makes the shell spin. */
export function assertDeadline(link: { readonly deadline: Instant | undefined }, now: Instant): void {
  assert.ok(link.deadline === undefined || link.deadline > now, `deadline ${link.deadline} at ${now}`);
}

export interface PairOptions {
  readonly server?: Partial<PppServerOptions>;
  readonly client?: Partial<PppClientOptions>;
  readonly latencyMs?: number;
  readonly verdictMs?: number;
  readonly leaseMs?: number;
  readonly serverPassword?: string;
  /** Instead of the password. */
  readonly judge?: (action: Extract<PppServerAction, { kind: 'verify-credentials' | 'respond' }>) => AuthVerdict;
  /** Whether a delayed frame delays those behind it, as TCP does. */
  readonly keepsOrder?: boolean;
  /** Extra delays of each copy of the n-th frame: [] loses it, [0, 5] doubles it. Undefined: unharmed. */
  readonly disturb?: (index: number) => readonly number[] | undefined;
}

type Scheduled = { readonly at: Instant; readonly order: number; readonly run: (now: Instant) => void };

/** A server's and a client's link with a wire in virtual time, and the parts of the shells that PPP needs. */
export class LinkPair {
  readonly server: PppServerLink;
  readonly client: PppClientLink;
  readonly serverActions: PppServerAction[] = [];
  readonly clientActions: PppClientAction[] = [];
  /** [when, direction, frame], as sent. */
  readonly frames: [Instant, '>' | '<', string][] = [];
  now: Instant = 0;
  readonly #options: PairOptions;
  readonly #password: string;
  readonly #latencyMs: number;
  #queue: Scheduled[] = [];
  #order = 0;
  #sent = 0;
  readonly #lastArrival = { '>': 0, '<': 0 };
  #isCallConnected = false;
  #isServerAuthenticated = false;
  #hasCallConnectedArrived = false;

  constructor(options: PairOptions = {}) {
    this.#options = options;
    this.#latencyMs = options.latencyMs ?? 10;
    this.server = new PppServerLink({ ...SERVER_OPTIONS, random: seededRandom('server'), ...options.server });
    const client = { ...CLIENT_OPTIONS, random: seededRandom('client'), ...options.client };
    this.client = new PppClientLink(client);
    this.#password = client.credentials.password;
    this.#at(0, (now) => this.#toServer({ kind: 'up' }, now));
    this.#at(this.#latencyMs, (now) => this.#toClient({ kind: 'up' }, now));
  }

  /** Runs until nothing is to be done before `until`, or `done` holds. */
  run(until: Instant, done: () => boolean = () => false): void {
    for (let steps = 0; !done(); steps++) {
      assert.ok(steps < 20_000, 'the links do not come to rest');
      this.#queue.sort((a, b) => a.at - b.at || a.order - b.order);
      const next = Math.min(
        this.#queue[0]?.at ?? Number.POSITIVE_INFINITY,
        this.server.deadline ?? Number.POSITIVE_INFINITY,
        this.client.deadline ?? Number.POSITIVE_INFINITY,
      );
      if (next > until) {
        this.now = until;
        return;
      }
      this.now = next;
      const head = this.#queue[0];
      if (head !== undefined && head.at <= next) {
        this.#queue.shift();
        head.run(next);
      } else if (this.server.deadline === next) {
        this.#toServer({ kind: 'timeout' }, next);
      } else {
        this.#toClient({ kind: 'timeout' }, next);
      }
    }
  }

  get isUp(): boolean {
    return this.server.phase === 'Network' && this.#lastOf('ipv4') === 'ipv4-up';
  }

  terminateServer(): void {
    this.#toServer({ kind: 'terminate', reason: 'test' }, this.now);
  }

  terminateClient(): void {
    this.#toClient({ kind: 'terminate', reason: 'test' }, this.now);
  }

  /** Gives the server a frame that its client never sent. */
  inject(frame: Buffer): void {
    this.#toServer({ kind: 'frame', frame }, this.now);
  }

  names(side: 'server' | 'client'): string[] {
    const actions: readonly { readonly kind: string }[] = side === 'server' ? this.serverActions : this.clientActions;
    return actions.map((action) => action.kind).filter((kind) => kind !== 'send');
  }

  #lastOf(family: 'ipv4' | 'ipv6'): string | undefined {
    const both = [this.serverActions, this.clientActions].map(
      (actions: readonly { readonly kind: string }[]) =>
        actions.findLast((action) => action.kind.startsWith(family))?.kind,
    );
    return both[0] === both[1] ? both[0] : undefined;
  }

  #at(at: Instant, run: (now: Instant) => void): void {
    this.#order += 1;
    this.#queue.push({ at, order: this.#order, run });
  }

  #transmit(direction: '>' | '<', frame: Buffer, now: Instant): void {
    this.frames.push([now, direction, frame.toString('hex')]);
    const delays = this.#options.disturb?.(this.#sent) ?? [0];
    this.#sent += 1;
    for (const delay of delays) {
      const soonest = this.#options.keepsOrder === true ? this.#lastArrival[direction] : 0;
      const arrival = Math.max(after(now, this.#latencyMs + delay), soonest);
      this.#lastArrival[direction] = arrival;
      this.#at(arrival, (then) => {
        if (direction === '>') this.#toServer({ kind: 'frame', frame }, then);
        else this.#toClient({ kind: 'frame', frame }, then);
      });
    }
  }

  #toServer(event: Parameters<PppServerLink['handle']>[0], now: Instant): void {
    const actions = this.server.handle(event, now);
    assertDeadline(this.server, now);
    this.serverActions.push(...actions);
    for (const action of actions) {
      if (action.kind === 'send') this.#transmit('<', action.frame, now);
      else if (action.kind === 'verify-credentials' || action.kind === 'respond') {
        const verdict = this.#options.judge?.(action) ?? this.#judge(action);
        const at = after(now, this.#options.verdictMs ?? 0);
        this.#at(at, (then) => this.#toServer({ kind: 'verdict', verdict }, then));
      } else if (action.kind === 'authenticated') {
        this.#isServerAuthenticated = true;
        this.#maybeOpenData(now);
      } else if (action.kind === 'lease-address') {
        this.#at(after(now, this.#options.leaseMs ?? 0), (then) => this.#toServer(LEASE, then));
      }
    }
  }

  #judge(action: Extract<PppServerAction, { kind: 'verify-credentials' | 'respond' }>): AuthVerdict {
    if (action.kind === 'respond') return REJECT;
    return judgeProof(action.proof, this.#options.serverPassword ?? this.#password);
  }

  #toClient(event: Parameters<PppClientLink['handle']>[0], now: Instant): void {
    const actions = this.client.handle(event, now);
    assertDeadline(this.client, now);
    this.clientActions.push(...actions);
    for (const action of actions) {
      if (action.kind === 'send') this.#transmit('>', action.frame, now);
      else if (action.kind === 'answer-mschapv2') {
        const answer = answerQuestion(action, this.#password);
        this.#at(now, (then) => this.#toClient(answer, then));
      } else if (action.kind === 'authenticated' && !this.#isCallConnected) {
        this.#isCallConnected = true;
        this.#at(after(now, this.#latencyMs), (then) => this.#maybeOpenData(then, true));
        this.#at(now, (then) => this.#toClient({ kind: 'data-open' }, then));
      }
    }
  }

  #maybeOpenData(now: Instant, arrives = false): void {
    this.#hasCallConnectedArrived ||= arrives;
    if (!this.#hasCallConnectedArrived || !this.#isServerAuthenticated) return;
    this.#toServer({ kind: 'data-open' }, now);
  }
}
