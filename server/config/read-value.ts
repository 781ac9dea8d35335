import { resolve } from 'node:path';
import { ConfigError, hidden, shown } from './error.ts';
import { type Format, pathTexts } from './format.ts';

/** Where a value comes from. */
export interface Place {
  /** `default`, `file FILE`, `environment NAME` or `flag --x`. */
  readonly origin: string;
  /** Directory that a relative path starts from. */
  readonly base: string;
}

/**
 * @param path names the value in errors
 * @throws {ConfigError} if it is not allowed
 */
export function readValue<T>(path: string, format: Format<T>, raw: unknown, { origin, base }: Place): T {
  const result = format.parse(absolutePath(format, raw, base));
  if (result !== undefined) return result.value;
  const why = format.veil === undefined ? format.explain?.(raw) : undefined;
  if (why !== undefined) throw new ConfigError(`${path}: ${why} (${origin})`, origin);
  throw notAllowed(path, told(format, raw), format.allowed, origin);
}

export function notAllowed(path: string, value: string, allowed: string, origin: string): ConfigError {
  return new ConfigError(`${path}: ${value} must be ${allowed} (${origin})`, origin);
}

/** A value in an error; of a format that has secrets, not even one that is wrong. */
export function told(format: Pick<Format<unknown>, 'veil'>, raw: unknown): string {
  return format.veil === undefined ? shown(raw) : hidden();
}

/** Whether YAML's value is one value or a plain list: no mapping, no list in a list (aliases make them endless). */
export function isPlain(raw: unknown): boolean {
  const parts: readonly unknown[] = Array.isArray(raw) ? raw : [raw];
  return parts.every((part) => typeof part !== 'object');
}

/** Made absolute before it is parsed, so that whoever changes the directory later changes nothing. */
function absolutePath(format: Format<unknown>, raw: unknown, base: string): unknown {
  if (format.arePaths === true) {
    return pathTexts(raw)?.map((text) => (text === '' || text === 'none' ? text : resolve(base, text))) ?? raw;
  }
  const isPath = format.isPath === true && typeof raw === 'string' && raw !== '' && raw !== 'none';
  return isPath ? resolve(base, raw) : raw;
}
