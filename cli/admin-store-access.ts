import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { openStore, type Store } from '../store/index.ts';
import { becomeDataOwner } from './data-owner.ts';
import { configOf } from './options.ts';
import { CliError, EXIT, type Terminal } from './terminal.ts';

/**
 * Works in the store of accounts and tokens, as the owner of the data directory. A server that runs sees each change at
 * once, for it asks the file at each request.
 *
 * @param options.mayCreate makes the data directory if it is new
 * @returns the exit status
 * @throws {CliError} if there is no data directory
 * @throws {UserStoreError} if the store cannot be used, or refuses
 */
export async function withAdminStore(
  command: Command,
  terminal: Terminal,
  options: { readonly mayCreate?: true },
  work: (store: Pick<Store, 'admins' | 'tokens'>) => void | Promise<void>,
): Promise<number> {
  const { data, users } = configOf(command, terminal.env);
  if (!existsSync(data) && options.mayCreate !== true) {
    throw new CliError(`there is no ${data}: sstpd admin add makes it, or --data DIR names another`);
  }
  becomeDataOwner(data);
  const store = await openStore(data, { keep: users.keep });
  try {
    await work(store);
  } finally {
    await store.close();
  }
  return EXIT.ok;
}
