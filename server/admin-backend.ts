import type { AdminBackend, CertificateView, ReachView, WorkerView } from '../admin/index.ts';
import { type LiftTarget, UserStoreError } from '../auth/index.ts';
import { type Clock, hostMistake, parseIpv4, parseIpv6, version } from '../core/index.ts';
import type { ProfileFacts } from '../profile/index.ts';
import type { Users } from '../store/index.ts';
import { type CageLayers, NO_CAGE } from '../tun/index.ts';
import { type Flood, floodView } from './admission/index.ts';
import { type Config, type Origins, showConfig } from './config/index.ts';
import type { Plane } from './connections/index.ts';
import { type LeaseDesk, type LocalControl, type LoginDesk, UserDesk } from './control/index.ts';
import type { AttemptRing } from './observe/index.ts';
import { clientName } from './profile-facts.ts';

export interface AdminBackendOptions {
  readonly config: Config;
  readonly origins: Origins;
  readonly users: Users;
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

/** What the admin API does to this process. */
export function adminBackend(options: AdminBackendOptions): AdminBackend {
  const { users, control, logins, plane, workers, leases, listening, attempts } = options;
  const startedAt = new Date().toISOString();
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
    profile: async (typedName, host) => {
      const user = await users.find(typedName);
      if (user === undefined) throw new UserStoreError('ERR_USER_UNKNOWN', `there is no user '${typedName}'`);
      return profile(user.name, host, options.facts);
    },
    killSession: async (id) => control.disconnect(id, 'killed-by-admin'),
    users: new UserDesk({
      users,
      fixedFault: (address) => leases.fixedFault(address),
      running: {
        setFixed: (user, address) => leases.setFixed(user, address),
        disconnectUser: (name, reason) => control.disconnectUser(name, reason),
        countOfUser: (name) => control.countOfUser(name),
      },
    }),
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
