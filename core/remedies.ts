/** Commands that mend something, ready to be typed. */
import { formatIpv4, type Ipv4 } from './address.ts';
import { isReadable, shellWord } from './quoted-text.ts';

/** `sstpd user passwd ann`; NAME stands for a user that is not known. The name is quoted for a POSIX shell. */
export function userCommand(verb: string, user: string | undefined, options = ''): string {
  return commandOn(`sstpd user ${verb}`, user, options);
}

/** `sstpd throttle lift ann`. @param target a name, also one that somebody made up, or an address */
export function liftCommand(target: string, options = ''): string {
  return commandOn('sstpd throttle lift', target, options);
}

/** What lets a user in again whose address can't be used. */
export function fixedAddressFix(user: string, address: Ipv4, fault: string): string {
  const others = [userCommand('set', user, ' --ip ADDR'), userCommand('set', user, ' --no-ip')];
  const allow = fault.includes('pool.fixed') ? [`a start with --pool-fixed ${formatIpv4(address)}/32`] : [];
  return [...others, ...allow].join(', or ');
}

function commandOn(head: string, target: string | undefined, options: string): string {
  // What can't be read can't be typed; between quotes it would still be drawn by the terminal.
  if (target === undefined || target === '' || !isReadable(target)) return `${head} NAME${options}`;
  // What begins with a dash would be taken for an option.
  return target.startsWith('-')
    ? `${head}${options} -- ${shellWord(target)}`
    : `${head} ${shellWord(target)}${options}`;
}
