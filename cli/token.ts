import { type Command, InvalidArgumentError } from 'commander';
import { isScope, SCOPES, type Scope, TOKEN_DAYS } from '../core/index.ts';
import type { ApiToken } from '../store/index.ts';
import { withAdminStore } from './admin-store-access.ts';
import type { Run } from './command.ts';
import { addPlaceOptions } from './options.ts';
import { json, printable, type Terminal, table } from './terminal.ts';

export function addTokenCommand(program: Command, terminal: Terminal, run: Run): void {
  const token = program
    .command('token')
    .summary('add, list and remove API tokens')
    .description(
      'Manages the tokens with which programs ask the admin API (admin.listen), with and without a running server; ' +
        'changes take effect at once.',
    )
    .addHelpText('after', EXAMPLES);
  addAdd(token, terminal, run);
  addList(token, terminal, run);
  addRemove(token, terminal, run);
}

function addAdd(token: Command, terminal: Terminal, run: Run): void {
  const command = token
    .command('add')
    .summary('add a token')
    .description('Adds a token and prints it; it can not be shown again. Makes the data directory if it is new.')
    .argument('<NAME>', 'what it is for')
    .requiredOption('--scope <SCOPE>', `what it may do: ${SCOPES.join(', ')}; may be repeated`, collectScope)
    .option('--days <N>', `expires after so many days, or never (default: ${TOKEN_DAYS.usual})`, parseDays)
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES);
  addPlaceOptions(command).action((name: string, options: AddOptions) =>
    run(() =>
      withAdminStore(command, terminal, { mayCreate: true }, async ({ tokens }) => {
        const added = await tokens.add({ name, scopes: options.scope, expiresInDays: options.days });
        const end = added.expiresAt === undefined ? 'never expires' : `expires on ${day(added.expiresAt)}`;
        const text = `Token ${added.id} added; it ${end}.\n${added.token}\n(shown only now)\n`;
        terminal.stdout.write(options.json ? json(added) : text);
      }),
    ),
  );
}

function addList(token: Command, terminal: Terminal, run: Run): void {
  const command = token
    .command('list')
    .summary('list the tokens')
    .description('Lists the tokens, without themselves.')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ sstpd token list');
  addPlaceOptions(command).action((options: { json?: true }) =>
    run(() =>
      withAdminStore(command, terminal, {}, async ({ tokens }) => {
        const list = await tokens.list();
        terminal.stdout.write(options.json ? json(list) : formatTokens(list));
      }),
    ),
  );
}

function addRemove(token: Command, terminal: Terminal, run: Run): void {
  const command = token
    .command('remove')
    .summary('remove a token')
    .description('Removes a token, and those that were made by it: they are refused from now on.')
    .argument('<ID>', 'as sstpd token list shows it')
    .addHelpText('after', '\nExample:\n  $ sstpd token remove 5f2c8a90d1e3');
  addPlaceOptions(command).action((id: string) =>
    run(() =>
      withAdminStore(command, terminal, {}, async ({ tokens }) => {
        await tokens.remove(id);
        terminal.stdout.write(`Token ${printable(id)} removed.\n`);
      }),
    ),
  );
}

interface AddOptions {
  readonly scope: readonly Scope[];
  readonly days?: number | 'never';
  readonly json?: true;
}

const EXAMPLES = `
Examples:
  $ sstpd token add prometheus --scope metrics
  $ sstpd token add backup --scope read --days 90`;

function collectScope(text: string, before: readonly Scope[] = []): readonly Scope[] {
  if (!isScope(text)) throw new InvalidArgumentError(`It is one of ${SCOPES.join(', ')}.`);
  return [...before, text];
}

function parseDays(text: string): number | 'never' {
  if (text === 'never') return text;
  const days = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (days >= 1 && days <= TOKEN_DAYS.mostHere) return days;
  throw new InvalidArgumentError(`It is a whole number from 1 to ${TOKEN_DAYS.mostHere}, or never.`);
}

function formatTokens(tokens: readonly ApiToken[]): string {
  if (tokens.length === 0) return 'No tokens.\n';
  return table(
    ['ID', 'NAME', 'SCOPES', 'ADDED', 'EXPIRES', 'LAST USE'],
    tokens.map(({ id, name, scopes, createdAt, expiresAt, lastUsedAt }) => [
      id,
      name,
      scopes.join(','),
      day(createdAt),
      expiresAt === undefined ? 'never' : day(expiresAt),
      lastUsedAt === undefined ? 'never' : day(lastUsedAt),
    ]),
  );
}

function day(time: Date): string {
  return time.toISOString().slice(0, 10);
}
