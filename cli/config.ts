import type { Command } from 'commander';
import type { Run } from './command.ts';
import {
  addConfigFlags,
  configFile,
  describeSchema,
  givenFlags,
  type KeyDescription,
  loadGiven,
  nearest,
  showConfig,
} from './options.ts';
import { CliError, EXIT, json, type Terminal, table } from './terminal.ts';

interface Row {
  readonly key: string;
  readonly value: unknown;
  readonly origin: string;
}

export function addConfigCommand(program: Command, terminal: Terminal, run: Run): void {
  const command = program
    .command('config')
    .summary('print the effective configuration')
    .description(
      'Prints each configuration key with its value and where it came from: as the running server has it, or, without ' +
        'one or with any flag that serve takes, as file, environment and flags make it.',
    )
    .argument('[KEY]', 'only keys that begin so, such as pool or tls.acme')
    .option('--json', 'print JSON')
    .option('--keys', 'print instead what each key means, its environment variable and its flag')
    .addHelpText('after', EXAMPLES);
  addConfigFlags(command).action((prefix: string | undefined, options: { json?: true; keys?: true }) =>
    run(async () => {
      if (options.keys) {
        const keys = beginningWith(prefix, describeSchema(), describes);
        terminal.stdout.write(options.json ? json(keys) : describeKeys(keys));
        return;
      }
      beginningWith(prefix, describeSchema(), describes);
      const rows = beginningWith(prefix, await effectiveConfig(command, terminal), (key, typed) =>
        key.startsWith(typed),
      );
      terminal.stdout.write(options.json ? json(rows) : formatRows(rows));
    }),
  );
}

const EXAMPLES = `
Examples:
  $ sstpd config
  $ sstpd config --config sstpd.yaml --mtu 1380
  $ sstpd config --keys
  $ sstpd config pool`;

/** @throws {CliError} if there is none */
export function beginningWith<Row extends { readonly key: string }>(
  prefix: string | undefined,
  rows: readonly Row[],
  begins: (key: string, typed: string) => boolean,
): Row[] {
  const found = rows.filter(({ key }) => prefix === undefined || begins(key, prefix));
  if (found.length > 0) return found;
  const close = nearest(
    prefix ?? '',
    rows.map(({ key }) => key),
  );
  throw new CliError(`no configuration key begins with '${prefix}', the nearest is ${close}`, EXIT.usage);
}

/** Whether a key of the schema begins so, be it with the place or name of one object: `servers[0]` for `servers[]`. */
export function describes(key: string, typed: string): boolean {
  if (key.startsWith(typed)) return true;
  const [whole = '', field = ''] = key.split(/\[\]|\.NAME/);
  const [, rest = '-'] = /^(?:\.[\w-]+|\[[^\]]*\]?)(.*)$/.exec(typed.slice(whole.length)) ?? [];
  return field !== '' && typed.startsWith(whole) && field.startsWith(rest);
}

async function effectiveConfig(command: Command, terminal: Terminal): Promise<Row[]> {
  const { config, origins } = loadGiven(command, terminal.env);
  const asksRunning =
    configFile(command) === undefined && Object.keys(givenFlags(command)).every((key) => key === 'data');
  if (asksRunning) {
    const { AdminClient } = await import('../admin/index.ts');
    const client = await AdminClient.connect(config.data);
    if (client !== undefined) {
      terminal.stderr.write(`sstpd: as the running server has it (pid ${client.status.pid})\n`);
      return client.config();
    }
  }
  return showConfig(config, origins);
}

/** Keys, values and origins in columns. */
export function formatRows(rows: readonly Row[]): string {
  return table(
    ['KEY', 'VALUE', 'FROM'],
    rows.map(({ key, value, origin }) => [key, formatValue(value), origin]),
  );
}

function formatValue(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(', ');
  if (value === '') return "''";
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.keys(value).length === 0 ? 'none' : JSON.stringify(value);
}

/** Some lines for each key. */
export function describeKeys(keys: readonly KeyDescription[]): string {
  return keys
    .map(({ key, type, default: initial, env, flag, doc, applies }) => {
      const unset = initial === undefined ? 'must be given' : `default ${initial === '' ? 'empty' : initial}`;
      const names = [env, flag].filter((name) => name !== undefined).join(', ');
      return `${key}\n    ${doc}\n    ${type}; ${unset}\n    takes effect ${EFFECT[applies]}\n${names && `    ${names}\n`}`;
    })
    .join('');
}

/** When a change does. */
const EFFECT: Readonly<Record<KeyDescription['applies'], string>> = {
  start: 'at the next start',
  'new-connections': 'for new connections once it is read again',
  now: 'once it is read again',
};
