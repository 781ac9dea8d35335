import type { Instant } from '../../core/index.ts';
import type { Gate } from './gate.ts';
import type { LoginAttempt } from './place.ts';
import type { Source } from './source.ts';

/** A name, an address or a network that is slowed or lifted, as an operator sees it. */
export interface ThrottleEntry {
  readonly kind: 'name' | 'address' | 'network';
  /** Of names. */
  readonly realm: LoginAttempt['realm'] | undefined;
  readonly of: string;
  /** Of addresses faded, of names since their bucket was last full. */
  readonly failures: number;
  /** Clients that wait there now. */
  readonly waiting: number;
  /** What the next stranger there waits whose own failures count; undefined where that is drawn by lot. */
  readonly delayMs: number | undefined;
  /** /24 or /48 that failures at a name came from, and names that failed at an address. */
  readonly others: number;
  readonly isAttacked: boolean;
  /** For how long it is lifted. */
  readonly liftedMs: number | undefined;
}

export function realmOf(user: string): LoginAttempt['realm'] {
  return user.startsWith('v') ? 'vpn' : 'admin';
}

/** @param key as `userKey` makes it */
export function nameEntry(key: string, gate: Gate, waiting: number, now: Instant): ThrottleEntry {
  const { failures, networks } = gate.record(now);
  const delayMs = gate.waitingNetworks > 0 ? undefined : Math.ceil(gate.nextDraw(now) - now);
  const { isAttacked } = gate;
  return {
    ...{ kind: 'name', realm: realmOf(key), of: key.slice(1), failures, waiting, delayMs, others: networks },
    ...{ isAttacked, liftedMs: undefined },
  };
}

export function sourceEntry(
  kind: 'address' | 'network',
  of: string,
  source: Source,
  waiting: number,
  now: Instant,
): ThrottleEntry {
  const [failures, delayMs] = [Math.round(source.failures(now)), Math.ceil(source.waitMs(now))];
  return {
    ...{ kind, realm: undefined, of, failures, waiting, delayMs, others: source.names },
    ...{ isAttacked: false, liftedMs: undefined },
  };
}
