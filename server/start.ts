import { adminSocketPath, prepareAdminServer, startWebPage } from '../admin/index.ts';
import { Authenticator, LoginThrottle, UserStore } from '../auth/index.ts';
import { asUser, formatIpv4, type Log, systemClock } from '../core/index.ts';
import { AddressPool } from '../ip/index.ts';
import { createServerTls, formatEndpoint } from '../tls/index.ts';
import { Capability, hasCapability, openTunPath } from '../tun/index.ts';
import { adminBackend } from './admin-backend.ts';
import type { Config, Origins } from './config.ts';
import { ConnectionTable } from './connection-table.ts';
import { claimDataDirectory, closedParent, lockDataDirectory } from './data-directory.ts';
import { ensureFirstUser } from './first-start.ts';
import { HostRoutes } from './host-routes.ts';
import { LeaseDesk } from './lease-desk.ts';
import { Listeners } from './listeners.ts';
import { createLog, type LogSink } from './log.ts';
import { limited } from './log-limit.ts';
import type { StartSummary } from './next-steps.ts';
import { becomeRunUser, chooseRunUser, type RunUser } from './privileges.ts';
import type { ServerContext } from './server-context.ts';
import { serveCertificate } from './start-certificate.ts';
import { StartError } from './start-error.ts';
import { type AddressPlan, planAddresses, setUpNetwork } from './start-network.ts';
import type { UndoStack } from './undo-stack.ts';

export interface StartOptions {
  readonly config: Config;
  readonly origins: Origins;
  readonly stdout: LogSink;
  /** What is made is put here. */
  readonly undo: UndoStack;
  /** To be told of the loss of something that the server can't do without. */
  readonly fail: (error: Error) => void;
}

export interface RunningServer {
  readonly summary: StartSummary;
  readonly log: Log;
  readonly table: ConnectionTable;
}

/** Lines of one kind about one peer; a count stands for the others. */
const LINES_PER_MINUTE = 30;

/**
 * Starts the server in an order that leaves nothing half-done: what can be missing is checked before anything is made.
 * At the end the process is an unprivileged user.
 *
 * @throws an operator error (`isOperatorError`): one line that says what is missing and what mends it
 */
export async function start(options: StartOptions): Promise<RunningServer> {
  const { config, stdout, undo, fail } = options;
  const runUser = checkRights(config);
  // Capabilities of the program file do not reach `ip` and `nft` by themselves; root narrows its own at the end.
  if (process.getuid?.() !== 0) becomeRunUser(runUser);
  const directory = claimDataDirectory(config.data, runUser);
  let isStarted = false;
  undo.push(() => {
    if (!isStarted) directory.discard();
  });
  const lock = lockDataDirectory(config.data, runUser);
  undo.push(() => lock.release());
  const listeners = new Listeners(config);
  await listeners.probe();
  const plan = await planAddresses(config);
  const { path: tun, offload } = openTunPath({
    name: config.network.tun,
    mtu: config.network.mtu,
    offload: config.network.offload,
    isolate: config.network.isolate,
    mostBytes: config.limits.queuesBytes,
    onFailure: fail,
  });
  undo.push(() => tun.close());

  const log = limited(createLog(config.log, stdout), { perMinute: LINES_PER_MINUTE, clock: systemClock });
  const flushing = setInterval(() => log.flush(), 60_000);
  undo.push(() => {
    clearInterval(flushing);
    log.flush();
  });
  const served = serveCertificate(config, runUser, log);
  const tls = createServerTls(served.certificate, {
    minVersion: config.tls.minVersion,
    ...(config.tls.ciphers === undefined ? {} : { ciphers: config.tls.ciphers }),
  });
  const store = asUser(runUser, () => UserStore.open(config.data, { keep: config.users.keep }));
  undo.push(() => store.close());

  const network = await setUpNetwork({ config, plan, tun, undo, log });
  const congestionControl = network.congestionControl || 'system';
  log.info('network.offload', { device: tun.name, offload, congestionControl });
  const routes = new HostRoutes(network.host, log);
  undo.push(() => routes.settled());
  const leases = leaseDesk(config, plan, store, routes, log);
  const web = await startWebPage();
  undo.push(() => web.close());
  const table = new ConnectionTable();
  undo.push(() => table.close('server-shutdown'));
  const throttle = new LoginThrottle();
  const authenticator = new Authenticator({ store });
  const context: ServerContext = { config, clock: systemClock, log, authenticator, throttle, leases, web, ...network };

  undo.push(() => listeners.close());
  const listening = await listeners.listen(context, table, tls);
  const listeningAt = listening.map((at) => formatEndpoint(at.address, at.port));

  const backend = adminBackend({ config, origins: options.origins, store, leases, table, listening: listeningAt });
  const preparedAdmin = await prepareAdminServer({ backend, log });

  // Nothing below needs root, and what is in the data directory is the run user's to change.
  becomeRunUser(runUser);
  const admin = await preparedAdmin.listen(adminSocketPath(config.data));
  undo.push(() => admin.close());
  const user = ensureFirstUser(store, config.data, stdout.isTTY === true);
  log.info('server.started', {
    listening: listeningAt,
    data: config.data,
    tun: network.path.name,
    runsAs: runUser.name,
  });
  isStarted = true;
  const summary: StartSummary = {
    data: config.data,
    listening: listeningAt,
    names: served.names,
    port: listening[0]?.port ?? 443,
    pool: plan.cidr,
    methods: config.auth.methods,
    ca: served.ca,
    user,
    remarks: network.remarks,
  };
  return { summary, log, table };
}

/** @returns whom to become when all is set up */
function checkRights(config: Config): RunUser {
  if (!hasCapability(Capability.NetAdmin)) {
    throw new StartError(
      'the right to make a TUN device is missing (CAP_NET_ADMIN): run it as root, for example with sudo',
    );
  }
  const runUser = chooseRunUser(config.run.user);
  const closed = closedParent(config.data, runUser.uid);
  if (closed === undefined) return runUser;
  throw new StartError(
    `data directory ${config.data} lies in ${closed}, which is closed to the user that sstpd becomes (${runUser.name}): ` +
      'choose another with --data DIR, or set run.user to root',
  );
}

function leaseDesk(config: Config, plan: AddressPlan, store: UserStore, routes: HostRoutes, log: Log): LeaseDesk {
  const pool = new AddressPool({ cidr: plan.cidr, serverAddress: plan.serverAddress, sticky: store.leases() });
  for (const { name, ipv4 } of store.list()) {
    if (ipv4 !== undefined && !pool.mayBeFixed(ipv4)) {
      log.error('user.address-unusable', { user: name, address: formatIpv4(ipv4), fix: 'user set NAME --ip ADDR' });
    }
    pool.setFixed(name, ipv4);
  }
  return new LeaseDesk({
    pool,
    prefixes: plan.prefixes,
    store,
    routes,
    log,
    serverAddress: plan.serverAddress,
    dns: plan.dns.slice(0, 2),
    wins: config.wins,
    maxPerUser: config.users.maxPerUser,
  });
}
