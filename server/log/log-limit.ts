import { addressOf, after, type Clock, type Instant, type Log, type LogFields, originOf } from '../../core/index.ts';
import { FoldedLines } from './folded-lines.ts';

/** A log that lets only so many lines through that a peer can cause without a login. */
export interface LimitedLog extends Log {
  /** Lines swallowed since the start. */
  readonly suppressed: number;
  /** Says what was swallowed in minutes that are over. Lines do this on their own; a quiet log needs the call. */
  flush(): void;
  /** The same of the minute that goes on: at the end. */
  finish(): void;
}

/** Lines of one kind about one peer; a count stands for the others. */
const LINES_PER_MINUTE = 30;

/** The log of a whole process. */
export interface ProcessLog {
  readonly log: Log;
  /** Lines swallowed since the start. */
  suppressed(): number;
  /** Lines lost since the start because nobody read what was written. */
  dropped(): number;
  /** Says what is left to be said. */
  stop(): void;
}

/** Limits a log, and has it say each minute what it swallowed. */
export function processLog(target: Log & { readonly dropped: number }, clock: Clock): ProcessLog {
  const log = limited(target, { perMinute: LINES_PER_MINUTE, clock });
  const flushing = setInterval(() => log.flush(), MINUTE_MS);
  const stop = (): void => {
    clearInterval(flushing);
    log.finish();
  };
  return { log, suppressed: () => log.suppressed, dropped: () => target.dropped, stop };
}

export interface LogLimitOptions {
  /** Limited lines per event and peer in a minute; of those that took a login four times as many per event and user. */
  readonly perMinute: number;
  readonly clock: Clock;
}

const MINUTE_MS = 60_000;
/** So much more room have lines that took a login: a user who dials each second is no attack. */
const OF_USER = 4;
const USERS_PER_EVENT = 10;
const MOST_USER_LENGTH = 64;
/** An event may be logged this many times as often over all peers as for one: an attack comes from many addresses. */
const PEERS_PER_EVENT = 10;
/** Event and peer pairs counted at the same time; what comes beyond counts for the event alone. */
const MOST_COUNTERS = 4096;

/**
 * Limits repeated lines that a hostile peer could otherwise use to fill the disk: each `warn`, each `error` about a peer,
 * and each `info` about a peer that has no field `user` or `token`, such as `connection.accepted`. An `info` with one of
 * them took a login, or is its end: those are what an audit reads, so they are kept apart. No flood of others uses up
 * their room, and what one user has too many of is folded into one line (`log.folded`), not swallowed.
 * The peer is the field `peer` without its port, of IPv6 its /64. Either field may be the line's or that of a child log.
 * After each minute `log.suppressed` says how many lines were swallowed: per event and peer and, of lines that name a
 * user, per event and user, since many guessers at one name are many peers.
 */
export function limited(log: Log, options: LogLimitOptions): LimitedLog {
  return new LimitedPeerLog(log, new Limiter(log, options), {});
}

class LimitedPeerLog implements LimitedLog {
  readonly #log: Log;
  readonly #limiter: Limiter;
  readonly #fields: LogFields;

  /** @param fields what `log` adds to each line */
  constructor(log: Log, limiter: Limiter, fields: LogFields) {
    this.#log = log;
    this.#limiter = limiter;
    this.#fields = fields;
  }

  debug(event: string, fields?: LogFields): void {
    this.#log.debug(event, fields);
  }

