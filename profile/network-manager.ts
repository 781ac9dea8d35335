import { createHash } from 'node:crypto';
import { dialText, type ProfileFacts } from './facts.ts';

const REFUSALS = { pap: 'refuse-pap', chap: 'refuse-chap', mschapv2: 'refuse-mschapv2' } as const;

/** Where the file expects the certificate of our authority. The plug-in gives the path to a shell, so it is plain. */
export function caPlace({ host }: Pick<ProfileFacts, 'host'>): string {
  return `/etc/NetworkManager/sstp-${host.replace(/[^A-Za-z0-9.-]/g, '_')}-ca.pem`;
}

/** Where NetworkManager looks for it. */
export const CONNECTION_PLACE = '/etc/NetworkManager/system-connections/sstpd.nmconnection';

/**
 * To be pasted where no desktop asks for the password, for nmcli can't (network-manager-sstp 1.3.0): asks once and writes
 * it into the connection's file, which is root's alone. Nobody sees it in the list of processes or in a shell's history.
 *
 * @param place of the file, for tests
 */
export function storePasswordCommand(place: string = CONNECTION_PLACE): string {
  return String.raw`sudo sh -c 'f=${place}
trap "stty echo; exit 1" INT TERM; printf "Password of the VPN: "; stty -echo; IFS= read -r p; stty echo; echo; set -e
sed -i -e "s/^password-flags=.*/password-flags=0/" -e "/^\[vpn-secrets\]/,/^\$/d" "$f"
p=$(printf "%s\n" "$p" | sed -e "s/\\\\/&&/g" -e "s/^ /\\\\s/" -e "s/ \$/\\\\s/")
printf "\n[vpn-secrets]\npassword=%s\n" "$p" >> "$f"
nmcli connection reload'`;
}

/** A connection for NetworkManager with its plug-in network-manager-sstp: a keyfile, nm-settings-keyfile(5). */
export function networkManagerFile(facts: ProfileFacts): string {
  const { connection, user, methods, caPem, routes, dnsSuffix } = facts;
  const refused = (['pap', 'chap', 'mschapv2'] as const).filter((method) => !methods.includes(method));
  const ipv4Routes = routes.filter((route) => !route.includes(':'));
  const lines = [
    '[connection]',
    `id=${escaped(connection)}`,
    `uuid=${uuidOf(`${connection}\n${dialText(facts)}\n${user}`)}`,
    'type=vpn',
    'autoconnect=false',
    '',
    '[vpn]',
    'service-type=org.freedesktop.NetworkManager.sstp',
    'connection-type=password',
    `gateway=${escaped(dialText(facts))}`,
    `user=${escaped(user)}`,
    'password-flags=1', // kept by the user's own keyring, if at all
    'tls-ext=yes',
    ...(caPem === undefined ? [] : [`ca-cert=${caPlace(facts)}`]),
    'refuse-eap=yes',
    'refuse-mschap=yes',
    ...refused.map((method) => `${REFUSALS[method]}=yes`),
    '',
    '[ipv4]',
    'method=auto',
    ...(routes.length > 0 ? ['never-default=true'] : []),
    ...ipv4Routes.map((route, i) => `route${i + 1}=${route}`),
    ...(dnsSuffix === undefined ? [] : [`dns-search=${escaped(dnsSuffix)};`]),
    '',
    // The plug-in (1.3.0) reports the address that IPv6CP settled without a prefix, which NetworkManager takes for invalid
    // and ends the tunnel. With `ignore` it looks away and the kernel takes our Router Advertisement. That method allows
    // neither routes nor DNS here.
    '[ipv6]',
    'method=ignore',
  ];
  return `${lines.join('\n')}\n`;
}

/** As GKeyFile reads a string: it strips white space around a value and knows \s, \n, \t, \r and \\. */
function escaped(value: string): string {
  const signs: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
  return value
    .replace(/[\\\n\r\t]/g, (sign) => signs[sign] ?? sign)
    .replace(/^ +| +$/g, (run) => '\\s'.repeat(run.length));
}

/** The same connection has the same one, so that it is replaced and not doubled (RFC 9562 5.8: of our own making). */
function uuidOf(text: string): string {
  const bytes = createHash('sha256').update(`sstpd profile\n${text}`).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
