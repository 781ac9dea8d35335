import type { SecretKind } from '../../auth/index.ts';
import type { Admins, LeaseBook, Places, Settings, Store, Tokens, Users } from '../ports.ts';
import { answerInTime } from '../time-limit.ts';
import { AdminStore } from './admin-store.ts';
import { UserStore } from './user-store.ts';

export interface StoreOptions {
  /** 'nt-hash' forgets the passwords that are there and keeps none of new ones; there is no way back. */
  readonly keep: SecretKind;
  /** For tests. */
  readonly now?: () => Date;
}

/**
 * Opens the store in a directory, or makes it: directory 0700, files 0600. The files are opened before this call returns,
 * so with the rights of then.
 *
 * @throws {UserStoreError} ERR_USER_STORE, or ERR_USER_STORE_MODE if other users can read a file
 */
export async function openStore(directory: string, { keep, now }: StoreOptions): Promise<Store> {
  const users = UserStore.open(directory, { keep, ...(now && { now }) });
  try {
    const admins = AdminStore.open(directory, now);
    return answerInTime({
      ...{ users: usersOf(users), places: placesOf(users), leases: leasesOf(users), settings: settingsOf(users) },
      ...{ admins: adminsOf(admins), tokens: tokensOf(admins) },
      close: async () => {
        users.close();
        admins.close();
      },
    });
  } catch (error) {
    users.close();
    throw error;
  }
}

// A file's parts, to who does not know that its answers take no time: what they throw is a promise rejected.

export function usersOf(users: UserStore): Users {
  return {
    lookupAny: async (readings, least, only) => users.lookupAny(readings, least, only),
    nameOf: async (readings) => users.nameOf(readings),
    find: async (name) => users.find(name),
    recordLogin: async (name) => users.recordLogin(name),
    add: async (name, password, options) => users.add(name, password, options),
    change: async (name, change) => users.change(name, change),
    remove: async (name) => users.remove(name),
    list: async () => users.list(),
    exist: async () => users.exist(),
    passwordVersion: async (name) => users.passwordVersion(name),
    forgetOldPasswords: async () => users.forgetOldPasswords(),
    browsers: users.browsers,
    browserOfMeant: async (name) => users.browserOfMeant(name),
  };
}

export function placesOf(users: UserStore): Places {
  return {
    usersKnownAt: async (readings, place) => users.usersKnownAt(readings, place),
    rememberPlace: async (name, place, version) => users.rememberPlace(name, place, version),
    addresses: async () => {
      users.loadAddresses();
      return { isKnown: (place) => users.isKnownAddress(place) };
    },
  };
}

export function leasesOf(users: UserStore): LeaseBook {
  return {
    remember: async (name, ipv4) => users.rememberLease(name, ipv4),
    last: async () => users.leases(),
  };
}

export function settingsOf(users: UserStore): Settings {
  return {
    get: async (name) => users.setting(name),
    set: async (name, value) => users.setSetting(name, value),
  };
}

export function adminsOf({ accounts, browsers }: AdminStore): Admins {
  return {
    add: (name, password, options) => accounts.add(name, password, options),
    setPassword: (name, password, options) => accounts.setPassword(name, password, options),
    remove: async (name) => accounts.remove(name),
    list: async () => accounts.list(),
    exist: async () => accounts.count > 0,
    isCurrent: async (account) => accounts.isCurrent(account),
    verify: (name, password) => accounts.verify(name, password),
    recordLogin: async (account) => accounts.recordLogin(account),
    browsers,
    browserOf: async (name) => accounts.browserOf(name),
  };
}

export function tokensOf({ tokens }: AdminStore): Tokens {
  return {
    add: async (token) => tokens.add(token),
    list: async () => tokens.list(),
    remove: async (id) => tokens.remove(id),
    find: async (token) => tokens.find(token),
    recordUse: async (token) => tokens.recordUse(token),
  };
}
