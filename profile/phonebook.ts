import { dialText, type ProfileFacts } from './facts.ts';

/** Bits of AuthRestrictions. */
const RESTRICTION = { pap: 0x8, chap: 0x20, mschapv2: 0x200 } as const;

/**
 * An entry of a RAS phonebook, [MS-RRASM] 2.2.2. Keys that are left out have their defaults. Routes beside the default
 * one and the certificate are not part of the format. UTF-8, which `Encoding=1` says.
 *
 * @throws {RangeError} if a value would end its line or its section's name, which no configuration allows
 */
export function phonebook(facts: ProfileFacts): string {
  const { connection, methods, routes, dnsSuffix } = facts;
  if (/[[\]]/.test(connection)) throw new RangeError('a connection in a phonebook has no brackets in its name');
  const restrictions = methods.reduce((bits, method) => bits | RESTRICTION[method], 0);
  const entry = [
    ['Encoding', '1'],
    ['PBVersion', '6'],
    ['Type', '2'], // VPN
    ['AutoLogon', '0'],
    ['VpnStrategy', '5'], // SSTP alone
    ['DataEncryption', '8'], // if possible: inside TLS there is no second encryption
    ['AuthRestrictions', String(restrictions)],
    ['PreviewUserPw', '1'],
    ['ShowDialingProgress', '1'],
    ['BaseProtocol', '1'], // PPP
    ['IpPrioritizeRemote', routes.length === 0 ? '1' : '0'], // the default route
    ['IpAssign', '1'],
    ['IpNameAssign', '1'],
    ...(dnsSuffix === undefined ? [] : [['IpDnsSuffix', dnsSuffix] as const]),
    ['', ''],
    ['MEDIA', 'rastapi'],
    ['Port', 'VPN2-0'],
    ['Device', 'WAN Miniport (SSTP)'],
    ['', ''],
    ['DEVICE', 'vpn'],
    ['PhoneNumber', dialText(facts)],
  ] as const;
  const lines = entry.map(([key, value]) => (key === '' ? '' : `${key}=${oneLine(value)}`));
  return `${[`[${oneLine(connection)}]`, ...lines].join('\r\n')}\r\n`;
}

function oneLine(value: string): string {
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(value)) throw new RangeError('a value of a phonebook has one line');
  return value;
}
