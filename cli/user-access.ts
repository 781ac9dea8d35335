import { existsSync } from 'node:fs';
import type { NewUser, UserChange, UserView } from '../admin/index.ts';
import { checkNewPassword, type User } from '../auth/index.ts';
import { formatIpv4, type Ipv4, parseIpv4 } from '../core/index.ts';
import type { Config } from '../server/config/index.ts';
import { UserStore } from '../store/index.ts';
import { becomeDataOwner } from './data-owner.ts';
import { CliError, EXIT } from './terminal.ts';

/** The users of a data directory, through the server that runs on it or, without one, in the store itself. */
export interface UserAccess {
  list(): Promise<UserView[]>;
  add(user: NewUser): Promise<UserView>;
  set(name: string, change: UserChange): Promise<UserView>;
  remove(name: string): Promise<void>;
  close(): void;
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
      close: () => undefined,
    };
  }
  if (!mayCreate && !existsSync(config.data)) {
    throw new CliError(`there is no ${config.data}: sstpd user add makes it, or --data DIR names another`);
  }
  return openStore(config);
}

type FaultOf = (address: Ipv4) => string | undefined;

async function openStore(config: Config): Promise<UserAccess> {
  const { fixedAddressCheck, fixedAddressRefusal } = await import('../server/index.ts');
  const faultOf = fixedAddressCheck(config);
  const viewOf = (user: User): UserView => view(user, faultOf);
  const fixed = (text: string): Ipv4 => {
    const address = parseIpv4(text);
    if (address === undefined) throw new CliError(`'${text}' is not an IPv4 address`, EXIT.usage);
    const fault = faultOf(address);
    if (fault !== undefined) throw new CliError(fixedAddressRefusal(address, fault));
    return address;
  };
  becomeDataOwner(config.data);
  const store = UserStore.open(config.data, { keep: config.users.keep });
  return {
    list: async () => store.list().map((user) => viewOf(user)),
    async add({ name, password, ipv4, groups, weak }) {
      return viewOf(store.add(name, password, { ipv4: ipv4 === undefined ? undefined : fixed(ipv4), groups, weak }));
    },
    async set(name, { password, ipv4, enabled, groups, weak }) {
      // Whatever can be refused for what it is comes first.
      let user = store.find(name);
      if (typeof ipv4 === 'string') fixed(ipv4);
      if (user !== undefined && password !== undefined) checkNewPassword(password, { name: user.name, weak });
      if (groups !== undefined) user = store.setGroups(name, groups);
      if (ipv4 !== undefined) user = store.setAddress(name, ipv4 === null ? undefined : fixed(ipv4));
      if (password !== undefined) store.setPassword(name, password, { weak });
      if (enabled !== undefined) user = store.setEnabled(name, enabled);
      user ??= store.find(name);
      if (user === undefined) throw new CliError(`there is no user ${name}`);
      return viewOf(user);
    },
    remove: async (name) => store.remove(name),
    close: () => store.close(),
  };
}

function view(user: User, faultOf: FaultOf): UserView {
  return {
    name: user.name,
    enabled: user.enabled,
    ipv4: user.ipv4 === undefined ? undefined : formatIpv4(user.ipv4),
    ipv4Fault: user.ipv4 === undefined ? undefined : faultOf(user.ipv4),
    secretKind: user.secretKind,
    weak: user.isWeak,
    createdAt: user.createdAt.toISOString(),
    lastLoginAt: user.lastLoginAt?.toISOString(),
    groups: user.groups,
    sessions: 0,
  };
}
