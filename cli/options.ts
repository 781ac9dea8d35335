import { type Command, Option } from 'commander';
import type { AdminClient } from '../admin/index.ts';
import { placeCommands } from '../core/index.ts';
// Not through server/index.ts, which loads the whole server: every command would start half a second later.
import {
  type Config,
  ConfigError,
  configFlags,
  describeSchema,
  type Flag,
  type FlagValues,
  type KeyDescription,
  type LoadedConfig,
  loadConfig,
  loadShown,
  nearest,
  showConfig,
} from '../server/config/index.ts';
import { CliError, type Terminal } from './terminal.ts';

export { ConfigError, describeSchema, type KeyDescription, loadShown, nearest, placeCommands, showConfig };

/** Adds `--data` and `--config`, which every command that concerns a server takes. */
export function addPlaceOptions(command: Command): Command {
  return addConfigFlags(command, (key) => key === 'data');
}

/** Adds `--config` and the flags of the configuration's schema. */
export function addConfigFlags(command: Command, wants: (key: string) => boolean = () => true): Command {
  for (const { key, flag, doc, default: initial } of configFlags()) {
    if (!wants(key)) continue;
    const option = new Option(
      'value' in flag ? `--${flag.name} <VALUE>` : `--${flag.name}`,
      describe(flag, doc, initial),
    );
    if ('value' in flag) {
      // Set afterwards: commander would take the brackets of [ADDR:]PORT for an optional value.
      option.flags = `--${flag.name} <${flag.value}>`;
      if (flag.repeat) option.argParser((text: string, before: string[] | undefined) => [...(before ?? []), text]);
    }
    command.addOption(option);
  }
  return command.option('--config <FILE>', 'YAML file with any of the configuration keys (also SSTPD_CONFIG)');
}

/** The configuration flags that were given to a command or, before its name, to the one above it. */
export function givenFlags(command: Command): FlagValues {
  const values: Record<string, string | boolean | readonly string[]> = {};
  for (const { key, flag } of configFlags()) {
    const attribute = new Option(`--${flag.name}`).attributeName();
    for (let each: Command | null = command; each !== null; each = each.parent) {
      if (each.getOptionValueSource(attribute) !== 'cli') continue;
      values[key] = 'sets' in flag ? flag.sets : (each.getOptionValue(attribute) as string | string[]);
      break;
    }
  }
  return values;
}

/** The configuration as file, environment and the given flags make it. */
export function loadGiven(command: Command, env: NodeJS.ProcessEnv): LoadedConfig {
  return loadConfig({ flags: givenFlags(command), env, file: configFile(command) });
}

export function configOf(command: Command, env: NodeJS.ProcessEnv): Config {
  return loadGiven(command, env).config;
}

export function configFile(command: Command): string | undefined {
  return command.optsWithGlobals<{ config?: string }>().config;
}

function describe(flag: Flag, doc: string, initial: string): string {
  if ('sets' in flag) return flag.doc ?? doc;
  return `${doc}${flag.repeat ? ' May be repeated.' : ''} (default: ${initial === '' ? 'empty' : initial})`;
}

/** @throws {CliError} if none runs on the data directory that the command names */
export async function runningServer(command: Command, terminal: Terminal): Promise<AdminClient> {
  const { data } = configOf(command, terminal.env);
  const admin = await import('../admin/index.ts');
  const client = await admin.AdminClient.connect(data);
  if (client === undefined) throw new CliError(`no server runs on ${data} (--data DIR names another)`);
  return client;
}
