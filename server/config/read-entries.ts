import { ConfigError, clipped, hidden, shown } from './error.ts';
import { allowedEntries, describedKeys, type EntriesKey, entryPath, type KeyTable } from './keys.ts';
import type { Field } from './kinds.ts';
import { nearest } from './nearest.ts';
import { isPlain, notAllowed, type Place, readValue, told } from './read-value.ts';
import { readJson } from './text.ts';

/** Fields by name. */
type Entry = Readonly<Record<string, unknown>>;

/** A list of objects, or objects by name, with where each field came from, by its path. */
export interface Entries {
  readonly value: readonly Entry[] | ReadonlyMap<string, Entry>;
  readonly origins: ReadonlyMap<string, string>;
}

/**
 * Reads what YAML has for it, or JSON in a variable. The word `none` is an empty one.
 *
 * @throws {ConfigError} naming the path to what is not allowed
 */
export function readEntries(key: EntriesKey, raw: unknown, table: KeyTable<unknown>, place: Place): Entries {
  const tree = place.origin.startsWith('environment ') ? fromVariable(key, raw, place) : raw;
  const reader = new EntriesReader(key, table, place);
  return key.kind === 'list' ? reader.list(tree) : reader.map(tree);
}

function fromVariable(key: EntriesKey, raw: unknown, { origin }: Place): unknown {
  if (raw === 'none' || typeof raw !== 'string') return raw;
  const { value, mistake } = readJson(raw);
  if (mistake === undefined) return value;
  throw new ConfigError(`${key.key}: must be ${allowedEntries(key)}, as JSON: ${mistake} (${origin})`, origin);
}

class EntriesReader {
  readonly #key: EntriesKey;
  readonly #table: KeyTable<unknown>;
  readonly #place: Place;
  readonly #origins = new Map<string, string>();

  constructor(key: EntriesKey, table: KeyTable<unknown>, place: Place) {
    this.#key = key;
    this.#table = table;
    this.#place = place;
  }

  list(raw: unknown): Entries {
    const trees: unknown = raw === 'none' ? [] : raw;
    if (!Array.isArray(trees) || trees.length > this.#key.node.most) throw this.#refused(this.#key.key, trees);
    const value = trees.map((tree: unknown, at) => this.#entry(entryPath(this.#key, at), tree));
    this.#refuseTwins(value);
    return { value, origins: this.#origins };
  }

  map(raw: unknown): Entries {
    const { node, key } = this.#key;
    const trees = raw === 'none' ? {} : raw;
    if (!isObject(trees)) throw this.#refused(key, trees);
    const named = Object.entries(trees);
    if (named.length > node.most) throw this.#refused(key, trees);
    // A map, since a name may be that of what every object has, such as constructor.
    const value = new Map<string, Entry>();
    for (const [name, tree] of named) {
      if (node.kind === 'map' && !node.names.pattern.test(name)) {
        throw notAllowed(key, `the name ${shown(name)}`, node.names.allowed, this.#place.origin);
      }
      // A name with nothing below it has all defaults.
      value.set(name, this.#entry(entryPath(this.#key, name), tree ?? {}));
    }
    return { value, origins: this.#origins };
  }

  #entry(path: string, tree: unknown): Entry {
    if (!isObject(tree)) {
      const { origin } = this.#place;
      throw new ConfigError(`${path}: ${this.#told(tree)} must be keys and values, "name: value" (${origin})`, origin);
    }
    const given = new Map(Object.entries(tree).filter(([, value]) => value !== null));
    for (const name of Object.keys(tree)) if (!this.#key.fields.has(name)) throw this.#unknown(path, name);
    return Object.fromEntries(
      [...this.#key.fields].map(([name, field]) => [name, this.#value(`${path}.${name}`, field, given.get(name))]),
    );
  }

  /** @param raw undefined: not given */
  #value(path: string, { format, default: initial }: Field<unknown>, raw: unknown): unknown {
    const { origin } = this.#place;
    if (raw === undefined) {
      this.#origins.set(path, 'default');
      if (initial !== undefined) return readValue(path, format, initial, { origin: 'default', base: '.' });
      throw new ConfigError(`${path}: is missing, it must be ${format.allowed} (${origin})`, origin);
    }
    this.#origins.set(path, origin);
    if (!isPlain(raw)) throw notAllowed(path, told(format, raw), 'one value or a plain list', origin);
    return readValue(path, format, raw, this.#place);
  }

  #refuseTwins(entries: readonly Entry[]): void {
    const { node, fields } = this.#key;
    const unique = node.kind === 'list' ? (node.unique ?? []) : [];
    if (unique.length === 0) return;
    const seen = new Map<string, number>();
    for (const [at, entry] of entries.entries()) {
      const same = JSON.stringify(unique.map((name) => fields.get(name)?.format.show(entry[name])));
      const before = seen.get(same);
      if (before !== undefined) {
        const [one, other] = [entryPath(this.#key, at), entryPath(this.#key, before)];
        const { origin } = this.#place;
        throw new ConfigError(`${one}: has the same ${unique.join(' and ')} as ${other} (${origin})`, origin);
      }
      seen.set(same, at);
    }
  }

  #unknown(path: string, name: string): ConfigError {
    const { origin } = this.#place;
    const typed = `${path}.${clipped(name)}`;
    const fields = [...this.#key.fields.keys()].map((field) => `${path}.${field}`);
    const known = nearest(typed, [...fields, ...describedKeys(this.#table)]);
    return new ConfigError(`${typed}: unknown key, the nearest is ${known} (${origin})`, origin);
  }

  #refused(path: string, raw: unknown): ConfigError {
    return notAllowed(path, this.#told(raw), allowedEntries(this.#key), this.#place.origin);
  }

  #told(raw: unknown): string {
    const count = Array.isArray(raw) ? raw.length : isObject(raw) ? Object.keys(raw).length : 0;
    if (count > this.#key.node.most) return `${count} of them`;
    const hasSecret = [...this.#key.fields.values()].some(({ format }) => format.veil !== undefined);
    return hasSecret ? hidden() : shown(raw);
  }
}

function isObject(tree: unknown): tree is object {
  return typeof tree === 'object' && tree !== null && !Array.isArray(tree);
}
