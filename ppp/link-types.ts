import type { Instant } from '../core/index.ts';
import type { MethodRow } from './auth/methods.ts';
import type { IpcpOption } from './ipcp-options.ts';
import type { Ipv6cpOption } from './ipv6cp-options.ts';
import type { NegotiationPolicy, NegotiationProblem } from './negotiation-types.ts';

/** RFC 1661 §3.2. */
export type PppPhase = 'Dead' | 'Establish' | 'Authenticate' | 'Network' | 'Terminate';

/** Why a link is over. */
export type PppDownReason =
  | 'terminated-by-us'
  | 'terminated-by-peer'
  | 'auth-failed'
  | 'auth-timeout'
  | 'no-auth-method' // no method that both sides take
  | 'server-not-authentic' // client only: the server does not know the password
  | 'lcp-failed' // LCP found no agreement or no answer
  | 'loopback' // we hear only ourselves
  | 'ncp-failed' // neither IPCP nor IPv6CP can open
  | 'no-address' // the pool had none
  | 'echo-silent'; // four Echo-Requests without a sign of life

/** What kept a protocol from opening, for whoever has to explain it. */
export interface LinkFault {
  readonly protocol: 'LCP' | 'IPCP' | 'IPv6CP';
  readonly problem:
    | NegotiationProblem
    | 'no-agreement' // no answer to our requests, or a Code-Reject of what it can't do without
    | 'rejected' // by a Protocol-Reject
    | 'unusable'; // what was agreed on is of no use
}

/** Why and how a link is over, or is about to be. */
export interface LinkEnd {
  readonly reason: PppDownReason;
  /** For the log. */
  readonly detail: string;
  /** Absent where no protocol is to blame. */
  readonly fault?: LinkFault;
}

/** What both ends of a link ask of their shell. */
export type CommonLinkAction =
  | { readonly kind: 'send'; readonly frame: Buffer } // whole, from FF 03
  /** An Identification of the peer (RFC 1570 §2.1): printable ASCII, at most 64 characters, at most 8 per link. */
  | { readonly kind: 'peer-info'; readonly text: string }
  | { readonly kind: 'ipv4-down' }
  | { readonly kind: 'ipv6-down' }
  /** The peer ends the link and has its Terminate-Ack; `down` follows if it does not close the carrier soon. */
  | ({ readonly kind: 'terminating' } & LinkEnd)
  /** A network protocol can't open and is left alone; the link goes on if another one carries it. */
  | { readonly kind: 'network-failed'; readonly fault: LinkFault }
  /** The link is over; no event yields an action any more. */
  | ({ readonly kind: 'down' } & LinkEnd);

/** What both ends of a link are told. */
export type CommonLinkEvent =
  /** Any PPP frame that is not IPv4 or IPv6 data. It is not kept. */
  | { readonly kind: 'frame'; readonly frame: Buffer }
  /** A user, an operator or a shutdown ends it. `reason` is for the log. */
  | { readonly kind: 'terminate'; readonly reason: string }
  | { readonly kind: 'timeout' };

/** Timers and counters of RFC 1661 §4.6 and what else both ends have to set. */
export interface CommonLinkOptions {
  /** The MRU we ask for, 1500. */
  readonly mru: number;
  /** How the client may log in, in order of preference, at least one. */
  readonly authMethods: readonly MethodRow[];
  readonly random: (length: number) => Uint8Array;
  /** The Restart timer, 3000. The first repetition comes after a second, or two round trips if that is longer. */
  readonly restartMs: number;
  /** Configure-Requests without an answer, 10. */
  readonly maxConfigure: number;
  /** Terminate-Requests without an answer, 2. */
  readonly maxTerminate: number;
  /** Configure-Naks before we reject instead, 5. */
  readonly maxFailure: number;
  /** Echo-Request after this time without any received frame, 30000; the fourth unanswered one ends the link. */
  readonly echoIntervalMs: number;
  /** For the whole authentication, 60000. */
  readonly authTimeoutMs: number;
}

/** What the two ends do differently; `LinkCore` asks. */
export interface LinkSide {
  /** LCP is open: begin the authentication. */
  onLcpUp(now: Instant): void;
  /** LCP is no longer open: forget the authentication. */
  onLcpDown(): void;
  /** @returns false if no authentication with this protocol goes on */
  onAuthPacket(protocol: number, payload: Buffer, now: Instant): boolean;
  /** The peer rejected our authentication protocol by a Protocol-Reject, RFC 1661 §5.7. */
  isAuthProtocol(protocol: number): boolean;
  onAuthTimeout(now: Instant): void;
  readonly authDeadline: Instant | undefined;
  /** A packet of a network protocol in the network phase, before `startNetworks`. */
  onEarlyNetworkFrame(frame: Buffer): void;
  /** @param suffices whether the link is worth keeping for this protocol alone */
  onNetworkUp(protocol: 'ipv4' | 'ipv6', suffices: boolean, now: Instant): void;
}

/** How a side wants its network protocols run. */
export interface NetworkPlan {
  readonly ipcp: NegotiationPolicy<IpcpOption>;
  /** Undefined: IPv6CP is refused. */
  readonly ipv6cp: NegotiationPolicy<Ipv6cpOption> | undefined;
  readonly ipcpDelayMs: number;
  readonly ipv6cpDelayMs: number;
  readonly ipv6Suffices: boolean;
}
