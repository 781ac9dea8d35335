import { dialText, type ProfileFacts } from './facts.ts';

/**
 * The command line of Debian's sstp-client. pppd agrees to whatever it is asked for unless told which methods to refuse.
 *
 * @param password as the shell is to see it
 */
export function sstpcCommand(
  facts: Pick<ProfileFacts, 'host' | 'port' | 'user' | 'caPem' | 'methods'>,
  password: string,
): string {
  const names = { mschapv2: 'mschap-v2', chap: 'chap', pap: 'pap' } as const;
  const wanted: readonly string[] = facts.methods.map((method) => names[method]);
  const refused = ['pap', 'chap', 'mschap', 'mschap-v2', 'eap'].filter((name) => !wanted.includes(name));
  return [
    'sudo sstpc --tls-ext',
    ...(facts.caPem === undefined ? [] : ['--ca-cert ca.pem']),
    `--user ${shellWord(facts.user)} --password ${password} ${shellWord(dialText(facts))} usepeerdns noauth`,
    ...refused.map((name) => `refuse-${name}`),
  ].join(' ');
}

/** A script that asks for the password and runs it. */
export function sstpcScript(facts: ProfileFacts): string {
  const { caPem, routes } = facts;
  return `${[
    '#!/bin/sh',
    '# Connects with sstpc (Debian, Ubuntu: apt install sstp-client). Ctrl-C disconnects.',
    ...(caPem === undefined ? [] : ['# Needs ca.pem in the folder that it is started in.']),
    '# While it runs, other users of this machine can see the password in the list of processes.',
    ...afterwards(routes),
    'set -eu',
    'trap "stty echo" EXIT',
    'printf "Password of the VPN: "',
    'stty -echo',
    'read -r password',
    'stty echo',
    'echo',
    sstpcCommand(facts, '"$password"'),
  ].join('\n')}\n`;
}

/** pppd makes no routes by itself but to the server. */
function afterwards(routes: readonly string[]): string[] {
  if (routes.length === 0) return ['# It reaches the server alone; for all traffic take the file for NetworkManager.'];
  const commands = routes.map((route) => `#   sudo ip route add ${shellWord(route)} dev ppp0`);
  return ['# Once it is connected, in another terminal:', ...commands];
}

/** A word that a POSIX shell takes as it is. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./[\]-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
