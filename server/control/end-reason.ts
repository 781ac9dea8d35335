/** Why a connection ended: one closed set for the log, explain, metrics, hooks and accounting. */
import type { PppDownReason } from '../../ppp/index.ts';
import type { SstpCloseReason } from '../../sstp/index.ts';

/** Values of Acct-Terminate-Cause, RFC 2866 §5.10. */
export type TerminateCause =
  | 'User-Request'
  | 'Lost-Carrier'
  | 'Admin-Reset'
  | 'Admin-Reboot'
  | 'Port-Error'
  | 'NAS-Error'
  | 'NAS-Request'
  | 'Port-Preempted'
  | 'Service-Unavailable'
  | 'User-Error';

const OF_PPP: Readonly<Record<PppDownReason, TerminateCause>> = {
  'terminated-by-us': 'NAS-Request',
  'terminated-by-peer': 'User-Request',
  'auth-failed': 'User-Error',
  'auth-timeout': 'User-Error',
  'no-auth-method': 'User-Error',
  'server-not-authentic': 'User-Error',
  'lcp-failed': 'Port-Error',
  loopback: 'Port-Error',
  'ncp-failed': 'Port-Error',
  'no-address': 'Service-Unavailable',
  'echo-silent': 'Lost-Carrier',
};
const OF_SSTP: Readonly<Record<SstpCloseReason, TerminateCause>> = {
  aborted: 'User-Error',
  'aborted-by-peer': 'User-Request',
  'binding-failed': 'User-Error',
  'negotiation-timeout': 'User-Error',
  disconnected: 'NAS-Request',
  'disconnected-by-peer': 'User-Request',
  'timed-out': 'Lost-Carrier',
  'peer-silent': 'Lost-Carrier',
};
/** What only the shell sees, or somebody wanted. */
type OwnReason =
  | 'killed-by-admin'
  | 'user-disabled'
  | 'user-removed'
  | 'password-changed'
  | 'replaced-by-new-connection'
  | 'server-shutdown'
  | 'hook-failed'
  | 'held-back' // its login waited too long for its turn
  | 'worker-ended'
  | 'internal-error'
  | 'crypto-binding-failed' // MS-SSTP 3.2.5.2
  | 'framing-error'
  | 'too-much-before-login'
  | 'http-timeout'
  | 'pushed-out' // it made room for others
  | 'dropped' // there was no place for it
  | 'peer-not-reading'
  | 'closed-by-peer'
  | 'reset-by-peer'
  | 'socket-error'
  | 'closed';

const OURS: Readonly<Record<OwnReason, TerminateCause>> = {
  'killed-by-admin': 'Admin-Reset',
  'user-disabled': 'Admin-Reset',
  'user-removed': 'Admin-Reset',
  'password-changed': 'Admin-Reset',
  'replaced-by-new-connection': 'Port-Preempted',
  'server-shutdown': 'Admin-Reboot',
  'hook-failed': 'NAS-Request',
  'held-back': 'NAS-Request',
  'worker-ended': 'NAS-Error',
  'internal-error': 'NAS-Error',
  'crypto-binding-failed': 'User-Error',
  'framing-error': 'Port-Error',
  'too-much-before-login': 'User-Error',
  'http-timeout': 'User-Error',
  'pushed-out': 'Port-Preempted',
  dropped: 'Port-Preempted',
  'peer-not-reading': 'Lost-Carrier',
  'closed-by-peer': 'Lost-Carrier',
  'reset-by-peer': 'Lost-Carrier',
  'socket-error': 'Lost-Carrier',
  closed: 'Lost-Carrier',
};

export type EndReason = PppDownReason | SstpCloseReason | OwnReason;

/** An answer other than 200 ends a connection that never had a session. */
export type HttpEnd = `http-${number}`;

/** What accounting calls each. */
export const TERMINATE_CAUSES: Readonly<Record<EndReason, TerminateCause>> = { ...OF_PPP, ...OF_SSTP, ...OURS };

export const END_REASONS: readonly EndReason[] = Object.keys(TERMINATE_CAUSES) as EndReason[];
