import type { Command } from 'commander';
import type { UserChange, UserView } from '../admin/index.ts';
import { fixedAddressFix, formatIpv4, parseIpv4 } from '../core/index.ts';
import type { Run } from './command.ts';
import { type NewPassword, newPassword, orWeak, said, WEAK_FLAG } from './new-password.ts';
import { addPlaceOptions, configOf, placeCommands } from './options.ts';
import { CliError, EXIT, json, printable, type Terminal, table } from './terminal.ts';
import { openUsers, type UserAccess } from './user-access.ts';

interface Tools {
  readonly terminal: Terminal;
  readonly run: Run;
}

export function addUserCommand(program: Command, terminal: Terminal, run: Run): void {
  const user = program
    .command('user')
    .summary('add, change, list and remove users')
    .description('Manages users, with and without a running server; changes take effect at once.')
    .addHelpText('after', EXAMPLES);
  const tools = { terminal, run };
  addAdd(user, tools);
  addSet(user, tools);
  addList(user, tools);
  addPasswd(user, tools);
  addSwitch(user, tools, { name: 'disable', enabled: false, says: 'keep a user from connecting', done: 'disabled' });
  addSwitch(user, tools, { name: 'enable', enabled: true, says: 'let a disabled user connect again', done: 'enabled' });
  addRemove(user, tools);
}

const EXAMPLES = `
Examples:
  $ sstpd user add ann
  $ sstpd user list`;

function addAdd(user: Command, tools: Tools): void {
  const command = user
    .command('add')
    .summary('add a user')
    .description(
      'Adds a user. The password is asked for on a terminal; without a terminal, or if nothing is typed, ' +
        'a random one is made and printed. Makes the data directory if it is new.',
    )
    .argument('<NAME>', 'name to log in with')
    .option('--password-stdin', 'read the password from stdin')
    .option(...WEAK_FLAG)
    .option('--ip <ADDR>', 'fixed IPv4 address')
    .option('--no-ip', 'an address of the pool (the default)')
    .option('--group <GROUP>', 'put the user into a group; may be repeated', collect)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ sstpd user add ann
  $ printf %s "$PASSWORD" | sstpd user add ann --password-stdin --ip 10.20.30.40`,
    );
  addPlaceOptions(command).action((name: string, options: ChangeOptions) =>
    withUsers(command, tools, { mayCreate: true }, async (users) => {
      const ipv4 = typeof options.ip === 'string' ? checkedAddress(options.ip) : undefined;
      const secret = await newPassword(tools.terminal, options.passwordStdin === true);
      const groups = groupsOf(options);
      const added = await orWeak(() =>
        users.add({
          ...{ name, password: secret.password, ...weakOf(options) },
          ...(ipv4 === undefined ? {} : { ipv4 }),
          ...(groups === undefined ? {} : { groups }),
        }),
      );
      tools.terminal.stdout.write(options.json ? jsonWith(added, secret) : said(`User ${added.name} added.`, secret));
    }),
  );
}

function addSet(user: Command, tools: Tools): void {
  const command = user
    .command('set')
    .summary("change a user's address, groups or password")
    .description("Changes a user's fixed address, groups or password, or several of them.")
    .argument('<NAME>', 'name to log in with')
    .option('--password-stdin', 'read a new password from stdin')
    .option(...WEAK_FLAG)
    .option(...KEEP_FLAG)
    .option('--ip <ADDR>', 'fixed IPv4 address')
    .option('--no-ip', 'take the fixed address away')
    .option('--group <GROUP>', 'put the user into this group and no other; may be repeated for several', collect)
    .option('--no-groups', 'take the user out of all groups')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ sstpd user set ann --ip 10.20.30.40
  $ sstpd user set ann --no-ip
  $ sstpd user set ann --group staff --group berlin`,
    );
  addPlaceOptions(command).action((name: string, options: ChangeOptions) =>
    withUsers(command, tools, {}, async (users) => {
      const change: { -readonly [K in keyof UserChange]: UserChange[K] } = {};
      if (typeof options.ip === 'string') change.ipv4 = checkedAddress(options.ip);
      // What commander makes of --no-ip.
      if (options.ip === false) change.ipv4 = null;
      const groups = groupsOf(options);
      if (groups !== undefined) change.groups = groups;
      if (options.passwordStdin) {
        const { password } = await newPassword(tools.terminal, true);
        Object.assign(change, { password, ...weakOf(options), ...keepOf(options) });
      }
      if (Object.keys(change).length === 0) {
        throw new CliError(
          'nothing to change: give --ip ADDR, --no-ip, --group GROUP, --no-groups or --password-stdin',
          EXIT.usage,
        );
      }
      const changed = await orWeak(() => users.set(name, change));
      tools.terminal.stdout.write(options.json ? json(changed) : `User ${printable(changed.name)} changed.\n`);
    }),
  );
}

function addList(user: Command, tools: Tools): void {
  const command = user
    .command('list')
    .summary('list the users')
    .description('Lists the users.')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExamples:\n  $ sstpd user list\n  $ sstpd user list --json');
  addPlaceOptions(command).action((options: { json?: true }) =>
    withUsers(command, tools, {}, async (users) => {
      const list = await users.list();
      const unusable = options.json ? [] : unusableLines(list, configOf(command, tools.terminal.env).data);
      tools.terminal.stdout.write(options.json ? json(list) : formatUsers(list, unusable));
    }),
  );
}

