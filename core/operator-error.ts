/** Codes of errors whose message is one line for the operator, from all layers. */
const OPERATOR_CODES: ReadonlySet<unknown> = new Set([
  'ERR_START',
  'ERR_CONFIG',
  'ERR_CERTIFICATE',
  'ERR_TLS_CONTEXT',
  'ERR_LISTEN',
  'ERR_TUN',
  'ERR_NETWORK',
  'ERR_IPV6_POOL',
  'ERR_USER_STORE',
  'ERR_USER_STORE_MODE',
  'ERR_ADMIN_SOCKET',
]);

/** Whether the message alone says what is wrong and what mends it; anything else is our fault and deserves its stack. */
export function isOperatorError(error: unknown): error is Error {
  return error instanceof Error && OPERATOR_CODES.has((error as NodeJS.ErrnoException).code);
}
