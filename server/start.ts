import { randomBytes } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { type AttemptView, adminSocketPath, prepareAdminServer } from '../admin/index.ts';
import { Authenticator } from '../auth/index.ts';
import {
  asUser,
  type Ipv4,
  type Log,
  placeExplanation,
  StartError,
  systemClock,
  type UndoStack,
} from '../core/index.ts';
import { congestionControlFor } from '../datapath/index.ts';
import { AddressPool } from '../ip/index.ts';
import type { ProfileFacts } from '../profile/index.ts';
import { AdminStore, UserStore } from '../store/index.ts';
import { formatEndpoint } from '../tls/index.ts';
import { forgetFlows, removeRoute, replaceRoute } from '../tun/index.ts';
import { adminBackend } from './admin-backend.ts';
import { AdminListener, probeAdminListener } from './admin-listener.ts';
import { Admission, FloodWatch } from './admission/index.ts';
import { authorityView, CertificateKeeper, certificateViews } from './certificates/index.ts';
import { isNameOf } from './certificates/material.ts';
import type { Config, Origins } from './config/index.ts';
import { probeListeners } from './connections/index.ts';
import {
  AdminLogin,
  fixedAddressFault,
  fixedAddressRule,
  forgetOldPasswordsDaily,
  LeaseDesk,
  LocalControl,
  LoginDesk,
  PortalDesk,
  tokensBackend,
} from './control/index.ts';
import { ensureFirstUser } from './first-start.ts';
import { FlowWatch } from './flow-watch.ts';
import {
  type AddressPlan,
  becomeRunUser,
  checkFallback,
  chooseRunUser,
  claimDataDirectory,
  clientNetworks,
  closedParent,
  FlowCleaner,
  HostRoutes,
  instanceOf,
  lockDataDirectory,
  logRemarks,
  missingRight,
  planAddresses,
  planCage,
  planReach,
  type RunUser,
  reachRemarks,
  reachView,
  readRefusedFlows,
  readRights,
  setUpNetwork,
  Translations,
  tableName,
} from './host/index.ts';
import { createLog, type LogSink, processLog } from './log/index.ts';
import type { StartSummary } from './next-steps.ts';
import {
  AttemptRing,
  asRemark,
  checkHooks,
  examineRevocationLater,
  examineStart,
  explainAddress,
  healthOf,
  openMetrics,
  PortalAttempt,
  probeMetricsListener,
  runningDoctor,
  unusableAddresses,
  Watch,
} from './observe/index.ts';
import { openDevices, preparePlane } from './planes.ts';
import { profileFacts } from './profile-facts.ts';

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
  /** How many there are. */
  sessions(): number;
}

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
  checkFallback(config, runUser);
  const checkedHooks = checkHooks(config, runUser);
  const cage = planCage(config);
  const directory = claimDataDirectory(config.data, runUser);
  let isStarted = false;
  undo.push(() => {
    if (!isStarted) directory.discard();
  });
  const lock = lockDataDirectory(config.data, runUser);
  undo.push(() => lock.release());
  await probeListeners(config);
  await probeAdminListener(config);
  await probeMetricsListener(config);
  const plan = await planAddresses(config);
  const tuns = openDevices(config, runUser.uid, cage, fail);
  undo.push(() => tuns.close());

  const stream = createLog(config.log, stdout, config.data);
  const lines = processLog(stream, systemClock);
  const { log } = lines;
  undo.push(() => lines.stop());
  const watch = new Watch({ config, checkedHooks, runUser, log, lines });
  undo.push(() => watch.stop());
  const certificates = await CertificateKeeper.load(config, runUser, log);
  const store = asUser(runUser, () => UserStore.open(config.data, { keep: config.users.keep }));
  undo.push(() => store.close());
  undo.push(forgetOldPasswordsDaily(store, log));
  const adminStore = asUser(runUser, () => AdminStore.open(config.data));
  undo.push(() => adminStore.close());

  const common = await examineStart({
    config,
    certificate: certificates.first,
    names: certificates.names,
    runUser,
    tokens: adminStore.tokens.list(),
  });
  const findings = cage.finding.result === 'ok' ? common : [...common, cage.finding];
  for (const { check, text, fix } of [...checkedHooks.findings, ...findings])
    log.warn('doctor.finding', { check, text, fix });
  const access = planReach(config, plan, store);
  const network = await setUpNetwork({ config, plan, tuns: tuns.names, reach: access.reach, undo, log });
  const reachable = reachRemarks(access, store);
  logRemarks(reachable, log);
  const congestionControl = congestionControlFor(config.tcp.congestion);
  const shown = { devices: tuns.names, offload: tuns.offload, congestionControl: congestionControl || 'system' };
  log.info('network.offload', shown);
  const translations = new Translations(network.host, log);
  undo.push(() => translations.settled());
  const table = { replace: replaceRoute, remove: removeRoute };
  const routes = new HostRoutes({ table, translations, pool: plan.cidr, perClient: tuns.names.length > 1, log });
  const cleaner = new FlowCleaner({ forget: forgetFlows, log });
  undo.push(() => cleaner.settled());
  await cleaner.cleanNetworks(clientNetworks(config, plan).map(({ network: clients }) => clients));
  const rule = fixedAddressRule(config, plan, tuns.names);
  const fixedFault = (address: Ipv4): string | undefined => fixedAddressFault(address, rule);
  const leases = leaseDesk({ config, plan, store, routes, flows: cleaner, fixedFault, log });
  const unusable = unusableAddresses(store.list(), fixedFault, log);
  const authenticator = new Authenticator({ store, codePages: config.auth.codePages });
  let port = 443;
  const facts = (user: string, host?: string): ProfileFacts | undefined => {
    const { names, material: tls, ca } = certificates;
    return profileFacts(user, { config, names, port, tls, caPem: ca?.pem, dns: plan.dns }, host);
  };
  const flows = new FlowWatch({
    read: () => readRefusedFlows(tableName(instanceOf(realpathSync(config.data)))),
    limit: config.limits.flowsPerClient,
    log,
  });
  undo.push(() => flows.stop());
  const observers = [...watch.observers, flows];
  const logins = new LoginDesk({ clock: systemClock, log, places: store, observers });
  const attempts = new AttemptRing({ most: config.explain.keep, mostPerPeer: config.explain.keepPerPeer });
  const record = (address: string): PortalAttempt => new PortalAttempt(address);
  const recorded = (attempt: AttemptView): void => attempts.put(placeExplanation(attempt, config.data));
  const portal = new PortalDesk({ authenticator, logins, store, clock: systemClock, log, facts, record, recorded });
  const control = new LocalControl({ authenticator, logins, leases, portal, observers });
  const networks = clientNetworks(config, plan);
  const onAttempt = (attempt: AttemptView): void => {
    const explained = placeExplanation(explainAddress(attempt, store, fixedFault), config.data);
    attempts.put(explained);
    watch.attempt(explained);
  };
  const floods = new FloodWatch({ clock: systemClock, log, observer: watch.floods });
  undo.push(() => floods.stop());
  const admission = new Admission(config.limits, { isKnown: knownAddresses(store, log), observer: floods });
  const plane = await preparePlane(tuns, {
    relay: (line) => stream.relay(line),
    config,
    runUser,
    control,
    admission,
    networks,
    cage,
    tls: certificates.material,
    portalKey: randomBytes(32),
    congestionControl,
    log,
    fail,
    onAttempt,
  });
  undo.push(() => plane.stop());
  const adminLogin = new AdminLogin({ store: adminStore, logins, log });
  const metrics = watch.metrics({
    plane,
    throttle: logins.throttle,
    adminLogins: adminLogin.counts,
    admission,
    addresses: () => leases.addresses,
    flows,
    certificates: () => certificates.certificates,
    noteTraffic: (traffic) => control.noteTraffic(traffic),
  });
  let listening: string[] = [];
  const examine = runningDoctor({
    config,
    runUser,
    certificates: () => certificates.certificates,
    names: certificates.names,
    listening: () => listening,
    devices: tuns.names,
    reach: reachView(access),
    users: () =>
      store.list().map(({ name, ipv4 }) => ({ name, ipv4, fault: ipv4 === undefined ? ipv4 : fixedFault(ipv4) })),
    cage: cage.finding,
    attempts: () => attempts.list({}).attempts,
    flood: () => floods.flood,
    tokens: () => adminStore.tokens.list(),
  });
  const backend = adminBackend({
    config,
    origins: options.origins,
    store,
    leases,
    control,
    logins,
    clock: systemClock,
    plane,
    attempts,
    facts,
    metrics: () => metrics.text(),
    listening: () => listening,
    devices: tuns.names,
    reach: reachView(access),
    flood: () => floods.flood,
    certificates: () => {
      const now = new Date();
      const { ca } = certificates;
      const authority = ca && authorityView(ca.pem, config.data, runUser.uid, now);
      return certificateViews(certificates.certificates, now, config.data, authority);
    },
    health: healthOf(examine, systemClock),
    accounts: adminLogin,
    tokens: tokensBackend(adminStore.tokens, log),
  });
  const adminListener = AdminListener.create(config, certificates.material);
  const preparedAdmin = await prepareAdminServer({ backend, log, network: adminListener });

  // Nothing below needs root, and what is in the data directory is the run user's to change.
  becomeRunUser(runUser);
  const bound = await plane.listen();
  const certificateRemarks = await certificates.begin(
    async (material) => {
      adminListener?.setTls(material);
      await plane.setTls(material);
    },
    (renewal) => watch.renewed(renewal),
  );
  undo.push(() => certificates.stop());
  listening = bound.map((at) => formatEndpoint(at.address, at.port));
  port = bound[0]?.port ?? port;
  const admin = await preparedAdmin.listen(adminSocketPath(config.data));
  undo.push(() => admin.close());
  const adminUrl = await adminListener?.listen();
  const isOwnName = (name: string): boolean => isNameOf(name, config, certificates.material);
  await openMetrics(config, { metrics: () => metrics.text(), isOwnName, log, undo });
  const user = ensureFirstUser(store, config.data, stdout.isTTY === true);
  log.info('server.started', {
    listening,
    admin: adminUrl ?? 'off',
    data: config.data,
    tun: tuns.names.join(', '),
    runsAs: runUser.name,
    workers: plane.workers.length,
  });
  isStarted = true;
  void examineRevocationLater(certificates.first, log);
  const summary: StartSummary = {
    data: config.data,
    listening,
    names: certificates.names,
    port,
    pool: plan.cidr,
    portal: config.portal.enabled ? config.portal : undefined,
    client: facts(user?.name ?? 'NAME'),
    ca: certificates.ca,
    user,
    admin: adminUrl === undefined ? undefined : { url: adminUrl, hasAccount: backend.accounts.exist() },
    remarks: [...network.remarks, ...reachable, ...unusable, ...certificateRemarks, ...findings.map(asRemark)],
  };
  return { summary, log, sessions: () => control.count };
}

