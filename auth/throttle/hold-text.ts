/** Why a login was held back, or guesses are used up, in words: for the log and for whoever asks why it did not work. */

import { type LogFields, liftCommand, quoted } from '../../core/index.ts';
import type { Attack, Hold } from '../index.ts';

/** From so many on nobody can be promised when his turn comes. */
const MANY_LOTS = 16;

/** What has to be known of loopback, and what mends it. */
const ALL_ON_LOOPBACK =
  'everybody who comes through a tunnel that ends on this host, or through a proxy on it that sends no PROXY header, is 127.0.0.1';
const SEND_PROXY_HEADER =
  'have the proxy on this host send the PROXY header, and name it in proxy.from (docs/one-port.md)';

export function holdFields({ cause, of, at, failures, lots }: Hold, delayMs: number): LogFields {
  const fields = { delayMs, failures };
  switch (cause) {
    case 'address':
      return { ...fields, from: of };
    case 'strangers':
      return { ...fields, limit: cause, attacked: of, networks: lots };
    case 'loopback':
      return { ...fields, limit: cause, names: lots, mend: SEND_PROXY_HEADER };
    case 'loopback-name':
      return { ...fields, limit: cause, attacked: of, mend: SEND_PROXY_HEADER };
    case 'known-address':
    case 'known-browser':
    case 'lifted-name':
      return { ...fields, limit: cause, attacked: of, from: at };
    default:
      return cause satisfies never;
  }
}

/** For the log, and for webhooks. */
export function attackFields({ realm, user, limit, at, failures, others, ms }: Attack): LogFields {
  const fields = { user, realm, limit, failures, seconds: Math.round(ms / 1_000) };
  switch (limit) {
    case 'strangers':
      return { ...fields, networks: others };
    case 'loopback':
      return { ...fields, from: at, names: others, mend: SEND_PROXY_HEADER };
    case 'loopback-name':
      return { ...fields, from: at, mend: SEND_PROXY_HEADER };
    case 'known-address':
    case 'known-browser':
    case 'lifted-name':
      return { ...fields, from: at };
    default:
      return limit satisfies never;
  }
}

export interface HeldBack {
  readonly hold: Hold;
  /** How long it has waited. */
  readonly ms: number;
  /** Whether the client left before its turn came; else the server ended it. */
  readonly hasLeft: boolean;
}

interface Explained {
  readonly text: string;
  readonly fix: string;
}

/**
 * @param at a VPN client dials, a browser signs in
 * @returns one sentence, and what mends it
 */
export function explainHold(held: HeldBack, at: 'vpn' | 'portal' = 'vpn'): Explained {
  const { hold, ms, hasLeft } = held;
  if (hold.cause === 'address') return explainAddress(held);
  const { why, turns, fix } = reasonOf({ ...hold, cause: hold.cause }, at);
  const waited = seconds(ms);
  const end = hasLeft ? `the client hung up after ${waited} s` : `the turn had not come after ${waited} s`;
  return { text: `The login was held back ${waited} s because ${why}: ${turns}, and ${end}.`, fix };
}

function explainAddress({ hold, ms, hasLeft }: HeldBack): Explained {
  const delay = seconds(hold.ms ?? ms);
  const end = hasLeft ? `the client hung up after ${seconds(ms)} s` : 'it has to come again';
  return {
    text: `The login was held back ${delay} s because of ${count(hold.failures, 'failure')} from ${hold.of}, and ${end}.`,
    fix: `Find who fails there (sstpd explain), or ${passOf(hold.of)}.`,
  };
}

/** Of guesses that are used up. */
function reasonOf(
  { cause, of, at: address, failures, lots }: Hold & { readonly cause: Attack['limit'] },
  at: 'vpn' | 'portal',
): { readonly why: string; readonly turns: string; readonly fix: string } {
  const [name, failed] = [quoted(of), count(failures, 'failure')];
  const again = `${at === 'vpn' ? 'Dial' : 'Sign in'} again: the place in line is kept for 10 minutes.`;
  const liftName = liftCommand(of, ' --for 10m');
  const there = `Find who fails there (sstpd explain), or ${passOf(address)}.`;
  switch (cause) {
    case 'strangers': {
      const browser =
        at === 'vpn'
          ? 'Or sign in to the portal first, in a browser that did before'
          : 'Or do so in a browser that did before';
      return {
        why: `the name is under attack, with ${failed} from addresses that never logged in as ${name}`,
        turns: turnsOf(count(lots, 'network'), lots, 'a minute'),
        fix: `${again} ${browser}; or ${liftName}.`,
      };
    }
    case 'known-address':
      return {
        why: `of ${failed} as ${name} from ${address}, from where that user logged in before`,
        turns: 'there is one try in 10 s, drawn by lot among those who wait there',
        fix: there,
      };
    case 'lifted-name':
      return {
        why: `of ${failed} as ${name} from ${address} while that name is let pass`,
        turns: 'there is one try in 10 s from each address',
        fix: there,
      };
    case 'known-browser':
      return {
        why: `of ${failed} as ${name} in this browser, which logged in before`,
        turns: 'there is one try in 10 s',
        fix: there,
      };
    case 'loopback-name':
      return {
        why: `of ${failed} as ${name} on loopback, and ${ALL_ON_LOOPBACK}`,
        turns: 'there is one try at this name in 10 s, drawn by lot among those who wait for it',
        fix: `${upperFirst(SEND_PROXY_HEADER)}. Or let everybody there pass: ${liftCommand(address)}.`,
      };
    case 'loopback':
      return {
        why: `of ${failed} on loopback at whatever names, and ${ALL_ON_LOOPBACK}`,
        turns: turnsOf(count(lots, 'name'), lots, 'a second'),
        fix: `${upperFirst(SEND_PROXY_HEADER)}. ${again} Or let the name pass: ${liftName}.`,
      };
    default:
      return cause satisfies never;
  }
}

function turnsOf(who: string, lots: number, each: string): string {
  const wait = lots === 1 ? 'waits' : 'wait';
  return lots >= MANY_LOTS
    ? `${who} ${wait} for a turn, so how long it takes can not be promised`
    : `${who} ${wait} for a turn, of which there is one ${each}`;
}

/** A name or an address passes, of IPv6 a /64; of a wider network failures can only be forgotten. */
function passOf(of: string): string {
  const isNetwork = of.includes('/') && !of.endsWith('/64');
  return isNetwork ? 'forget all failures: sstpd throttle lift' : `let the address pass: ${liftCommand(of)}`;
}

function upperFirst(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function seconds(ms: number): string {
  return (Math.round(ms / 100) / 10).toFixed(1).replace(/\.0$/, '');
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
