/** The closed sets of label values: what is in none of them counts as `other`, so that nobody can make series without end. */
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
