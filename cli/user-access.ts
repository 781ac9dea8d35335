import { existsSync } from 'node:fs';
import type { NewUser, UserChange, UserView } from '../admin/index.ts';
import type { Config } from '../server/config/index.ts';
import { openStore } from '../store/index.ts';
import { becomeDataOwner } from './data-owner.ts';
import { CliError } from './terminal.ts';

/** The users of a data directory, through the server that runs on it or, without one, in the store itself. */
export interface UserAccess {
  list(): Promise<UserView[]>;
  add(user: NewUser): Promise<UserView>;
  set(name: string, change: UserChange): Promise<UserView>;
  remove(name: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * @param mayCreate makes the data directory if it is new
 * @throws {CliError} if there is no data directory
 * @throws {UserStoreError} if the store cannot be used
 * @throws {AdminClientError} if a server runs, but cannot be asked
 */
export async function openUsers(config: Config, mayCreate: boolean): Promise<UserAccess> {
  const { AdminClient } = await import('../admin/index.ts');
  const client = await AdminClient.connect(config.data);
  if (client !== undefined) {
    return {
      list: () => client.users(),
      add: (user) => client.addUser(user),
      set: (name, change) => client.setUser(name, change),
      remove: (name) => client.removeUser(name),
      close: async () => undefined,
    };
  }
  if (!mayCreate && !existsSync(config.data)) {
    throw new CliError(`there is no ${config.data}: sstpd user add makes it, or --data DIR names another`);
  }
  return openStoreOf(config);
}

async function openStoreOf(config: Config): Promise<UserAccess> {
  const { fixedAddressCheck, UserDesk } = await import('../server/index.ts');
  becomeDataOwner(config.data);
  const store = await openStore(config.data, { keep: config.users.keep });
  const desk = new UserDesk({ users: store.users, fixedFault: fixedAddressCheck(config) });
  return {
    list: () => desk.list(),
    add: (user) => desk.add(user),
    set: (name, change) => desk.set(name, change),
    remove: (name) => desk.remove(name),
    close: () => store.close(),
  };
}
