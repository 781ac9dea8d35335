import type { ControlPacket } from './control-packet.ts';
import type { OptionVerdict, RawOption } from './options.ts';

/** What LCP, IPCP and IPv6CP differ in: which options they ask for and how they judge the peer's. */
export interface NegotiationPolicy<Option> {
  /** Whether our request carries a random value, so that a copy of it can only be our own coming back. */
  readonly isDistinctive: boolean;
  /** Set by the policy when going on is pointless. */
  readonly problem: NegotiationProblem | undefined;
  decode(raw: RawOption): Option;
  encode(option: Option): RawOption;
  /** The options of our next Configure-Request. */
  request(): readonly Option[];
  judge(option: Option): OptionVerdict<Option>;
  /** Options that must be in the peer's request and are not; they go into our Nak (RFC 1661 §5.3). */
  missing(options: readonly Option[]): readonly Option[];
  /** We have acked these options of the peer. */
  agreed(options: readonly Option[]): void;
  /** The peer's Configure-Nak to our request. */
  nakked(options: readonly Option[]): void;
  /** The peer's Configure-Reject to our request: each option stood in it. */
  rejected(options: readonly Option[]): void;
}

export type NegotiationProblem = 'not-converging' | 'no-auth-method' | 'loopback';

export interface NegotiationOptions {
  /** Between repetitions; the first one may come sooner, see `firstRestartMs`. */
  readonly restartMs: number;
  /** The peer's longest round trip so far, where one is known. */
  readonly roundTripMs?: number | undefined;
  /** Configure-Requests without an answer. */
  readonly maxConfigure: number;
  readonly maxTerminate: number;
  /** Configure-Naks sent before we reject instead, RFC 1661 §4.6. */
  readonly maxFailure: number;
  /**
   * How long the Up event waits for the peer's first packet: 0 for not at all, Infinity for as long as it takes.
   * Windows drops a Configure-Request that comes before its own and so loses a restart period.
   */
  readonly startDelayMs: number;
  /** Codes from 8 on are LCP's, RFC 1661 §5. */
  readonly isLcp: boolean;
}

export type NegotiationEvent =
  | { readonly kind: 'up' | 'down' | 'open' | 'close' | 'timeout' }
  | { readonly kind: 'packet'; readonly packet: ControlPacket; readonly bytes: Uint8Array }
  /** A Protocol-Reject of this protocol, RFC 1661 §5.7. */
  | { readonly kind: 'protocol-rejected' };

export type NegotiationAction =
  | { readonly kind: 'send'; readonly payload: Buffer }
  | { readonly kind: 'up' | 'down' | 'finished' }
  /** The packet just given is an Echo or Discard in the Opened state. */
  | { readonly kind: 'answer-echo' }
  /** It can't succeed. Only `close` and `down` make sense from here. */
  | { readonly kind: 'failed'; readonly problem: NegotiationProblem };
