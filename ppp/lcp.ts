import { type MethodRow, methodOf } from './auth/methods.ts';
import {
  DEFAULT_MRU,
  decodeLcpOption,
  encodeLcpOption,
  judgeLcpOption,
  type LcpOption,
  MAX_MRU,
  MIN_MRU,
} from './lcp-options.ts';
import type { NegotiationPolicy, NegotiationProblem } from './negotiation-types.ts';
import type { OptionVerdict, RawOption } from './options.ts';

/** Requests with our own Magic-Number that are no copy of our request, before we call it a loop (RFC 1661 §6.4). */
const MAX_OWN_MAGIC = 5;

/** What both ends of LCP do alike: MRU and Magic-Number. */
abstract class LcpPolicy implements NegotiationPolicy<LcpOption> {
  /** In order of preference. */
  protected readonly methods: readonly MethodRow[];
  readonly #random: (length: number) => Uint8Array;
  #mru: number | undefined;
  #magic: number;
  #ownMagicSeen = 0;
  #peerMru = DEFAULT_MRU;
  #problem: NegotiationProblem | undefined;

  /** @param methods in order of preference, at least one */
  constructor(mru: number, methods: readonly MethodRow[], random: (length: number) => Uint8Array) {
    this.methods = methods;
    this.#random = random;
    this.#mru = mru;
    this.#magic = this.#freshMagic();
  }

  /** What the peer takes, at most what SSTP carries: RFC 1661 §6.1. */
  get peerMru(): number {
    return this.#peerMru;
  }

  /** Ours, for Echo and its kin; 0 if the peer rejected the option (RFC 1661 §5.8). */
  get magic(): number {
    return this.#magic;
  }

  get isDistinctive(): boolean {
    return this.#magic !== 0;
  }

  get problem(): NegotiationProblem | undefined {
    return this.#problem;
  }

  decode(raw: RawOption): LcpOption {
    return decodeLcpOption(raw);
  }

  encode(option: LcpOption): RawOption {
    return encodeLcpOption(option);
  }

