import type { Account, Hold, LoginReason } from '../../auth/index.ts';
import type { Ipv4 } from '../../core/index.ts';
import type { CredentialProof, FinalVerdict } from '../../ppp/index.ts';
import type { PortalAnswer, PortalQuestion } from '../site/index.ts';
import type { EndReason } from './end-reason.ts';
import type { Lease } from './lease-desk.ts';
import type { Policy } from './policy.ts';

/**
 * Who knows users and addresses, seen from a tunnel: this process, or for a worker the supervisor. Answers come while the
 * call runs or later, and after `close` none but the one that it speaks of.
 */
export interface ControlPlane {
  open(session: SessionInfo): ControlSession;
  /**
   * What the user portal asks; it never rejects.
   *
   * @param gone aborted once nobody waits for the answer any more: a sign-in gives up its place in line
   */
  portal(question: PortalQuestion, gone?: AbortSignal): Promise<PortalAnswer>;
}

export interface SessionInfo {
  /** Unique among the sessions of this server. */
  readonly id: string;
  readonly peerAddress: string;
  /** The device that its packets are for. */
  readonly device: string;
  /** See `LeaseHolder.replace`: to call `release` before it returns, then disconnect. */
  replace(): Promise<void> | undefined;
  /** Told in order with the answer to `lease`, and only after it: what counts for the session from now on. */
  setPolicy(policy: Policy): void;
  disconnect(reason: EndReason): void;
}

/** Addresses, and what goes with them from the first packet on. */
export interface GrantedLease extends Lease {
  readonly policy: Policy;
}

/** One tunnel's business with users and addresses. */
export interface ControlSession {
  /**
   * Has a proof judged, after the wait that earlier failures cost. One at a time.
   *
   * @param held told at once if it has to wait, why, and whose name it is: see `Judgement.name`
   */
  verify(
    proof: CredentialProof,
    answer: (judgement: Judgement) => void,
    held: (hold: Hold, name: string) => void,
  ): void;
  /**
   * What the client says to the words of a judgement that was `continue`: of the same login, which has waited already. One
   * at a time, and once for each.
   */
  respond(payload: Uint8Array, answer: (judgement: Judgement) => void): void;
  /** Leases addresses for the user whose proof was accepted; undefined if none is left, or it gave up its claim. */
  lease(answer: (lease: GrantedLease | undefined) => void): void;
  /**
   * Has the IPv4 address of the lease changed for one that the client asks for; undefined if it keeps what it has. Once,
   * and only until `up`: who looks on at sessions has been told the address by then.
   */
  choose(wish: Ipv4, answer: (lease: GrantedLease | undefined) => void): void;
  /** Gives the addresses back for good. May be called again. */
  release(): void;
  /** Packets of the client pass: a network protocol that suffices is open (RFC 1661 3.7). May be called again. */
  up(): void;
  /**
   * The session ends: what it had is returned. An attempt without an answer keeps its place in line for a while.
   *
   * @returns whether `held` or `answer` of `verify`, or `answer` of `respond`, is still to be told, once, by who has the
   *   proof and has not spoken yet. It comes too late for the client, but says whom the name means.
   */
  close(end: SessionEnd): boolean;
}

/** How a session ended. */
export interface SessionEnd {
  /** As in the log. */
  readonly reason: EndReason;
  /** Of IP packets from and to the client. */
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export type Judgement =
  | {
      readonly kind: 'judged';
      readonly verdict: FinalVerdict;
      readonly reason: LoginReason;
      readonly user: Account | undefined;
      /** Of the user whom the name that was sent means; if it is nobody's, as it was sent. */
      readonly name: string;
      /** What the operator should know besides: see `LoginResult`. */
      readonly remark: string | undefined;
      /** How long it was held back. */
      readonly delayMs: number;
    }
  /** Words for the client; its answer is to be brought by `respond`. */
  | {
      readonly kind: 'continue';
      /** Counts these of a session, so that an answer is taken for no other one's. */
      readonly round: number;
      readonly payload: Uint8Array;
    }
  /** Its turn did not come for as long as it may wait: nobody looked at it. The session has to end. */
  | { readonly kind: 'held-back'; readonly hold: Hold; readonly name: string; readonly delayMs: number }
  /** Nobody could judge it, as where the user store can't be read, or not in time. The session has to end. */
  | { readonly kind: 'fault'; readonly error: string };
