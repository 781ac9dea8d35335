import type { Command } from 'commander';
import type { AdminAccount } from '../store/index.ts';
import { withAdminStore } from './admin-store-access.ts';
import type { Run } from './command.ts';
import { newPassword, orWeak, said, WEAK_FLAG } from './new-password.ts';
import { addPlaceOptions } from './options.ts';
import { json, printable, type Terminal, table } from './terminal.ts';

export function addAdminCommand(program: Command, terminal: Terminal, run: Run): void {
  const admin = program
    .command('admin')
    .summary('add, list and remove accounts of the admin page')
    .description(
      'Manages the accounts of the admin page (admin.listen), with and without a running server; changes take effect ' +
        'at once, and end the logins of an account that is removed or gets another password.',
    )
    .addHelpText('after', EXAMPLES);
  addAdd(admin, terminal, run);
  addList(admin, terminal, run);
  addPasswd(admin, terminal, run);
  addRemove(admin, terminal, run);
}

const EXAMPLES = `
Examples:
  $ sstpd admin add ann
  $ sstpd admin list`;

interface PasswordFlags {
  readonly passwordStdin?: true;
  readonly weak?: true;
}

interface PasswdFlags extends PasswordFlags {
  readonly keepTokens?: true;
}

function addAdd(admin: Command, terminal: Terminal, run: Run): void {
  const command = admin
    .command('add')
    .summary('add an account')
    .description(
      'Adds an account. The password is asked for on a terminal; without a terminal, or if nothing is typed, ' +
        'a random one is made and printed. Makes the data directory if it is new.',
    )
    .argument('<NAME>', 'name to log in with')
    .option('--password-stdin', 'read the password from stdin')
    .option(...WEAK_FLAG)
    .addHelpText('after', '\nExample:\n  $ sstpd admin add ann');
  addPlaceOptions(command).action((name: string, { passwordStdin, weak }: PasswordFlags) =>
    run(() =>
      withAdminStore(command, terminal, { mayCreate: true }, async ({ admins }) => {
        const secret = await newPassword(terminal, passwordStdin === true);
        const added = await orWeak(() => admins.add(name, secret.password, { weak }));
        terminal.stdout.write(said(`Admin account ${added.name} added.`, secret));
      }),
    ),
  );
}

function addList(admin: Command, terminal: Terminal, run: Run): void {
  const command = admin
    .command('list')
    .summary('list the accounts')
    .description('Lists the accounts.')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ sstpd admin list');
  addPlaceOptions(command).action((options: { json?: true }) =>
    run(() =>
      withAdminStore(command, terminal, {}, async ({ admins }) => {
        const list = await admins.list();
        const shown = list.map(({ name, createdAt, lastLoginAt, isWeak }) => ({
          ...{ name, createdAt, lastLoginAt, weak: isWeak },
        }));
        terminal.stdout.write(options.json ? json(shown) : formatAccounts(list));
      }),
    ),
  );
}

function addPasswd(admin: Command, terminal: Terminal, run: Run): void {
  const command = admin
    .command('passwd')
    .summary("change an account's password")
    .description(
      "Changes an account's password, asked for as with add. The account's logins end, and the tokens made in them.",
    )
    .argument('<NAME>', 'name to log in with')
    .option('--password-stdin', 'read the password from stdin')
    .option(...WEAK_FLAG)
    .option('--keep-tokens', 'the API tokens that were made in its logins go on')
    .addHelpText('after', '\nExample:\n  $ sstpd admin passwd ann');
  addPlaceOptions(command).action((name: string, { passwordStdin, weak, keepTokens }: PasswdFlags) =>
    run(() =>
      withAdminStore(command, terminal, {}, async ({ admins }) => {
        const secret = await newPassword(terminal, passwordStdin === true);
        const tokens = await orWeak(() => admins.setPassword(name, secret.password, { weak, keepTokens }));
        terminal.stdout.write(said(`Password of ${name} changed.${ended(tokens)}`, secret));
      }),
    ),
  );
}

function addRemove(admin: Command, terminal: Terminal, run: Run): void {
  const command = admin
    .command('remove')
    .summary('remove an account')
    .description('Removes an account. Its logins end, and the API tokens that were made in them.')
    .argument('<NAME>', 'name to log in with')
    .addHelpText('after', '\nExample:\n  $ sstpd admin remove ann');
  addPlaceOptions(command).action((name: string) =>
    run(() =>
      withAdminStore(command, terminal, {}, async ({ admins }) => {
        const tokens = await admins.remove(name);
        terminal.stdout.write(`Admin account ${printable(name)} removed.${ended(tokens)}\n`);
      }),
    ),
  );
}

function ended(tokens: number): string {
  if (tokens === 0) return '';
  return ` ${tokens === 1 ? 'The token' : `The ${tokens} tokens`} made in its logins ended.`;
}

function formatAccounts(accounts: readonly AdminAccount[]): string {
  if (accounts.length === 0) return 'No admin accounts.\n';
  const seconds = (time: Date | undefined): string => time?.toISOString().replace(/\.\d+Z$/, 'Z') ?? 'never';
  return table(
    ['NAME', 'ADDED', 'LAST LOGIN', 'PASSWORD'],
    accounts.map(({ name, createdAt, lastLoginAt, isWeak }) => [
      ...[name, seconds(createdAt), seconds(lastLoginAt)],
      isWeak === undefined ? 'not known' : isWeak ? 'weak' : 'good',
    ]),
  );
}
