import { ConfigError, clipped, shown } from './error.ts';
import { describedKeys, type Key, type KeyTable } from './keys.ts';
import { nearest } from './nearest.ts';
import { isPlain, notAllowed, told } from './read-value.ts';
import { parseYaml, readText } from './text.ts';

/**
 * Reads a YAML file into values by key. Empty values and an empty file set nothing.
 *
 * @returns of a key with one value scalars, or lists of scalars, as YAML 1.2 reads them; of others whatever is there. Whether
 *   they are allowed is not looked at
 * @throws {ConfigError} if the file cannot be read, is not YAML, or holds an unknown key
 */
export function readConfigFile(file: string, table: KeyTable<unknown>): ReadonlyMap<string, unknown> {
  return parseConfig(readText(file), file, table);
}

/** The same for the text of a file. */
export function parseConfig(text: string, file: string, table: KeyTable<unknown>): ReadonlyMap<string, unknown> {
  const reader = new FileReader(file, table);
  const tree = parseYaml(text, file);
  if (tree !== undefined && tree !== null) reader.collect(tree, '');
  return reader.values;
}

/**
 * Goes through the file beside the schema, before convict does: that one passes over `__proto__` and over a key with a dot in
 * it, ends in a TypeError where a mapping stands for a value, and of what it does not know it has no file and no nearest key.
 */
class FileReader {
  readonly values = new Map<string, unknown>();
  readonly #file: string;
  readonly #table: KeyTable<unknown>;

  constructor(file: string, table: KeyTable<unknown>) {
    this.#file = file;
    this.#table = table;
  }

  /** @param group with its dot; empty for the whole file */
  collect(tree: unknown, group: string): void {
    for (const [name, node] of this.#entries(tree, group === '' ? 'the file' : group.slice(0, -1))) {
      const typed = `${group}${name}`;
      const key = name.includes('.') ? undefined : this.#table.byName.get(typed);
      if (key === undefined && (name.includes('.') || !this.#table.groups.has(typed))) {
        throw this.#unknownKey(typed, group === '');
      }
      if (node === null) continue;
      if (key === undefined) this.collect(node, `${typed}.`);
      else this.values.set(key.key, this.#value(key, node));
    }
  }

  #entries(node: unknown, what: string): [string, unknown][] {
    if (typeof node !== 'object' || node === null || Array.isArray(node)) {
      throw new ConfigError(`${what}: ${shown(node)} must be keys and values, "name: value" (file ${this.#file})`);
    }
    return Object.entries(node);
  }

  #value(key: Key, value: unknown): unknown {
    if (key.kind !== 'leaf' || isPlain(value)) return value;
    throw notAllowed(key.key, told(key.leaf.format, value), 'one value or a plain list', `file ${this.#file}`);
  }

  #unknownKey(typed: string, isFirst: boolean): ConfigError {
    if (this.#table.byName.has(typed)) {
      // Taken as well, it could stand in the file twice without YAML noticing.
      return new ConfigError(
        `${typed}: must be written as "${typed.replaceAll('.', ':" with "')}:" below it (file ${this.#file})`,
      );
    }
    const keys = describedKeys(this.#table);
    const known = nearest(typed, isFirst ? [...keys, ...this.#table.groups] : keys);
    return new ConfigError(`${clipped(typed)}: unknown key, the nearest is ${known} (file ${this.#file})`);
  }
}
