/** Why a login was held back, in words: for the log and for whoever asks why it did not work. */
import type { Hold } from '../auth/index.ts';
import { type LogFields, quoted } from '../core/index.ts';
import { liftCommand } from './attempts/remedies.ts';

/** From so many on nobody can be promised when his turn comes. */
const MANY_NETWORKS = 16;

export function holdFields({ cause, of, failures, networks }: Hold, delayMs: number): LogFields {
  const from = cause === 'address' ? { from: of } : { attacked: of, networks };
  return { delayMs, failures, ...from };
}

export interface HeldBack {
  readonly hold: Hold;
  /** How long it has waited. */
  readonly ms: number;
  /** Whether the client left before its turn came; else the server ended it. */
  readonly hasLeft: boolean;
}

/**
 * @param at a VPN client dials, a browser signs in
 * @returns one sentence, and what mends it
 */
export function explainHold(
  { hold, ms, hasLeft }: HeldBack,
  at: 'vpn' | 'portal' = 'vpn',
): { readonly text: string; readonly fix: string } {
  const { cause, of, failures } = hold;
  const waited = seconds(ms);
  if (cause === 'address') {
    const delay = seconds(hold.ms ?? ms);
    const end = hasLeft ? `the client hung up after ${waited} s` : 'it has to come again';
    return {
      text: `The login was held back ${delay} s because of ${count(failures, 'failure')} from ${of}, and ${end}.`,
      fix: `Find who fails there (sstpd explain), or ${passOf(of)}.`,
    };
  }
  const networks = Math.max(hold.networks, 1);
  const chance =
    networks >= MANY_NETWORKS
      ? `${count(networks, 'network')} wait for a turn, so how long it takes can not be promised`
      : `${count(networks, 'network')} wait${networks === 1 ? 's' : ''} for a turn, of which there is one a minute`;
  const again =
    at === 'vpn'
      ? 'Dial again: the place in line is kept for 10 minutes. Or sign in to the portal first, in a browser that did before;'
      : 'Sign in again: the place in line is kept for 10 minutes. Or do so in a browser that did before;';
  const end = hasLeft ? `the client hung up after ${waited} s` : `the turn had not come after ${waited} s`;
  return {
    text: `The login was held back ${waited} s because the name is under attack, with ${count(failures, 'failure')} from addresses that never logged in as ${quoted(of)}: ${chance}, and ${end}.`,
    fix: `${again} or ${liftCommand(of, ' --for 10m')}.`,
  };
}

/** A name or an address passes, of IPv6 a /64; of a wider network failures can only be forgotten. */
function passOf(of: string): string {
  const isNetwork = of.includes('/') && !of.endsWith('/64');
  return isNetwork ? 'forget all failures: sstpd throttle lift' : `let the address pass: ${liftCommand(of)}`;
}

function seconds(ms: number): string {
  return (Math.round(ms / 100) / 10).toFixed(1).replace(/\.0$/, '');
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
