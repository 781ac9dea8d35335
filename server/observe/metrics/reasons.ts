/** The closed sets of label values: what is in none of them counts as `other`, so that nobody can make series without end. */
import type { PppDownReason } from '../../../ppp/index.ts';
import type { SstpCloseReason } from '../../../sstp/index.ts';

const PPP: readonly PppDownReason[] = [
  'terminated-by-us',
  'terminated-by-peer',
  'auth-failed',
  'auth-timeout',
  'no-auth-method',
  'server-not-authentic',
  'lcp-failed',
  'loopback',
  'ncp-failed',
  'no-address',
  'echo-silent',
];
const SSTP: readonly SstpCloseReason[] = [
  'aborted',
  'aborted-by-peer',
  'binding-failed',
  'negotiation-timeout',
  'disconnected',
  'disconnected-by-peer',
  'timed-out',
  'peer-silent',
];
const OURS = [
  'killed-by-admin',
  'user-disabled',
  'user-removed',
  'password-changed',
  'replaced-by-new-connection',
  'server-shutdown',
  'hook-failed',
  'worker-ended',
  'peer-not-reading',
  'too-much-before-login',
  'pushed-out',
  'framing-error',
  'internal-error',
  'closed-by-peer',
  'reset-by-peer',
  'socket-error',
];
const ENDS: ReadonlySet<string> = new Set([...PPP, ...SSTP, ...OURS]);

/** Why a session ended, of its reason in the log. */
export function endReason(reason: string): string {
  return among(ENDS, reason.replace(/^socket-error .*/, 'socket-error'));
}

/** RFC 8446 6.2 and RFC 5246 7.2, what clients send when they dislike a server. */
const ALERTS = [
  'unexpected_message',
  'bad_record_mac',
  'handshake_failure',
  'bad_certificate',
  'unsupported_certificate',
  'certificate_revoked',
  'certificate_expired',
  'certificate_unknown',
  'illegal_parameter',
  'unknown_ca',
  'access_denied',
  'decode_error',
  'decrypt_error',
  'protocol_version',
  'insufficient_security',
  'internal_error',
  'inappropriate_fallback',
  'user_canceled',
  'missing_extension',
  'unsupported_extension',
  'unrecognized_name',
  'bad_certificate_status_response',
  'certificate_required',
  'no_application_protocol',
];
export const TLS_FAILURES: ReadonlySet<string> = new Set(['handshake', 'timeout', 'closed', ...ALERTS]);

/** Why there was no TLS, of the reason of an attempt: `tls-timeout`, `tls-alert unknown_ca`. */
export function tlsFailure(reason: string): string {
  return among(TLS_FAILURES, reason.replace(/^tls-(?:alert )?/, ''));
}

export function among(set: ReadonlySet<string>, value: string): string {
  return set.has(value) ? value : 'other';
}