/** @returns whom to become when all is set up */
function checkRights(config: Config): RunUser {
  const runUser = chooseRunUser(config.run.user, config.data);
  const missing = missingRight(readRights(), runUser.uid);
  if (missing !== undefined) throw new StartError(missing);
  const closed = closedParent(config.data, runUser.uid);
  if (closed === undefined) return runUser;
  throw new StartError(
    `data directory ${config.data} lies in ${closed}, which is closed to the user that sstpd becomes (${runUser.name}): ` +
      'choose another with --data DIR, or set run.user to root',
  );
}

/** Nobody is kept out because the store can't be read: then everybody is a stranger. */
function knownAddresses(store: UserStore, log: Log): (place: string) => boolean {
  return (place) => {
    try {
      return store.isKnownAddress(place);
    } catch (error) {
      log.warn('users.addresses-unreadable', { error: error instanceof Error ? error.message : String(error) });
      return false;
    }
  };
}

function leaseDesk(options: {
  readonly config: Config;
  readonly plan: AddressPlan;
  readonly store: UserStore;
  readonly routes: HostRoutes;
  readonly flows: FlowCleaner;
  readonly fixedFault: (address: Ipv4) => string | undefined;
  readonly log: Log;
}): LeaseDesk {
  const { config, plan, store, routes, flows, fixedFault, log } = options;
  // Nobody becomes everybody's resolver by choosing its address.
  const reserved = [...plan.dns, ...config.wins];
  const places = { cidr: plan.cidr, serverAddress: plan.serverAddress };
  const pool = new AddressPool({ ...places, reserved, sticky: store.leases() });
  for (const { name, ipv4 } of store.list()) pool.setFixed(name, ipv4);
  return new LeaseDesk({
    pool,
    prefixes: plan.prefixes,
    store,
    routes,
    flows,
    fixedFault,
    log,
    serverAddress: plan.serverAddress,
    dns: plan.dns.slice(0, 2),
    wins: config.wins,
    maxPerUser: config.users.maxPerUser,
    clientChoice: config.pool.clientChoice,
  });
}
