import { prepareAdminServer } from '../admin/index.ts';
import { systemClock } from '../core/index.ts';
import { adminBackend } from './admin-backend.ts';
import { AdminListener } from './admin-listener.ts';
import type { Bound } from './bound.ts';
import { authorityView, certificateViews } from './certificates/index.ts';
import type { Claimed } from './claim.ts';
import type { Config, Origins } from './config/index.ts';
import type { Connected } from './connect.ts';
import { AdminLogin, tokensBackend } from './control/index.ts';
import { healthOf, runningDoctor } from './observe/index.ts';
import type { Opened } from './open.ts';
import type { PreparedHost } from './prepare-host.ts';

/** What an operator asks and changes while the server runs; it does not listen yet. */
export interface Administered {
  readonly metrics: { text(): Promise<string> };
  readonly admin: Awaited<ReturnType<typeof prepareAdminServer>>;
  /** Undefined if the admin API is not on the network. */
  readonly network: AdminListener | undefined;
  /** Whether there is anybody who could sign in to the admin page. */
  readonly hasAccount: () => Promise<boolean>;
}

/** Loads all that is needed, so that nothing is missing once the rights are gone. @throws {TlsContextError} */
export async function administer(options: {
  readonly config: Config;
  readonly origins: Origins;
  readonly claimed: Claimed;
  readonly opened: Opened;
  readonly host: PreparedHost;
  readonly connected: Connected;
  readonly bound: Bound;
}): Promise<Administered> {
  const { config, origins, claimed, opened, host, connected, bound } = options;
  const { runUser, cage } = claimed;
  const { tuns, log, watch, certificates, store } = opened;
  const { leases, logins, control, attempts, floods, admission, plane, workers, facts } = connected;
  const { reach, flows, fixedFault } = host;
  const devices = tuns.names;
  const listening = (): readonly string[] => bound.listening;
  const adminLogin = new AdminLogin({ admins: store.admins, logins, log });
  const metrics = watch.metrics({
    plane,
    workers,
    throttle: logins.throttle,
    adminLogins: adminLogin.counts,
    admission,
    addresses: () => leases.addresses,
    flows,
    certificates: () => certificates.certificates,
    noteTraffic: (traffic) => control.noteTraffic(traffic),
  });
  const examine = runningDoctor({
    config,
    runUser,
    certificates: () => certificates.certificates,
    names: certificates.names,
    listening,
    devices,
    reach,
    users: async () =>
      (await store.users.list()).map(({ name, ipv4 }) => ({
        ...{ name, ipv4, fault: ipv4 === undefined ? ipv4 : fixedFault(ipv4) },
      })),
    cage: cage.finding,
    attempts: () => attempts.list({}).attempts,
    flood: () => floods.flood,
    tokens: () => store.tokens.list(),
  });
  const backend = adminBackend({
    config,
    origins,
    users: store.users,
    leases,
    control,
    logins,
    clock: systemClock,
    plane,
    workers,
    attempts,
    facts,
    metrics: () => metrics.text(),
    listening,
    devices,
    reach,
    flood: () => floods.flood,
    certificates: () => {
      const now = new Date();
      const { ca } = certificates;
      const authority = ca && authorityView(ca.pem, config.data, runUser.uid, now);
      return certificateViews(certificates.certificates, now, config.data, authority);
    },
    health: healthOf(examine, systemClock),
    accounts: adminLogin,
    tokens: tokensBackend(store.tokens, log),
  });
  const network = AdminListener.create(config, certificates.material);
  const admin = await prepareAdminServer({ backend, log, network });
  return { metrics, admin, network, hasAccount: () => backend.accounts.exist() };
}
