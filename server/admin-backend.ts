import type { AdminBackend, CertificateView, ReachView, UserView, WorkerView } from '../admin/index.ts';
import { checkNewPassword, type LiftTarget, type User, UserStoreError } from '../auth/index.ts';
import { type Clock, formatIpv4, hostMistake, type Ipv4, parseIpv4, parseIpv6, version } from '../core/index.ts';
import type { ProfileFacts } from '../profile/index.ts';
import type { UserStore } from '../store/index.ts';
import { type CageLayers, NO_CAGE } from '../tun/index.ts';
import { type Flood, floodView } from './admission/index.ts';
import { type Config, type Origins, showConfig } from './config/index.ts';
import type { Plane } from './connections/index.ts';
import { fixedAddressRefusal, type LeaseDesk, type LocalControl, type LoginDesk } from './control/index.ts';
import type { AttemptRing } from './observe/index.ts';
import { clientName } from './profile-facts.ts';

export interface AdminBackendOptions {
  readonly config: Config;
  readonly origins: Origins;
  readonly store: UserStore;
  readonly leases: LeaseDesk;
  readonly control: LocalControl;
  readonly logins: LoginDesk;
  readonly clock: Clock;
  readonly attempts: AttemptRing;
  readonly facts: (user: string, host?: string) => ProfileFacts | undefined;
  readonly metrics: () => Promise<string>;
  /** Whoever carries the connections. */
  readonly plane: Pick<Plane, 'sessions'>;
  /** Undefined if this process does. */
  readonly workers: { readonly workers: readonly WorkerView[]; readonly cage: CageLayers } | undefined;
  readonly listening: () => readonly string[];
  readonly certificates: () => CertificateView[];
  readonly health: AdminBackend['health'];
  readonly accounts: AdminBackend['accounts'];
  readonly tokens: AdminBackend['tokens'];
  /** TUN devices. */
  readonly devices: readonly string[];
  readonly reach: ReachView;
  readonly flood: () => Flood | undefined;
}

/**
 * What the admin API does to this process. Disabling and removing a user ends the user's sessions, and so does a new
 * password unless they are to be kept; a new address counts from the next connection on.
 */
export function adminBackend(options: AdminBackendOptions): AdminBackend {
  const { store, control, logins, plane, workers, leases, listening, attempts } = options;
  const startedAt = new Date().toISOString();
  const userView = (user: User): UserView => ({
    name: user.name,
    enabled: user.enabled,
    ipv4: user.ipv4 === undefined ? undefined : formatIpv4(user.ipv4),
    ipv4Fault: user.ipv4 === undefined ? undefined : leases.fixedFault(user.ipv4),
    secretKind: user.secretKind,
    weak: user.isWeak,
    createdAt: user.createdAt.toISOString(),
    lastLoginAt: user.lastLoginAt?.toISOString(),
    groups: user.groups,
    sessions: control.countOfUser(user.name),
  });
  // The store knows more spellings of a name than case: everything after it goes by the name as stored.
  const existing = (typedName: string): User => {
    const user = store.find(typedName);
    if (user === undefined) throw new UserStoreError('ERR_USER_UNKNOWN', `there is no user '${typedName}'`);
    return user;
  };
  return {
    status: () => ({
      version,
      pid: process.pid,
      startedAt,
      listening: listening(),
      sessions: control.count,
      devices: options.devices,
      reach: options.reach,
      workers: workers?.workers ?? [],
      cage: workers?.cage ?? NO_CAGE,
      flood: floodView(options.flood()),
    }),
    certificates: options.certificates,
    health: options.health,
    throttle: {
      list: () => logins.throttle.list(options.clock.now()),
      lift: ({ target, seconds }) =>
        logins.lift(target === undefined ? undefined : liftTarget(target), seconds * 1_000),
    },
    accounts: options.accounts,
    tokens: options.tokens,
    config: () => showConfig(options.config, options.origins),
    sessions: () => plane.sessions(),
    metrics: () => options.metrics(),
    attempts: (query) => attempts.list(query),
    attempt: (id) => attempts.find(id),
    profile: (user, host) => profile(existing(user).name, host, options.facts),
    killSession: async (id) => control.disconnect(id, 'killed-by-admin'),
    users: {
      list: () => store.list().map(userView),
      add: ({ name, password, ipv4, groups, weak }) => {
        const address = ipv4 === undefined ? undefined : fixedAddress(ipv4, leases);
        const user = store.add(name, password, { ipv4: address, groups, weak });
        leases.setFixed(user.name, address);
        return userView(user);
      },
      set: (typedName, change) => {
        const { name } = existing(typedName);
        const address = typeof change.ipv4 === 'string' ? fixedAddress(change.ipv4, leases) : undefined;
        // Before anything is changed.
        if (change.password !== undefined) checkNewPassword(change.password, { name, weak: change.weak });
        if (change.groups !== undefined) store.setGroups(name, change.groups);
        if (change.password !== undefined) store.setPassword(name, change.password, { weak: change.weak });
        if (change.ipv4 !== undefined) {
          store.setAddress(name, address);
          leases.setFixed(name, address);
        }
        if (change.enabled !== undefined) store.setEnabled(name, change.enabled);
        if (change.enabled === false) control.disconnectUser(name, 'user-disabled');
        // Whoever is connected got in with the old password, and may be why it was changed.
        else if (change.password !== undefined && change.keepSessions !== true) {
          control.disconnectUser(name, 'password-changed');
        }
        return userView(existing(name));
      },
      remove: (typedName) => {
        const { name } = existing(typedName);
        store.remove(name);
        leases.setFixed(name, undefined);
        control.disconnectUser(name, 'user-removed');
      },
    },
  };
}

/** No user's name looks like an address: an address is one. */
function liftTarget(text: string): LiftTarget {
  const isAddress = parseIpv4(text) !== undefined || parseIpv6(text.replace(/\/64$/, '')) !== undefined;
  return isAddress ? { kind: 'address', address: text.replace(/\/64$/, '') } : { kind: 'name', name: text };
}

function profile(user: string, host: string | undefined, facts: AdminBackendOptions['facts']): ProfileFacts {
  const name = host === undefined ? undefined : clientName(host);
  const made = host !== undefined && name === undefined ? undefined : facts(user, name);
  if (made !== undefined) return made;
  const why =
    host === undefined ? 'the certificate has no name that clients could dial' : `'${host}' is no name to dial`;
  const remedy = host === undefined ? undefined : hostMistake(host);
  throw new ProfileHostError(`${why}: ${remedy ?? 'give another one (--host NAME)'}`);
}

class ProfileHostError extends Error {
  readonly code = 'ERR_PROFILE_HOST';
}

function fixedAddress(text: string, leases: LeaseDesk): Ipv4 {
  const address = parseIpv4(text);
  if (address === undefined) throw new UserStoreError('ERR_USER_ADDRESS', `${text} is no IPv4 address`);
  const fault = leases.fixedFault(address);
  if (fault === undefined) return address;
  throw new UserStoreError('ERR_USER_ADDRESS', fixedAddressRefusal(address, fault));
}
