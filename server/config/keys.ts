import type { Applies, Field, Leaf, ListOf, MapOf, Schema } from './kinds.ts';

/** A key as users name it. Which type its values have is known only where the schema itself is read. */
interface Named {
  /** Path in the file, such as `tls.minVersion`. */
  readonly key: string;
  /** Where it is in the configuration, which differs from the key where the program has another word for a group. */
  readonly path: readonly string[];
  /** Name in the environment, such as `SSTPD_TLS_MIN_VERSION`. */
  readonly env: string;
}

export interface LeafKey extends Named {
  readonly kind: 'leaf';
  readonly leaf: Leaf<unknown>;
}

/** A list of objects, or objects by name. */
export interface EntriesKey extends Named {
  readonly kind: 'list' | 'map';
  readonly node: ListOf<Record<string, unknown>> | MapOf<Record<string, unknown>>;
  readonly fields: ReadonlyMap<string, Field<unknown>>;
}

export type Key = LeafKey | EntriesKey;

/** The keys of a schema of `C`. */
export interface KeyTable<C> {
  readonly schema: Schema<C>;
  /** In the order of the schema. */
  readonly all: readonly Key[];
  readonly byName: ReadonlyMap<string, Key>;
  /** What stands in front of a dot in a key. */
  readonly groups: ReadonlySet<string>;
}

/** @param written what users call a group of the first level that has another name in `C` */
export function keysOf<C>(schema: Schema<C>, written: Readonly<Record<string, string>> = {}): KeyTable<C> {
  const all = Object.entries<object>(schema).flatMap(([name, node]) =>
    keysIn(Object.hasOwn(written, name) ? (written[name] ?? name) : name, [name], node),
  );
  const byName = new Map(all.map((key) => [key.key, key]));
  const groups = new Set(all.flatMap(({ key }) => [...key.matchAll(/\./g)].map(({ index }) => key.slice(0, index))));
  return { schema, all, byName, groups };
}

function keysIn(key: string, path: readonly string[], node: object): Key[] {
  const named = { key, path, env: `SSTPD_${key.replace(/[A-Z]/g, '_$&').replaceAll('.', '_').toUpperCase()}` };
  if (isEntries(node)) {
    return [{ ...named, kind: node.kind, node, fields: new Map(Object.entries(node.fields)) }];
  }
  if (isLeaf(node)) return [{ ...named, kind: 'leaf', leaf: node }];
  return Object.entries<object>({ ...node }).flatMap(([name, below]) =>
    keysIn(`${key}.${name}`, [...path, name], below),
  );
}

function isLeaf(node: object): node is Leaf<unknown> {
  return 'doc' in node && typeof node.doc === 'string';
}

function isEntries(node: object): node is EntriesKey['node'] {
  return 'kind' in node && (node.kind === 'list' || node.kind === 'map');
}

export function appliesOf(key: Key): Applies {
  return key.kind === 'leaf' ? key.leaf.applies : key.node.applies;
}

/** An object of a list, or one with a name: `radius.servers[0]`, `pools.office`, `pools["a.b"]`. */
export function entryPath({ key }: EntriesKey, entry: number | string): string {
  if (typeof entry === 'number') return `${key}[${entry}]`;
  return /^[A-Za-z0-9_-]+$/.test(entry) ? `${key}.${entry}` : `${key}[${JSON.stringify(entry)}]`;
}

/** The same for all of them, as the documentation has it: `radius.servers[]`, `pools.NAME`. */
export function anyEntryPath({ key, kind }: EntriesKey): string {
  return kind === 'list' ? `${key}[]` : `${key}.NAME`;
}

/** What `entryPath` and a field made: the entry and the field, or undefined if `path` is none of this key. */
export function splitPath({ key, kind }: EntriesKey, path: string): { entry: string; field: string } | undefined {
  if (!path.startsWith(key)) return undefined;
  const rest = path.slice(key.length);
  const pattern = kind === 'list' ? /^\[(\d+)\]\.(.+)$/ : /^(?:\.([A-Za-z0-9_-]+)|\[("(?:[^"\\]|\\.)*")\])\.(.+)$/;
  const match = pattern.exec(rest);
  if (match === null) return undefined;
  const [, plain, quoted, last] = kind === 'list' ? [match[0], match[1], undefined, match[2]] : match;
  const entry = plain ?? (JSON.parse(quoted ?? '""') as string);
  return last === undefined ? undefined : { entry, field: last };
}

/** All keys as the documentation has them, those of objects in a list or with a name too. */
export function describedKeys(table: KeyTable<unknown>): string[] {
  return table.all.flatMap((key) =>
    key.kind === 'leaf'
      ? [key.key]
      : [key.key, ...[...key.fields.keys()].map((name) => `${anyEntryPath(key)}.${name}`)],
  );
}

/** What it must be, for errors and documentation. */
export function allowedEntries({ node }: EntriesKey): string {
  if (node.kind === 'list') {
    const { unique = [] } = node;
    const once = unique.length === 0 ? '' : `, none twice with the same ${unique.join(' and ')}`;
    return `'none' or a list of 0..${node.most} objects${once}`;
  }
  return `'none' or 0..${node.most} objects by name, which is ${node.names.allowed}`;
}
