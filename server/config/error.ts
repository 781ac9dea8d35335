import { util } from '../../core/index.ts';

/** The configuration is unusable; nothing was started. The message is one line: what, why and where it came from. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'ERR_CONFIG';
  /** Where the bad value came from, as in `origins`; undefined if it is not one value. */
  readonly origin: string | undefined;

  constructor(message: string, origin?: string) {
    super(printable(message));
    this.origin = origin;
  }
}

/** A value as it may stand in a one-line message: quoted, at most 80 characters, whatever was in the file. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(clipped(value));
  return clipped(util.inspect(value, { depth: 0, breakLength: Infinity, maxArrayLength: 8, maxStringLength: 40 }));
}

/** The same of what may be, or have in it, a secret. */
export function hidden(): string {
  return 'a value that is not shown here';
}

/** At most 80 characters of a text that may be as long as the file. */
export function clipped(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** Control characters would break the line, or do worse on a terminal. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');
}
