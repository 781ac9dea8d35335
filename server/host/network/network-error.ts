/** The host's network can't be set up: one line that says what is missing and the command that mends it. */
export class NetworkError extends Error {
  override readonly name = 'NetworkError';
  readonly code = 'ERR_NETWORK';
}
