import { ConfigError, clipped } from './error.ts';
import type { KeyTable } from './keys.ts';
import { nearest } from './nearest.ts';

const PREFIX = 'SSTPD_';
/** Read elsewhere: by load.ts, the command line, the addon's loader, the install script and the workers' cage. */
const OTHER_VARIABLES = ['CONFIG', 'DEBUG', 'PASSWORD', 'ADDON', 'APT', 'CAGE_ABI'].map((name) => `${PREFIX}${name}`);

/** Of a whole group, named to who gives its name alone. */
const MOST_OF_GROUP = 4;

/** Kubernetes puts these into the pods of a service that is named sstpd. */
const OF_KUBERNETES = /^SSTPD_(?:SERVICE|PORT)(?:_|$)/;

/** What hooks are given, who may call our own commands. */
const OF_HOOKS = /^SSTPD_HOOK_/;

/**
 * A mistyped variable would leave its key at the default without a word; convict looks only for those that it knows.
 *
 * @throws {ConfigError} naming the variable that was most likely meant
 */
export function checkEnvironment(environment: NodeJS.ProcessEnv, table: KeyTable<unknown>): void {
  const known: ReadonlySet<string> = new Set([...table.all.map(({ env }) => env), ...OTHER_VARIABLES]);
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith(PREFIX) || !value || known.has(name)) continue;
    if (OF_KUBERNETES.test(name) || OF_HOOKS.test(name)) continue;
    const meant = nearestVariable(name, known, table);
    throw new ConfigError(`${clipped(name)}: unknown environment variable, the nearest is ${meant}`);
  }
}

function nearestVariable(name: string, known: ReadonlySet<string>, { all }: KeyTable<unknown>): string {
  // As SSTPD_RADIUS_SERVERS_0_HOST, which is no nearer to its list than to many others.
  const whole = all.find(({ kind, env }) => kind !== 'leaf' && name.startsWith(`${env}_`));
  if (whole !== undefined) return `${whole.env}, which has all of ${whole.key} as JSON`;
  /** What somebody may have meant, without prefix, and the variables for it. */
  const meanings = new Map<string, readonly string[]>();
  for (const variable of known) meanings.set(variable.slice(PREFIX.length), [variable]);
  for (const key of all) {
    // Named after the flag, as SSTPD_POOL.
    const flag = key.kind === 'leaf' ? key.leaf.flag : undefined;
    if (flag !== undefined) meanings.set(flag.name.toUpperCase().replaceAll('-', '_'), [key.env]);
    if (!key.key.includes('.')) continue;
    const [group = '', ...rest] = key.env.slice(PREFIX.length).split('_');
    // With a dot behind its group as well, so that MTU alone finds NETWORK_MTU.
    meanings.set(`${group}.${rest.join('_')}`, [key.env]);
  }
  for (const { key, env } of all) {
    const group = env.slice(PREFIX.length).split('_', 1)[0] ?? '';
    const before = meanings.get(group);
    const isOfGroup = before === undefined || before[0]?.startsWith(`${PREFIX}${group}_`) === true;
    if (key.includes('.') && isOfGroup && before?.includes(env) !== true) meanings.set(group, [...(before ?? []), env]);
  }
  const meant = nearest(name.slice(PREFIX.length), [...meanings.keys()]);
  const found = meanings.get(meant ?? '') ?? [];
  return `${found.slice(0, MOST_OF_GROUP).join(', ')}${found.length > MOST_OF_GROUP ? ', ...' : ''}`;
}
