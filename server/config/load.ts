/**
 * The configuration of the server: one schema (`schema.ts`), a YAML file, the environment and flags. A flag wins over the
 * environment, that over the file, that over the default.
 */
import { dirname } from 'node:path';
import { type Assembled, assemble, type FlagValues } from './assemble.ts';
import { checkConfig } from './check.ts';
import type { Config } from './config.ts';
import { checkEnvironment } from './environment.ts';
import { type KeyTable, splitPath } from './keys.ts';
import { readConfigFile } from './read-file.ts';
import { KEYS } from './schema.ts';
import { describedRows, flagsOf, type KeyDescription, type Origins, type ShownKey, shownKeys } from './show.ts';

export type LoadedConfig = Assembled<Config>;

/** What a configuration is made from. */
export interface ConfigInput {
  readonly flags: FlagValues;
  readonly env: NodeJS.ProcessEnv;
  /** The YAML file; without it SSTPD_CONFIG, without that none. */
  readonly file?: string | undefined;
}

/**
 * Any `SSTPD_*` variable that nobody reads is refused.
 *
 * @throws {ConfigError} naming key, value, what is allowed and where it came from
 */
export function loadConfig(input: ConfigInput): LoadedConfig {
  return checked(loadKeys(KEYS, input));
}

/** The same for any schema, without what no key of ours can say alone. */
export function loadKeys<C>(table: KeyTable<C>, { flags, env, file: given }: ConfigInput): Assembled<C> {
  checkEnvironment(env, table);
  const file = given ?? (env.SSTPD_CONFIG || undefined);
  if (file === undefined) return assemble(table, { flags, env });
  const place = { origin: `file ${file}`, base: dirname(file) };
  return assemble(table, { flags, env, file: { values: readConfigFile(file, table), place } });
}

/**
 * What `showConfig` has shown, read again. A secret is then what was shown in its place.
 *
 * @throws {ConfigError} if it was not shown so
 */
export function loadShown(shown: readonly Omit<ShownKey, 'origin'>[], flags: FlagValues = {}): LoadedConfig {
  return checked(loadShownKeys(KEYS, shown, flags));
}

export function loadShownKeys<C>(
  table: KeyTable<C>,
  shown: readonly Omit<ShownKey, 'origin'>[],
  flags: FlagValues,
): Assembled<C> {
  const values = new Map<string, unknown>(shown.map(({ key, value }) => [key, value]));
  for (const key of table.all) {
    if (key.kind === 'leaf') continue;
    const entries = new Map<string, Record<string, unknown>>();
    for (const { key: path, value } of shown) {
      const split = splitPath(key, path);
      if (split === undefined) continue;
      entries.set(split.entry, { ...entries.get(split.entry), [split.field]: value });
    }
    if (entries.size > 0)
      values.set(key.key, key.kind === 'list' ? [...entries.values()] : Object.fromEntries(entries));
  }
  const known = new Map([...values].filter(([key]) => table.byName.has(key)));
  return assemble(table, {
    flags,
    env: {},
    file: { values: known, place: { origin: 'the running server', base: '/' } },
  });
}

function checked(loaded: LoadedConfig): LoadedConfig {
  checkConfig(loaded.config, loaded.origins);
  return loaded;
}

/** Each key with its value as a user would write it, but no secret, and its origin; for `sstpd config` and the admin API. */
export function showConfig(config: Config, origins: Origins): ShownKey[] {
  return shownKeys(KEYS, config, origins);
}

/** The schema as rows of a table. */
export function describeSchema(): KeyDescription[] {
  return describedRows(KEYS);
}

/** The keys that have a flag, for the command line to declare them. */
export function configFlags(): ReturnType<typeof flagsOf> {
  return flagsOf(KEYS.all);
}
