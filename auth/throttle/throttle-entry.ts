import type { Instant } from '../../core/index.ts';
import type { Gate, Limit } from './gate.ts';
import type { LoginAttempt } from './place.ts';
import type { Source } from './source.ts';

/** A name, an address or a network that is slowed or lifted, as an operator sees it. */
export interface ThrottleEntry {
  /** `loopback`: everybody there, at whatever names. */
  readonly kind: 'name' | 'address' | 'network' | 'loopback';
  /** Of names, and of loopback. */
  readonly realm: LoginAttempt['realm'] | undefined;
  readonly of: string;
  /** Of names, and of loopback: whose guesses these are. */
  readonly limit: Limit | undefined;
  /** Of names: the one address that they come from. */
  readonly at: string | undefined;
  /** Of addresses faded, of others since their bucket was last full. */
  readonly failures: number;
  /** Clients that wait there now. */
  readonly waiting: number;
  /** What the next one there waits whose own failures count; undefined where that is drawn by lot. */
  readonly delayMs: number | undefined;
  /** /24 or /48 that failures at a name came from, and names that failed at an address or on loopback. */
  readonly others: number;
  readonly isAttacked: boolean;
  /** For how long it is lifted. */
  readonly liftedMs: number | undefined;
}

export function realmOf(user: string): LoginAttempt['realm'] {
  return user.startsWith('v') ? 'vpn' : 'admin';
}

/** Gates of one row are listed as one. */
export function rowOfGate({ of, shownAs }: Gate): string {
  return `${of.limit} ${of.at ?? ''} ${shownAs}`;
}

export function gateEntry(gate: Gate, waiting: number, now: Instant): ThrottleEntry {
  const { of, shownAs } = gate;
  const { failures, others } = gate.record(now);
  const delayMs = gate.waitingNetworks > 0 ? undefined : Math.ceil(gate.nextDraw(now) - now);
  const isShared = of.limit === 'loopback';
  return {
    ...{
      kind: isShared ? 'loopback' : 'name',
      realm: realmOf(shownAs),
      of: isShared ? (of.at ?? '') : shownAs.slice(1),
    },
    ...{ limit: of.limit, at: of.at, failures, waiting, delayMs, others },
    ...{ isAttacked: gate.isAttacked, liftedMs: undefined },
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
    ...{
      kind,
      realm: undefined,
      of,
      limit: undefined,
      at: undefined,
      failures,
      waiting,
      delayMs,
      others: source.names,
    },
    ...{ isAttacked: false, liftedMs: undefined },
  };
}