  request(): readonly LcpOption[] {
    const options: LcpOption[] = [];
    if (this.#mru !== undefined) options.push({ type: 'Mru', mru: this.#mru });
    options.push(...this.authRequest());
    if (this.#magic !== 0) options.push({ type: 'MagicNumber', magic: this.#magic });
    return options;
  }

  judge(option: LcpOption): OptionVerdict<LcpOption> {
    if (option.type === 'MagicNumber' && option.magic !== 0 && option.magic === this.#magic) {
      this.#ownMagicSeen += 1;
      if (this.#ownMagicSeen >= MAX_OWN_MAGIC) this.#problem = 'loopback';
    }
    return judgeLcpOption(option, {
      ownMagic: this.#magic,
      suggestMagic: () => this.#freshMagic(),
      judgeAuth: (protocol, data) => this.judgeAuth(protocol, data),
    });
  }

  missing(): readonly LcpOption[] {
    return [];
  }

  agreed(options: readonly LcpOption[]): void {
    this.#peerMru = DEFAULT_MRU;
    for (const option of options) {
      if (option.type === 'Mru') this.#peerMru = Math.min(option.mru, MAX_MRU);
    }
    this.authAgreed(options);
  }

  nakked(options: readonly LcpOption[]): void {
    for (const option of options) {
      switch (option.type) {
        case 'Mru':
          if (this.#mru !== undefined && option.mru >= MIN_MRU && option.mru <= MAX_MRU) this.#mru = option.mru;
          break;
        case 'MagicNumber':
          // RFC 1661 §6.4: choose a new one; the peer's suggestion is not a number of ours.
          if (this.#magic !== 0) this.#magic = this.#freshMagic();
          break;
        case 'AuthProtocol':
          break; // below: several of them in one Nak are one refusal
        case 'Accm':
        case 'Other':
          break; // never asked for
        default:
          option satisfies never;
      }
    }
    const wishes = options.flatMap((option) => (option.type === 'AuthProtocol' ? [option] : []));
    if (wishes.length > 0) this.authNakked(wishes.flatMap((wish) => this.ourMethodOf(wish) ?? []));
  }

  rejected(options: readonly LcpOption[]): void {
    for (const option of options) {
      switch (option.type) {
        case 'Mru':
          this.#mru = undefined;
          break;
        case 'MagicNumber':
          this.#magic = 0;
          break;
        case 'AuthProtocol':
          this.authRejected();
          break;
        case 'Accm':
        case 'Other':
          break; // never asked for
        default:
          option satisfies never;
      }
    }
  }

  /** Which of our methods an Authentication-Protocol option means. */
  protected ourMethodOf({
    protocol,
    data,
  }: {
    readonly protocol: number;
    readonly data: Buffer;
  }): MethodRow | undefined {
    return methodOf(this.methods, protocol, data);
  }

  protected fail(problem: NegotiationProblem): void {
    this.#problem = problem;
  }

  protected abstract authRequest(): readonly LcpOption[];
  protected abstract judgeAuth(protocol: number, data: Buffer): OptionVerdict<LcpOption>;
  protected abstract authAgreed(options: readonly LcpOption[]): void;
  /** @param wishes what the peer would rather do, as far as we may do it */
  protected abstract authNakked(wishes: readonly MethodRow[]): void;
  protected abstract authRejected(): void;

  #freshMagic(): number {
    return Buffer.from(this.#random(4)).readUInt32BE(0) || 1; // zero is illegal
  }
}

/** Naks to one method before it is not asked for any more. */
const MOST_AUTH_REFUSALS = 2;

/** The server's LCP: it asks for authentication, method after method, and lets nobody ask it. */
export class LcpServerPolicy extends LcpPolicy {
  readonly #refusals = new Map<MethodRow, number>();
  /** Refused by a Nak that names none of ours: the peer may come to want it when it has seen what there is. */
  readonly #refusedForWant = new Set<MethodRow>();
  #authMethod: MethodRow | undefined;

  /** @param methods in order of preference, at least one */
  constructor(mru: number, methods: readonly MethodRow[], random: (length: number) => Uint8Array) {
    super(mru, methods, random);
    this.#authMethod = methods[0];
  }

  /** The method that we ask for; once LCP is open, the agreed one. */
  get authMethod(): MethodRow | undefined {
    return this.#authMethod;
  }

  protected override authRequest(): readonly LcpOption[] {
    return this.authMethod === undefined ? [] : [authOption(this.authMethod)];
  }

  protected override judgeAuth(): OptionVerdict<LcpOption> {
    return { kind: 'reject' };
  }

  protected override authAgreed(): void {}

  /**
   * RFC 1661 §5.3: a Nak says what the peer would take, so that comes next if it is on the list, also where another Nak
   * passed over it before. Else the first of the list, in case the peer sees that it gets nothing better. Each of n
   * methods can be refused twice, and once more if the peer asks for it after a refusal for want of one of ours, so 3n
   * Naks are the most there are.
   */
  protected override authNakked(wishes: readonly MethodRow[]): void {
    this.#refused(1);
    if (this.#authMethod !== undefined && wishes.length === 0) this.#refusedForWant.add(this.#authMethod);
    this.#choose(wishes);
  }

  /** RFC 1661 §5.4: a rejected option MUST NOT be in the next request, so this method is out at once. */
  protected override authRejected(): void {
    this.#refused(Number.POSITIVE_INFINITY);
    this.#choose([]);
  }

  #refused(times: number): void {
    const method = this.#authMethod;
    if (method !== undefined) this.#refusals.set(method, (this.#refusals.get(method) ?? 0) + times);
  }

  /** @param wishes ours that the peer names, its favourite first */
  #choose(wishes: readonly MethodRow[]): void {
    const isOpen = (method: MethodRow): boolean => (this.#refusals.get(method) ?? 0) < MOST_AUTH_REFUSALS;
    const reopened = wishes.find((wish) => this.#mayReopen(wish));
    this.#authMethod = wishes.find(isOpen) ?? reopened ?? this.methods.find(isOpen);
    if (this.#authMethod === undefined) this.fail('no-auth-method');
  }

  /** One more request, whose refusal is one too many: so it happens once. */
  #mayReopen(method: MethodRow): boolean {
    return this.#refusals.get(method) === MOST_AUTH_REFUSALS && this.#refusedForWant.has(method);
  }
}

/** The client's LCP: it takes the server's method if it is on its list, else it names its first. */
export class LcpClientPolicy extends LcpPolicy {
  #agreed: MethodRow | undefined;

  /** What the server asked for and we acked; undefined if it wants no authentication. */
  get authMethod(): MethodRow | undefined {
    return this.#agreed;
  }

  protected override authRequest(): readonly LcpOption[] {
    return [];
  }

  protected override judgeAuth(protocol: number, data: Buffer): OptionVerdict<LcpOption> {
    if (this.ourMethodOf({ protocol, data }) !== undefined) return { kind: 'ack' };
    const [preferred] = this.methods;
    return preferred === undefined ? { kind: 'reject' } : { kind: 'nak', suggest: authOption(preferred) };
  }

  protected override authAgreed(options: readonly LcpOption[]): void {
    this.#agreed = undefined;
    for (const option of options) {
      if (option.type === 'AuthProtocol') this.#agreed = this.ourMethodOf(option);
    }
  }

  protected override authNakked(): void {}

  protected override authRejected(): void {}
}

function authOption({ protocol, algorithm }: MethodRow): LcpOption {
  return { type: 'AuthProtocol', protocol, data: Buffer.from(algorithm) };
}
