import type { Attack, LoginReason, User } from '../../auth/index.ts';
import type { CredentialProof } from '../../ppp/index.ts';
import type { SessionEnd } from './control-plane.ts';
import type { EndReason } from './end-reason.ts';
import type { Lease } from './lease-desk.ts';
import type { Policy, PolicyKeys } from './policy.ts';

/** A login of a VPN client, in the portal or on the admin page, when it is over. */
export interface Login {
  readonly peerAddress: string;
  /** As the client sent it. */
  readonly name: string;
  readonly method: CredentialProof['method'] | 'portal' | 'admin';
  /**
   * `fault`: nobody could judge it, as where the user store can't be read. `abandoned`: its client did not wait for its turn,
   * or for the verdict. `held-back`: its turn did not come.
   */
  readonly reason: LoginReason | 'fault' | 'abandoned' | 'held-back';
}

/** A session whose client can send and receive. */
export interface LiveSession {
  readonly id: string;
  readonly peerAddress: string;
  /** The device that its packets are for. */
  readonly device: string;
  readonly user: User;
  readonly method: CredentialProof['method'];
  readonly lease: Lease;
  readonly since: Date;
  /** What counts for it now. */
  policy(): Policy;
  /** As `LocalControl.setPolicy`. */
  setPolicy(keys: Readonly<Partial<PolicyKeys>>): void;
  /** What it has carried, as last heard of. */
  traffic(): { readonly bytesIn: number; readonly bytesOut: number };
  disconnect(reason: EndReason): void;
}

/** Told by the control plane what becomes of sessions, in whichever process they are. Must not throw. */
export interface SessionObserver {
  judged?(login: Login): void;
  /** The guesses at a name, or on loopback at all names, are used up. */
  attacked?(attack: Attack): void;
  up?(session: LiveSession): void;
  /** Only of those that were up. */
  down?(session: LiveSession, end: SessionEnd): void;
}
