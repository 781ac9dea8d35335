import type { LoginReason, User } from '../auth/index.ts';
import type { CredentialProof } from '../ppp/index.ts';
import type { SessionEnd } from './control-plane.ts';
import type { Lease } from './lease-desk.ts';

/** A login that was judged, of a VPN client or in the portal. */
export interface Login {
  readonly peerAddress: string;
  /** As the client sent it. */
  readonly name: string;
  readonly method: CredentialProof['method'] | 'portal';
  /** `fault`: the user store could not be read; `abandoned`: the client did not wait for the answer. */
  readonly reason: LoginReason | 'fault' | 'abandoned';
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
  /** What it has carried, as last heard of. */
  traffic(): { readonly bytesIn: number; readonly bytesOut: number };
  disconnect(reason: string): void;
}

/** Told by the control plane what becomes of sessions, in whichever process they are. Must not throw. */
export interface SessionObserver {
  judged?(login: Login): void;
  up?(session: LiveSession): void;
  /** Only of those that were up. */
  down?(session: LiveSession, end: SessionEnd): void;
}
