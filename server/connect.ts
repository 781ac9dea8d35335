import { randomBytes } from 'node:crypto';
import type { AttemptView } from '../admin/index.ts';
import { Authenticator, type User } from '../auth/index.ts';
import { type Log, placeExplanation, systemClock, type UndoStack } from '../core/index.ts';
import { AddressPool } from '../ip/index.ts';
import type { ProfileFacts } from '../profile/index.ts';
import type { Places } from '../store/index.ts';
import { Admission, FloodWatch } from './admission/index.ts';
import type { Bound } from './bound.ts';
import type { Claimed } from './claim.ts';
import type { Config } from './config/index.ts';
import { LeaseDesk, LocalControl, LoginDesk, PortalDesk } from './control/index.ts';
import { AttemptRing, explainAddress, isWithoutAddress, PortalAttempt, unusableAddresses } from './observe/index.ts';
import type { Opened } from './open.ts';
import { type PreparedPlane, preparePlane } from './planes.ts';
import type { PreparedHost } from './prepare-host.ts';
import { profileFacts } from './profile-facts.ts';

/** Who judges connections, and who carries them. */
export interface Connected extends PreparedPlane {
  readonly leases: LeaseDesk;
  readonly logins: LoginDesk;
  readonly control: LocalControl;
  readonly attempts: AttemptRing;
  readonly floods: FloodWatch;
  readonly admission: Admission;
  /** What a client's files are made of; undefined if there is no name to dial. */
  readonly facts: (user: string, host?: string) => ProfileFacts | undefined;
  /** Lines that the operator should read. */
  readonly remarks: readonly string[];
}

/** What runs from now on goes on `undo`. @param fail to be told of what no restart of a worker mends @throws {TlsContextError} */
export async function connect(options: {
  readonly config: Config;
  readonly claimed: Claimed;
  readonly opened: Opened;
  readonly host: PreparedHost;
  readonly bound: Bound;
  readonly undo: UndoStack;
  readonly fail: (error: Error) => void;
}): Promise<Connected> {
  const { config, claimed, opened, host, bound, undo, fail } = options;
  const { plan, runUser, cage } = claimed;
  const { tuns, log, relay, watch, certificates, store } = opened;
  const { flows, networks, fixedFault, congestionControl } = host;
  const users = await store.users.list();
  const leases = await leaseDesk(options, users);
  const remarks = unusableAddresses(users, fixedFault, log);
  const verifier = new Authenticator({ store: store.users, codePages: config.auth.codePages });
  const facts = (user: string, name?: string): ProfileFacts | undefined => {
    const { names, material: tls, ca } = certificates;
    return profileFacts(user, { config, names, port: bound.port, tls, caPem: ca?.pem, dns: plan.dns }, name);
  };
  const observers = [...watch.observers, flows];
  const logins = new LoginDesk({ clock: systemClock, log, places: store.places, observers });
  const attempts = new AttemptRing({ most: config.explain.keep, mostPerPeer: config.explain.keepPerPeer });
  const record = (address: string): PortalAttempt => new PortalAttempt(address);
  const recorded = (attempt: AttemptView): void => attempts.put(placeExplanation(attempt, config.data));
  const portal = new PortalDesk({
    ...{ verifier, logins, users: store.users, clock: systemClock, log, facts, record, recorded },
  });
  const control = new LocalControl({ verifier, logins, leases, portal, observers });
  const noted = (attempt: AttemptView): void => {
    const explained = placeExplanation(attempt, config.data);
    attempts.put(explained);
    watch.attempt(explained);
  };
  const onAttempt = (attempt: AttemptView): void => {
    if (isWithoutAddress(attempt)) void explainAddress(attempt, { users: store.users, fixedFault, log }).then(noted);
    else noted(attempt);
  };
  const floods = new FloodWatch({ clock: systemClock, log, observer: watch.floods });
  undo.push(() => floods.stop());
  const admission = new Admission(config.limits, {
    isKnown: await knownAddresses(store.places, log),
    observer: floods,
  });
  const { plane, workers } = await preparePlane(tuns, {
    relay,
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
  return { leases, logins, control, attempts, floods, admission, plane, workers, facts, remarks };
}

/** Nobody is kept out because the store can't be read: then everybody is a stranger. */
async function knownAddresses(places: Places, log: Log): Promise<(place: string) => boolean> {
  try {
    const known = await places.addresses();
    return (place) => known.isKnown(place);
  } catch (error) {
    log.warn('users.addresses-unreadable', { error: error instanceof Error ? error.message : String(error) });
    return () => false;
  }
}

async function leaseDesk(
  options: {
    readonly config: Config;
    readonly claimed: Claimed;
    readonly opened: Opened;
    readonly host: PreparedHost;
  },
  users: readonly User[],
): Promise<LeaseDesk> {
  const { config, opened, host } = options;
  const { plan } = options.claimed;
  const { store, log } = opened;
  // Nobody becomes everybody's resolver by choosing its address.
  const reserved = [...plan.dns, ...config.wins];
  const places = { cidr: plan.cidr, serverAddress: plan.serverAddress };
  const pool = new AddressPool({ ...places, reserved, sticky: await store.leases.last() });
  for (const { name, ipv4 } of users) pool.setFixed(name, ipv4);
  return new LeaseDesk({
    pool,
    prefixes: plan.prefixes,
    book: store.leases,
    routes: host.routes,
    flows: host.cleaner,
    fixedFault: host.fixedFault,
    log,
    serverAddress: plan.serverAddress,
    dns: plan.dns.slice(0, 2),
    wins: config.wins,
    maxPerUser: config.users.maxPerUser,
    clientChoice: config.pool.clientChoice,
  });
}