function addPasswd(user: Command, tools: Tools): void {
  const command = user
    .command('passwd')
    .summary("change a user's password")
    .description(
      "Changes a user's password and ends the user's sessions. It is asked for on a terminal; without a terminal, or if " +
        'nothing is typed, a random one is made and printed.',
    )
    .argument('<NAME>', 'name to log in with')
    .option('--password-stdin', 'read the password from stdin')
    .option(...WEAK_FLAG)
    .option(...KEEP_FLAG)
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ sstpd user passwd ann');
  addPlaceOptions(command).action((name: string, options: ChangeOptions) =>
    withUsers(command, tools, {}, async (users) => {
      const secret = await newPassword(tools.terminal, options.passwordStdin === true);
      const change = { password: secret.password, ...weakOf(options), ...keepOf(options) };
      const changed = await orWeak(() => users.set(name, change));
      const text = `Password of ${changed.name} changed.`;
      tools.terminal.stdout.write(options.json ? jsonWith(changed, secret) : said(text, secret));
    }),
  );
}

function addSwitch(
  user: Command,
  tools: Tools,
  what: { readonly name: string; readonly enabled: boolean; readonly says: string; readonly done: string },
): void {
  const command = user
    .command(what.name)
    .summary(what.says)
    .description(`${what.says[0]?.toUpperCase()}${what.says.slice(1)}.`)
    .argument('<NAME>', 'name to log in with')
    .addHelpText('after', `\nExample:\n  $ sstpd user ${what.name} ann`);
  addPlaceOptions(command).action((name: string) =>
    withUsers(command, tools, {}, async (users) => {
      const changed = await users.set(name, { enabled: what.enabled });
      tools.terminal.stdout.write(`User ${printable(changed.name)} ${what.done}.\n`);
    }),
  );
}

function addRemove(user: Command, tools: Tools): void {
  const command = user
    .command('remove')
    .summary('remove a user')
    .description('Removes a user, with the password and the address.')
    .argument('<NAME>', 'name to log in with')
    .addHelpText('after', '\nExample:\n  $ sstpd user remove ann');
  addPlaceOptions(command).action((name: string) =>
    withUsers(command, tools, {}, async (users) => {
      await users.remove(name);
      tools.terminal.stdout.write(`User ${printable(name)} removed.\n`);
    }),
  );
}

interface ChangeOptions {
  readonly passwordStdin?: true;
  readonly weak?: true;
  readonly keepSessions?: true;
  readonly ip?: string | boolean;
  readonly group?: readonly string[];
  readonly groups?: boolean;
  readonly json?: true;
}

const KEEP_FLAG = ['--keep-sessions', 'with a new password, let the sessions that are open go on'] as const;

function weakOf({ weak }: ChangeOptions): { weak?: true } {
  return weak === undefined ? {} : { weak };
}

function keepOf({ keepSessions }: ChangeOptions): { keepSessions?: true } {
  return keepSessions === undefined ? {} : { keepSessions };
}

function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** @returns undefined: as they are */
function groupsOf({ group, groups }: ChangeOptions): readonly string[] | undefined {
  if (group !== undefined && groups === false) {
    throw new CliError('--group and --no-groups exclude each other: take one back', EXIT.usage);
  }
  return groups === false ? [] : group;
}

function withUsers(
  command: Command,
  { terminal, run }: Tools,
  options: { readonly mayCreate?: true },
  work: (users: UserAccess) => Promise<void>,
): Promise<void> {
  return run(async () => {
    const users = await openUsers(configOf(command, terminal.env), options.mayCreate === true);
    try {
      await work(users);
    } finally {
      await users.close();
    }
    return EXIT.ok;
  });
}

/** Refused before a password is asked for. */
function checkedAddress(text: string): string {
  if (parseIpv4(text) === undefined) throw new CliError(`'${text}' is not an IPv4 address`, EXIT.usage);
  return text;
}

function jsonWith(user: UserView, { password, isGenerated }: NewPassword): string {
  return json(isGenerated ? { ...user, password } : user);
}

function formatUsers(users: readonly UserView[], unusable: readonly string[]): string {
  if (users.length === 0) return 'No users.\n';
  return `${listed(users)}${unusable.length === 0 ? '' : `\n${unusable.join('')}`}`;
}

/** Of users whose fixed address nobody can have. */
function unusableLines(users: readonly UserView[], data: string): string[] {
  const unusable = users.flatMap(({ name, ipv4, ipv4Fault }) => {
    const address = parseIpv4(ipv4 ?? '');
    return address === undefined || ipv4Fault === undefined ? [] : [{ name, address, ipv4Fault }];
  });
  return unusable.map(({ name, address, ipv4Fault }) => {
    const fix = placeCommands(fixedAddressFix(name, address, ipv4Fault), data);
    return `${printable(name)} can not connect, for ${formatIpv4(address)} ${ipv4Fault}: ${fix}\n`;
  });
}

function listed(users: readonly UserView[]): string {
  return table(
    ['NAME', 'STATE', 'ADDRESS', 'GROUPS', 'KEPT', 'LAST LOGIN', 'SESSIONS'],
    users.map((user) => [
      user.name,
      user.enabled ? 'enabled' : 'disabled',
      user.ipv4 === undefined ? 'from pool' : `${user.ipv4}${user.ipv4Fault === undefined ? '' : ', unusable'}`,
      user.groups.join(',') || '-',
      user.weak === true ? `${user.secretKind}, weak` : user.secretKind,
      user.lastLoginAt?.replace(/\.\d+Z$/, 'Z') ?? 'never',
      String(user.sessions),
    ]),
  );
}