  info(event: string, fields?: LogFields): void {
    const all = { ...this.#fields, ...fields };
    const { peer, user, token } = all;
    if (user !== undefined || token !== undefined) {
      if (!this.#limiter.admitsOfUser(event, all)) return;
    } else if (peer === undefined) this.#limiter.flush();
    else if (!this.#limiter.admits(event, peerAddress(peer))) return;
    this.#log.info(event, fields);
  }

  warn(event: string, fields?: LogFields): void {
    const { peer, user } = { ...this.#fields, ...fields };
    if (this.#limiter.admits(event, peerAddress(peer), user)) this.#log.warn(event, fields);
  }

  error(event: string, fields?: LogFields): void {
    const { peer, user } = { ...this.#fields, ...fields };
    if (peer === undefined && user === undefined) this.#limiter.flush();
    else if (!this.#limiter.admits(event, peerAddress(peer), user)) return;
    this.#log.error(event, fields);
  }

  child(fields: LogFields): LimitedLog {
    return new LimitedPeerLog(this.#log.child(fields), this.#limiter, { ...this.#fields, ...fields });
  }

  get suppressed(): number {
    return this.#limiter.suppressed;
  }

  flush(): void {
    this.#limiter.flush();
  }

  finish(): void {
    this.#limiter.finish();
  }
}

interface Counter {
  readonly event: string;
  /** Undefined: the event over all peers. */
  readonly peer: string | undefined;
  seen: number;
  swallowed: number;
}

interface UserCounter {
  readonly event: string;
  readonly user: string;
  swallowed: number;
}

/** Counts within fixed minutes; all counters start anew when a minute is over. */
class Limiter {
  readonly #log: Log;
  readonly #perMinute: number;
  readonly #clock: Clock;
  readonly #counters = new Map<string, Counter>();
  /** Swallowed lines by event and user. */
  readonly #users = new Map<string, UserCounter>();
  readonly #folded: FoldedLines;
  #minuteEnd: Instant;
  #suppressed = 0;

  constructor(log: Log, options: LogLimitOptions) {
    this.#log = log;
    this.#perMinute = options.perMinute;
    this.#clock = options.clock;
    this.#folded = new FoldedLines(options.perMinute * OF_USER);
    this.#minuteEnd = after(options.clock.now(), MINUTE_MS);
  }

  get suppressed(): number {
    return this.#suppressed;
  }

  /** @param user whom the line names, if it does */
  admits(event: string, peer: string, user?: unknown): boolean {
    this.flush();
    const overall = this.#counter(event, undefined);
    const own = this.#counters.size < MOST_COUNTERS || this.#has(event, peer) ? this.#counter(event, peer) : overall;
    const counted = own === overall ? [overall] : [overall, own];
    const isAdmitted = own.seen < this.#perMinute && overall.seen < this.#perMinute * PEERS_PER_EVENT;
    if (!isAdmitted) {
      own.swallowed += 1;
      if (typeof user === 'string') this.#swallowOf(event, user.slice(0, MOST_USER_LENGTH));
      this.#suppressed += 1;
      return false;
    }
    for (const counter of counted) counter.seen += 1;
    return true;
  }

  /** Of a line that took a login. */
  admitsOfUser(event: string, fields: LogFields): boolean {
    this.flush();
    return this.#folded.admits(event, fields);
  }

  flush(): void {
    if (this.#clock.now() >= this.#minuteEnd) this.finish();
  }

  finish(): void {
    this.#minuteEnd = after(this.#clock.now(), MINUTE_MS);
    for (const fields of this.#folded.take()) this.#log.info('log.folded', fields);
    const lines = [
      ...summary([...this.#counters.values()].filter((counter) => counter.swallowed > 0)),
      ...summaryByUser([...this.#users.values()]),
    ];
    this.#counters.clear();
    this.#users.clear();
    for (const fields of lines) this.#log.warn('log.suppressed', fields);
  }

  #counter(event: string, peer: string | undefined): Counter {
    const key = keyOf(event, peer);
    let counter = this.#counters.get(key);
    if (counter === undefined) {
      counter = { event, peer, seen: 0, swallowed: 0 };
      this.#counters.set(key, counter);
    }
    return counter;
  }

  /** What finds no room counts for the event alone, as the others do. */
  #swallowOf(event: string, user: string): void {
    const key = keyOf(event, user);
    const counter = this.#users.get(key);
    if (counter !== undefined) counter.swallowed += 1;
    else if (this.#users.size < MOST_COUNTERS) this.#users.set(key, { event, user, swallowed: 1 });
  }

  #has(event: string, peer: string): boolean {
    return this.#counters.has(keyOf(event, peer));
  }
}

/** One line per event and peer; from the eleventh peer of an event on, one line for the rest of them. */
function summary(counters: readonly Counter[]): LogFields[] {
  const lines: LogFields[] = [];
  const rest = new Map<string, { count: number; peers: number }>();
  const named = new Map<string, number>();
  for (const { event, peer, swallowed } of counters) {
    const soFar = named.get(event) ?? 0;
    if (peer !== undefined && peer !== '' && soFar < PEERS_PER_EVENT) {
      named.set(event, soFar + 1);
      lines.push({ event, peer, count: swallowed });
      continue;
    }
    const others = rest.get(event) ?? { count: 0, peers: 0 };
    rest.set(event, { count: others.count + swallowed, peers: others.peers + (peer === undefined ? 0 : 1) });
  }
  for (const [event, { count, peers }] of rest) lines.push({ event, peers, count });
  return lines;
}

/** The ten users of each event with most lines, and how many others there are. */
function summaryByUser(counters: readonly UserCounter[]): LogFields[] {
  const byEvent = Map.groupBy(counters, ({ event }) => event);
  return [...byEvent].flatMap(([event, ofEvent]) => {
    const sorted = ofEvent.toSorted((a, b) => b.swallowed - a.swallowed);
    const [named, others] = [sorted.slice(0, USERS_PER_EVENT), sorted.slice(USERS_PER_EVENT)];
    const count = others.reduce((sum, { swallowed }) => sum + swallowed, 0);
    const rest = others.length === 0 ? [] : [{ event, users: others.length, count }];
    return [...named.map(({ user, swallowed }) => ({ event, user, count: swallowed })), ...rest];
  });
}

function keyOf(event: string, peer: string | undefined): string {
  return peer === undefined ? event : `${event}\0${peer}`;
}

/** Of IPv6 the /64, of which one machine has all addresses. */
function peerAddress(peer: unknown): string {
  return typeof peer === 'string' ? originOf(addressOf(peer)).address : '';
}
