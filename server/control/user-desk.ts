import type { NewUser, UserChange, UserView } from '../../admin/index.ts';
import { type User, UserStoreError } from '../../auth/index.ts';
import { formatIpv4, type Ipv4, parseIpv4 } from '../../core/index.ts';
import type { ChangeOfUser, Users } from '../../store/index.ts';
import type { EndReason } from './end-reason.ts';
import { fixedAddressRefusal } from './fixed-address.ts';

export interface UserDeskOptions {
  readonly users: Pick<Users, 'add' | 'change' | 'remove' | 'list' | 'find'>;
  /** Why no user can have an address for good, to follow it; undefined if one can. */
  readonly fixedFault: (address: Ipv4) => string | undefined;
  /** What a change means to those who are connected; undefined without a running server. */
  readonly running?: RunningUsers;
}

export interface RunningUsers {
  /** Keeps a user's fixed address out of everybody else's hands from now on, or no longer. */
  setFixed(user: string, address: Ipv4 | undefined): void;
  disconnectUser(name: string, reason: EndReason): void;
  countOfUser(name: string): number;
}

/**
 * The one place where an operator adds, changes and removes users, with and without a running server. What is refused
 * leaves everything as it was; what is not is in the store, whole, before anybody is disconnected for it. Disabling and
 * removing a user ends the user's sessions, and so does a new password unless they are to be kept; a new address counts from
 * the next connection on.
 *
 * Promises are rejected with the `UserStoreError` of `Users`, and with ERR_USER_ADDRESS.
 */
export class UserDesk {
  readonly #options: UserDeskOptions;

  constructor(options: UserDeskOptions) {
    this.#options = options;
  }

  async list(): Promise<UserView[]> {
    return (await this.#options.users.list()).map((user) => this.#view(user));
  }

  async add({ name, password, ipv4, groups, weak }: NewUser): Promise<UserView> {
    const address = ipv4 === undefined ? undefined : this.#fixedAddress(ipv4);
    const user = await this.#options.users.add(name, password, { ipv4: address, groups, weak });
    if (user.ipv4 !== undefined) this.#options.running?.setFixed(user.name, user.ipv4);
    return this.#view(user);
  }

  /** What `typedName` means may be spelt in other ways than case: what follows goes by the name as stored. */
  async set(typedName: string, wanted: UserChange): Promise<UserView> {
    const { password, weak, enabled, groups } = wanted;
    const ipv4 = await this.#addressFor(typedName, wanted.ipv4);
    const change: ChangeOfUser = { password, weak, ipv4, groups, enabled };
    const user = await this.#options.users.change(typedName, change);
    const { running } = this.#options;
    if (ipv4 !== undefined) running?.setFixed(user.name, user.ipv4);
    if (enabled === false) running?.disconnectUser(user.name, 'user-disabled');
    // Whoever is connected got in with the old password, and may be why it was changed.
    else if (password !== undefined && wanted.keepSessions !== true) {
      running?.disconnectUser(user.name, 'password-changed');
    }
    return this.#view(user);
  }

  async remove(typedName: string): Promise<void> {
    const { name } = await this.#options.users.remove(typedName);
    this.#options.running?.setFixed(name, undefined);
    this.#options.running?.disconnectUser(name, 'user-removed');
  }

  /** That there is no such user is said before what is wrong with the address. */
  async #addressFor(typedName: string, text: string | null | undefined): Promise<Ipv4 | null | undefined> {
    if (typeof text !== 'string') return text;
    if ((await this.#options.users.find(typedName)) === undefined) {
      throw new UserStoreError('ERR_USER_UNKNOWN', `there is no user '${typedName}'`);
    }
    return this.#fixedAddress(text);
  }

  #fixedAddress(text: string): Ipv4 {
    const address = parseIpv4(text);
    if (address === undefined) throw new UserStoreError('ERR_USER_ADDRESS', `'${text}' is not an IPv4 address`);
    const fault = this.#options.fixedFault(address);
    if (fault === undefined) return address;
    throw new UserStoreError('ERR_USER_ADDRESS', fixedAddressRefusal(address, fault));
  }

  #view(user: User): UserView {
    const { fixedFault, running } = this.#options;
    return {
      name: user.name,
      enabled: user.enabled,
      ipv4: user.ipv4 === undefined ? undefined : formatIpv4(user.ipv4),
      ipv4Fault: user.ipv4 === undefined ? undefined : fixedFault(user.ipv4),
      secretKind: user.secretKind,
      weak: user.isWeak,
      createdAt: user.createdAt.toISOString(),
      lastLoginAt: user.lastLoginAt?.toISOString(),
      groups: user.groups,
      sessions: running?.countOfUser(user.name) ?? 0,
    };
  }
}
