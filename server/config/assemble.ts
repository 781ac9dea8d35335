/**
 * Puts a configuration together: convict reads defaults, file, environment and flags, one over the other, and has each value
 * checked. What it has no place for is in the files beside this one: keys that it does not know (`read-file.ts`,
 * `environment.ts`), objects in lists and with names (`read-entries.ts`), and which place a value came from.
 */
import convict from 'convict';
import { ConfigError } from './error.ts';
import type { Key, KeyTable } from './keys.ts';
import { readEntries } from './read-entries.ts';
import { type Place, readValue } from './read-value.ts';

/** Flags by configuration key (`'network.mtu'`), as text, list of texts or fixed value; absent or undefined: not given. */
export type FlagValues = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

export interface Sources {
  /** As `readConfigFile` has it. */
  readonly file?: { readonly values: ReadonlyMap<string, unknown>; readonly place: Place } | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly flags: FlagValues;
}

export interface Assembled<C> {
  /** Frozen to its leaves, but for bytes. */
  readonly config: C;
  /** By key, and by the path of each field of an object in a list or with a name. */
  readonly origins: ReadonlyMap<string, string>;
}

/**
 * A value with who gave it. A pair, since convict takes an object for a group of keys and goes into it, even where the name
 * of one has a dot in it; and its own error lines name neither place nor key of what is inside.
 */
type Given = readonly [source: 'default' | 'file' | 'environment' | 'flag', raw: unknown];

/** The one format of all keys: convict knows formats by their names, for the whole process, and each key has its own. */
const FORMAT = 'sstpd';

/** In front of what commander has found: no variable of an environment can have it. */
const OF_FLAG = '\0';

convict.addFormat({
  name: FORMAT,
  coerce: (text: string): Given =>
    text.startsWith(OF_FLAG) ? ['flag', JSON.parse(text.slice(OF_FLAG.length))] : ['environment', text],
  validate: (given: Given, { accept }: convict.SchemaObj) => (accept as (given: Given) => void)(given),
});

/**
 * Relative paths are taken from the folder of the file that has them, else from the current directory. An empty environment
 * variable counts as not set.
 *
 * @throws {ConfigError} of the first key in the order of the schema whose value is not allowed: key, value, what is
 *   allowed, where it came from
 */
export function assemble<C>(table: KeyTable<C>, sources: Sources): Assembled<C> {
  const values = new Map<string, unknown>();
  const origins = new Map<string, string>();
  const errors = new Map<string, unknown>();
  const schema: Record<string, unknown> = {};
  for (const key of table.all) {
    const accept = (given: Given): void => {
      try {
        values.set(key.key, accepted(key, given, table, sources, origins));
      } catch (error) {
        errors.set(key.key, error);
        throw error;
      }
    };
    const initial: Given = ['default', key.kind === 'leaf' ? key.leaf.default : 'none'];
    // Objects in lists and with names have no flag.
    const arg = key.kind === 'leaf' ? { arg: key.key } : {};
    const node = { format: FORMAT, default: initial, env: key.env, ...arg, sensitive: true, accept };
    put(schema, key.key.split('.'), node);
  }
  const settings = convict(schema as convict.Schema<Record<string, unknown>>, {
    env: variables(table, sources.env),
    args: words(sources.flags),
  });
  settings.load(treeOf(sources.file?.values ?? new Map()));
  try {
    settings.validate({ allowed: 'strict' });
  } catch (error) {
    // convict has all mistakes in one text of many lines; of ours, each is a line that can stand for itself.
    throw (
      table.all.map(({ key }) => errors.get(key)).find((each) => each !== undefined) ?? new ConfigError(String(error))
    );
  }
  const tree: Record<string, unknown> = {};
  for (const { key, path } of table.all) put(tree, path, values.get(key));
  return { config: deepFreeze(tree) as C, origins }; // Schema<C> holds each key to its type in C
}

function accepted(
  key: Key,
  [source, raw]: Given,
  table: KeyTable<unknown>,
  { file }: Sources,
  origins: Map<string, string>,
): unknown {
  const place = placeOf(key, source, file?.place);
  origins.set(key.key, place.origin);
  if (key.kind === 'leaf') return readValue(key.key, key.leaf.format, raw, place);
  const entries = readEntries(key, raw, table, place);
  for (const [path, origin] of entries.origins) origins.set(path, origin);
  return entries.value;
}

function placeOf(key: Key, source: Given[0], file: Place | undefined): Place {
  switch (source) {
    case 'file':
      return file ?? { origin: 'file', base: '.' };
    case 'environment':
      return { origin: `environment ${key.env}`, base: '.' };
    case 'flag': {
      const flag = key.kind === 'leaf' ? key.leaf.flag : undefined;
      return { origin: `flag --${flag?.name ?? key.key}`, base: '.' };
    }
    case 'default':
      return { origin: 'default', base: '.' };
    default:
      return source satisfies never;
  }
}

/** Without empty ones, which convict would take. */
function variables({ all }: KeyTable<unknown>, environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    all.flatMap(({ env }) =>
      environment[env] === undefined || environment[env] === '' ? [] : [[env, environment[env]]],
    ),
  );
}

/**
 * What commander has found, as arguments named after their keys. Marked and in JSON, since the parser that convict has would
 * take 1.10 for 1.1 and 0x10 for 16, and a comma in one of several values for the end of it.
 */
function words(flags: FlagValues): string[] {
  return Object.entries(flags).flatMap(([key, value]) =>
    value === undefined ? [] : [`--${key}=${OF_FLAG}${JSON.stringify(value)}`],
  );
}

/** Not by convict's loadFile, which would read a device without end, and says neither file nor line of a mistake. */
function treeOf(values: ReadonlyMap<string, unknown>): object {
  const tree: Record<string, unknown> = {};
  for (const [key, raw] of values) put(tree, key.split('.'), ['file', raw] satisfies Given);
  return tree;
}

/** Sets `a.b.c` in a tree. */
function put(tree: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [name = '', ...inner] = path;
  if (inner.length === 0) {
    tree[name] = value;
    return;
  }
  const below = { ...(tree[name] as Record<string, unknown> | undefined) };
  put(below, inner, value);
  tree[name] = below;
}

function deepFreeze<T>(value: T): T {
  // Typed arrays (IPv6 addresses) cannot be frozen.
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  for (const part of value instanceof Map ? value.values() : Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}
