/** The server can't start: one line that says what is missing and the command that mends it. Exit status 1. */
export class StartError extends Error {
  readonly code = 'ERR_START';
}
