import { closeSync, openSync, readSync } from 'node:fs';
import { CORE_SCHEMA, load, YAMLException } from 'js-yaml';
import { ConfigError, shown } from './error.ts';
import { nearest } from './nearest.ts';
import { KEYS } from './schema.ts';

/** A configuration is a page; a device or a film given by mistake must not fill the memory. */
const MOST_BYTES = 1_048_576;

const LEAVES: ReadonlySet<string> = new Set(KEYS.map(({ key }) => key));
/** What stands in front of a dot in a key. */
const GROUPS: ReadonlySet<string> = new Set(
  KEYS.flatMap(({ key }) => [...key.matchAll(/\./g)].map(({ index }) => key.slice(0, index))),
);

/**
 * Reads a YAML file into values by key path. Empty values and an empty file set nothing.
 *
 * @returns scalars, or lists of scalars, as YAML 1.2 reads them; whether they are allowed is not looked at
 * @throws {ConfigError} if the file cannot be read, is not YAML, or holds an unknown key
 */
export function readConfigFile(file: string): ReadonlyMap<string, unknown> {
  return parseConfig(readText(file), file);
}

/** The same for the text of a file. */
export function parseConfig(text: string, file: string): ReadonlyMap<string, unknown> {
  const values = new Map<string, unknown>();
  const tree = parseYaml(text, file);
  if (tree !== undefined && tree !== null) collect(tree, '', file, values);
  return values;
}

/** @param group with its dot; empty for the whole file */
function collect(tree: unknown, group: string, file: string, values: Map<string, unknown>): void {
  for (const [name, node] of entries(tree, group === '' ? 'the file' : group.slice(0, -1), file)) {
    const key = `${group}${name}`;
    const isKnown = !name.includes('.') && (GROUPS.has(key) || LEAVES.has(key));
    if (!isKnown) throw unknownKey(key, group === '' ? [...LEAVES, ...GROUPS] : [...LEAVES], file);
    if (node === null) continue;
    if (LEAVES.has(key)) values.set(key, plainValue(key, node, file));
    else collect(node, `${key}.`, file, values);
  }
}

function readText(file: string): string {
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

function parseYaml(text: string, file: string): unknown {
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

function entries(node: unknown, what: string, file: string): [string, unknown][] {
  if (typeof node !== 'object' || node === null || Array.isArray(node)) {
    throw new ConfigError(`${what}: ${shown(node)} must be keys and values, "name: value" (file ${file})`);
  }
  return Object.entries(node);
}

/** Keeps mappings, and lists within lists (aliases make them endless), away from everything behind this file. */
function plainValue(key: string, value: unknown, file: string): unknown {
  const parts: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (parts.some((part) => typeof part === 'object')) {
    throw new ConfigError(`${key}: ${shown(value)} must be one value or a plain list (file ${file})`, `file ${file}`);
  }
  return value;
}

function unknownKey(key: string, known: readonly string[], file: string): ConfigError {
  if (LEAVES.has(key)) {
    // Taken as well, it could stand in the file twice without YAML noticing.
    return new ConfigError(`${key}: must be written as "${key.replaceAll('.', ':" with "')}:" below it (file ${file})`);
  }
  return new ConfigError(`${key}: unknown key, the nearest is ${nearest(key, known)} (file ${file})`);
}
