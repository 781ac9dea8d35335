/** Fields of a log line. Never a password, challenge response, key, HLAK or cookie: log the length. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * A log whose event names are fixed and dotted (`connection.up`) and whose data is only in the fields.
 *
 * `error`: an operator must act. `warn`: a peer broke the protocol, or an attack is likely.
 * `info`: accepted, authenticated, up, closed. `debug`: state changes, options. Nothing per packet.
 */
export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** A log that adds `fields` to each of its lines. */
  child(fields: LogFields): Log;
}
