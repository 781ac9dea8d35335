import type { Format } from './format.ts';
import {
  allowedEntries,
  anyEntryPath,
  appliesOf,
  type EntriesKey,
  entryPath,
  type Key,
  type KeyTable,
} from './keys.ts';
import type { Applies, Flag, Written } from './kinds.ts';

/** Where each value came from: `default`, `file FILE`, `environment NAME` or `flag --x`. */
export type Origins = ReadonlyMap<string, string>;

/** A value as a user would write it, and its origin. */
export interface ShownKey {
  /** For a field of an object with the way to it, as `radius.servers[0].host`. */
  readonly key: string;
  readonly value: unknown;
  readonly origin: string;
}

/** Each key of a configuration as a user would write it, but no secret; `loadShown` reads them again. */
export function shownKeys<C>(table: KeyTable<C>, config: C, origins: Origins): ShownKey[] {
  return table.all.flatMap((key) => {
    const value = valueAt(config, key.path);
    if (key.kind === 'leaf') return [shownKey(key.key, shownValue(key.leaf.format, value), origins)];
    const named = entriesIn(key, value);
    if (named.length === 0) return [shownKey(key.key, key.kind === 'list' ? [] : {}, origins)];
    return named.flatMap(([path, entry]) =>
      [...key.fields].map(([name, { format }]) =>
        shownKey(`${path}.${name}`, shownValue(format, valueAt(entry, [name])), origins),
      ),
    );
  });
}

function entriesIn(key: EntriesKey, value: unknown): (readonly [path: string, entry: unknown])[] {
  const named: Iterable<readonly [number | string, unknown]> =
    value instanceof Map ? value : Array.isArray(value) ? value.entries() : [];
  return [...named].map(([name, entry]) => [entryPath(key, name), entry]);
}

function shownKey(key: string, value: unknown, origins: Origins): ShownKey {
  return { key, value, origin: origins.get(key) ?? 'default' };
}

function shownValue(format: Format<unknown>, value: unknown): unknown {
  return format.veil === undefined ? format.show(value) : format.veil(value);
}

function valueAt(tree: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((node, name) => (node as Record<string, unknown>)[name], tree);
}

export interface KeyDescription {
  /** Of the objects in a list or with a name as `radius.servers[].host` and `pools.NAME.network`. */
  readonly key: string;
  /** What is allowed. */
  readonly type: string;
  /** As in the file; undefined if it must be given. */
  readonly default: string | undefined;
  /** Undefined for what comes in the variable of a whole list. */
  readonly env: string | undefined;
  readonly flag: string | undefined;
  readonly doc: string;
  readonly applies: Applies;
}

/** A schema as rows of a table. */
export function describedRows(table: KeyTable<unknown>): KeyDescription[] {
  return table.all.flatMap((key): KeyDescription[] => {
    const applies = appliesOf(key);
    if (key.kind === 'leaf') {
      const { format, default: initial, flag, doc } = key.leaf;
      const shown = { type: format.allowed, default: written(initial), env: key.env };
      return [{ key: key.key, ...shown, flag: flag === undefined ? undefined : flagText(flag), doc, applies }];
    }
    const whole = { type: `${allowedEntries(key)}; in ${key.env} as JSON`, default: 'none', env: key.env };
    const fields = [...key.fields].map(([name, { format, default: initial, doc }]) => ({
      key: `${anyEntryPath(key)}.${name}`,
      ...{ type: format.allowed, default: initial === undefined ? undefined : written(initial) },
      ...{ env: undefined, flag: undefined, doc, applies },
    }));
    return [{ key: key.key, ...whole, flag: undefined, doc: key.node.doc, applies }, ...fields];
  });
}

function written(value: Written): string {
  return Array.isArray(value) ? value.join(', ') : String(value);
}

/** The flag as a user types it: `--no-nat`, `--listen [ADDR:]PORT`. */
function flagText(flag: Flag): string {
  return 'value' in flag ? `--${flag.name} ${flag.value}` : `--${flag.name}`;
}

/** The keys that have a flag, for the command line to declare them. */
export function flagsOf(keys: readonly Key[]): { key: string; flag: Flag; doc: string; default: string }[] {
  return keys.flatMap((key) => {
    if (key.kind !== 'leaf' || key.leaf.flag === undefined) return [];
    const { flag, doc, default: initial } = key.leaf;
    return [{ key: key.key, flag, doc, default: String(initial) }];
  });
}
