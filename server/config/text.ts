/** Texts that people write: YAML of a file, JSON of a variable. */
import { closeSync, openSync, readSync } from 'node:fs';
import { CORE_SCHEMA, load, YAMLException } from 'js-yaml';
import { ConfigError } from './error.ts';

/** A configuration is a page; a device or a film given by mistake must not fill the memory. */
const MOST_BYTES = 1_048_576;

/** @throws {ConfigError} if it cannot be read, or is too large or no UTF-8 */
export function readText(file: string): string {
  try {
    const fd = openSync(file, 'r');
    try {
      const bytes = Buffer.alloc(MOST_BYTES + 1);
      let length = 0;
      for (;;) {
        const count = readSync(fd, bytes, length, bytes.length - length, null);
        if (count === 0) break;
        length += count;
        if (length > MOST_BYTES) throw new ConfigError(`config file ${file} is larger than 1 MiB`);
      }
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, length));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`config file ${file} cannot be read: ${readFailure(error)}`);
  }
}

function readFailure(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'it does not exist';
  if (code === 'EACCES') return 'permission denied';
  if (code === 'EISDIR') return 'it is a directory';
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return 'it is not UTF-8';
  return error instanceof Error ? error.message : String(error);
}

/**
 * @returns undefined for a file of comments alone
 * @throws {ConfigError} with the line
 */
export function parseYaml(text: string, file: string): unknown {
  // js-yaml takes an empty text for an error; a file of comments alone is an ordinary configuration.
  if (/^\uFEFF?(?:\s*(?:#[^\n]*)?(?:\r?\n|$))*$/.test(text)) return undefined;
  try {
    return load(text, { schema: CORE_SCHEMA });
  } catch (error) {
    const reason = error instanceof YAMLException ? error.reason : String(error);
    const line = error instanceof YAMLException && error.mark ? ` line ${error.mark.line + 1}` : '';
    throw new ConfigError(`config file ${file}${line}: ${reason}`);
  }
}

/** @returns the value, or what is wrong with the text, without a piece of it: secrets may stand in it */
export function readJson(text: string): { readonly value?: unknown; readonly mistake?: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const [, position] = /at position (\d+)/.exec(String(error)) ?? [];
    return { mistake: `it is none${position === undefined ? '' : `, from character ${Number(position) + 1} on`}` };
  }
  try {
    // JSON is YAML, whose reader alone notices a key that stands there twice. It has rules of its own for the begin of a line;
    // line ends and tabs stand only between the values of JSON, where a space does.
    load(text.replace(/[\t\n\r]/g, ' '), { schema: CORE_SCHEMA });
  } catch (error) {
    const isTwice = error instanceof YAMLException && error.reason === 'duplicated mapping key';
    return { mistake: isTwice ? 'a key stands in it twice' : 'it has control characters in it' };
  }
  return { value };
}
