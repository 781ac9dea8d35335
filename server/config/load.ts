/**
 * The configuration: one schema (`config-schema.ts`), a YAML file, the environment and flags.
 * A flag wins over the environment, that over the file, that over the default.
 */
import { dirname, resolve } from 'node:path';
import convict from 'convict';
import { checkConfig } from './check.ts';
import { ConfigError, shown } from './error.ts';
import { readConfigFile } from './file.ts';
import { pathTexts } from './format.ts';
import { nearest } from './nearest.ts';
import { type Config, type Flag, flagText, KEYS, type Key } from './schema.ts';

export { ConfigError } from './error.ts';
export type { ListenAddress, Network } from './format.ts';
export { nearest } from './nearest.ts';
export type { Config, Flag } from './schema.ts';

/** Flags by configuration key (`'network.mtu'`), as text, list of texts or fixed value; absent or undefined: not given. */
export type FlagValues = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

/** Where each value came from: `default`, `file FILE`, `environment NAME` or `flag --x`. */
export type Origins = ReadonlyMap<string, string>;

export interface LoadedConfig {
  readonly config: Config;
  readonly origins: Origins;
}

/**
 * Puts the configuration together. Relative paths are taken from the folder of the file that has them, else from the
 * current directory. An empty environment variable counts as not set; any other `SSTPD_*` that nobody reads is refused.
 *
 * @param input.file the YAML file; without it SSTPD_CONFIG, without that none
 * @throws {ConfigError} naming key, value, what is allowed and where it came from
 */
export function loadConfig(input: {
  readonly flags: FlagValues;
  readonly env: NodeJS.ProcessEnv;
  readonly file?: string | undefined;
}): LoadedConfig {
  checkEnvironment(input.env);
  const file = input.file ?? (input.env.SSTPD_CONFIG || undefined);
  const fileValues = file === undefined ? new Map<string, unknown>() : readConfigFile(file);
  const values = newConvict();
  const origins = new Map<string, string>();
  const tree: Record<string, unknown> = {};
  for (const key of KEYS) {
    const given = givenFor(key, input.flags, input.env, fileValues, file);
    origins.set(key.key, given?.origin ?? 'default');
    if (given !== undefined) values.set(key.key, absolutePath(key, given));
    put(tree, key.key, parsed(key, values.get(key.key), origins.get(key.key) ?? 'default'));
  }
  values.validate({ allowed: 'strict' });
  const config = deepFreeze(tree) as unknown as Config; // the Schema type holds each leaf to Config
  checkConfig(config, origins);
  return { config, origins };
}

/** Each key with its value as a user would write it, and its origin; for `sstpd config`. */
export function showConfig(config: Config, origins: Origins): ShownKey[] {
  return KEYS.map(({ key, leaf }) => shownKey(key, leaf.format.show(valueIn(config, key)), origins));
}

/** The same without secrets, for all who may read it over the network. */
export function veilConfig(config: Config, origins: Origins): ShownKey[] {
  return KEYS.map(({ key, leaf: { format } }) => {
    const value = valueIn(config, key);
    return shownKey(key, format.veil === undefined ? format.show(value) : format.veil(value), origins);
  });
}

interface ShownKey {
  readonly key: string;
  readonly value: unknown;
  readonly origin: string;
}

function shownKey(key: string, value: unknown, origins: Origins): ShownKey {
  return { key, value, origin: origins.get(key) ?? 'default' };
}

function valueIn(config: Config, key: string): unknown {
  return key.split('.').reduce<unknown>((node, name) => (node as Record<string, unknown>)[name], config);
}

export interface KeyDescription {
  readonly key: string;
  /** What is allowed. */
  readonly type: string;
  /** As in the file. */
  readonly default: string;
  readonly env: string;
  readonly flag: string | undefined;
  readonly doc: string;
}

/** The schema as rows of a table. */
export function describeSchema(): KeyDescription[] {
  return KEYS.map(({ key, env, leaf }) => ({
    key,
    type: leaf.format.allowed,
    default: Array.isArray(leaf.default) ? leaf.default.join(', ') : String(leaf.default),
    env,
    flag: leaf.flag === undefined ? undefined : flagText(leaf.flag),
    doc: leaf.doc,
  }));
}

/** The keys that have a flag, for the command line to declare them. */
export function configFlags(): { key: string; flag: Flag; doc: string; default: string }[] {
  return KEYS.flatMap(({ key, leaf: { flag, doc, default: initial } }) =>
    flag === undefined ? [] : [{ key, flag, doc, default: String(initial) }],
  );
}

const PREFIX = 'SSTPD_';
/** Read elsewhere: by this file, the command line, the addon's loader, the install script and the workers' cage. */
const OTHER_VARIABLES = ['CONFIG', 'DEBUG', 'PASSWORD', 'ADDON', 'APT', 'CAGE_ABI'].map((name) => `${PREFIX}${name}`);
const VARIABLES: ReadonlySet<string> = new Set([...KEYS.map(({ env }) => env), ...OTHER_VARIABLES]);

/** Of a whole group, named to who gives its name alone. */
const MOST_OF_GROUP = 4;

/** Kubernetes puts these into the pods of a service that is named sstpd. */
const OF_KUBERNETES = /^SSTPD_(?:SERVICE|PORT)(?:_|$)/;

/** What hooks are given, who may call our own commands. */
const OF_HOOKS = /^SSTPD_HOOK_/;

/** A mistyped variable would leave its key at the default without a word. */
function checkEnvironment(environment: NodeJS.ProcessEnv): void {
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith(PREFIX) || !value || VARIABLES.has(name)) continue;
    if (OF_KUBERNETES.test(name) || OF_HOOKS.test(name)) continue;
    const typed = name.length > 80 ? `${name.slice(0, 77)}...` : name;
    throw new ConfigError(`${typed}: unknown environment variable, the nearest is ${nearestVariable(name)}`);
  }
}

function nearestVariable(name: string): string {
  /** What somebody may have meant, without prefix, and the variables for it. */
  const meanings = new Map<string, readonly string[]>();
  for (const variable of VARIABLES) meanings.set(variable.slice(PREFIX.length), [variable]);
  for (const { key, env, leaf } of KEYS) {
    // Named after the flag, as SSTPD_POOL.
    if (leaf.flag !== undefined) meanings.set(leaf.flag.name.toUpperCase().replaceAll('-', '_'), [env]);
    if (!key.includes('.')) continue;
    const [group = '', ...rest] = env.slice(PREFIX.length).split('_');
    // With a dot behind its group as well, so that MTU alone finds NETWORK_MTU.
    meanings.set(`${group}.${rest.join('_')}`, [env]);
  }
  for (const { key, env } of KEYS) {
    const group = env.slice(PREFIX.length).split('_', 1)[0] ?? '';
    const known = meanings.get(group);
    const isOfGroup = known === undefined || known[0]?.startsWith(`${PREFIX}${group}_`) === true;
    if (key.includes('.') && isOfGroup && known?.includes(env) !== true) meanings.set(group, [...(known ?? []), env]);
  }
  const meant = nearest(name.slice(PREFIX.length), [...meanings.keys()]);
  const found = meanings.get(meant ?? '') ?? [];
  return `${found.slice(0, MOST_OF_GROUP).join(', ')}${found.length > MOST_OF_GROUP ? ', ...' : ''}`;
}

interface Given {
  readonly raw: unknown;
  readonly origin: string;
  /** Directory that a relative path starts from. */
  readonly base: string;
}

function givenFor(
  { key, env, leaf }: Key,
  flags: FlagValues,
  environment: NodeJS.ProcessEnv,
  fileValues: ReadonlyMap<string, unknown>,
  file: string | undefined,
): Given | undefined {
  const fromFlag = flags[key];
  if (fromFlag !== undefined) {
    return { raw: fromFlag, origin: `flag --${leaf.flag?.name ?? key}`, base: '.' };
  }
  const fromEnvironment = environment[env];
  if (fromEnvironment !== undefined && fromEnvironment !== '') {
    return { raw: fromEnvironment, origin: `environment ${env}`, base: '.' };
  }
  if (file === undefined || !fileValues.has(key)) return undefined;
  return { raw: fileValues.get(key), origin: `file ${file}`, base: dirname(file) };
}

/** Made absolute before parsing, so that whoever changes the directory later changes nothing. */
function absolutePath({ leaf }: Key, { raw, base }: Given): unknown {
  if (leaf.format.arePaths === true) {
    return pathTexts(raw)?.map((text) => (text === '' || text === 'none' ? text : resolve(base, text))) ?? raw;
  }
  const isPath = leaf.format.isPath === true && typeof raw === 'string' && raw !== '' && raw !== 'none';
  return isPath ? resolve(base, raw) : raw;
}

function parsed({ key, leaf }: Key, raw: unknown, origin: string): unknown {
  const result = leaf.format.parse(raw);
  if (result !== undefined) return result.value;
  const why = leaf.format.explain?.(raw);
  if (why !== undefined) throw new ConfigError(`${key}: ${why} (${origin})`, origin);
  throw new ConfigError(`${key}: ${shown(raw)} must be ${leaf.format.allowed} (${origin})`, origin);
}

/** A convict object of the schema with every default in place. Formats are registered under the key they belong to. */
function newConvict(): convict.Config<Record<string, unknown>> {
  const schema: Record<string, unknown> = {};
  for (const { key, env, leaf } of KEYS) {
    const format = `sstpd.${key}`;
    convict.addFormat({
      name: format,
      validate: (raw: unknown) => void parsed({ key, env, leaf }, raw, 'default'),
      // Values stay as they were written; convict would take '12abc' for 12.
      coerce: (raw: unknown) => raw,
    });
    put(schema, key, { doc: leaf.doc, format, default: leaf.default, env });
  }
  return convict(schema as convict.Schema<Record<string, unknown>>, { env: {}, args: [] });
}

/** Sets `a.b.c` in a tree. */
function put(tree: Record<string, unknown>, key: string, value: unknown): void {
  const [name = '', ...inner] = key.split('.');
  if (inner.length === 0) {
    tree[name] = value;
    return;
  }
  const below = { ...(tree[name] as Record<string, unknown> | undefined) };
  put(below, inner.join('.'), value);
  tree[name] = below;
}

function deepFreeze<T>(value: T): T {
  // Typed arrays (IPv6 addresses) cannot be frozen.
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}
