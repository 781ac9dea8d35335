import type { ProfileFacts } from './facts.ts';

const METHOD = { mschapv2: 'mschap2', chap: 'chap', pap: 'pap' } as const;

/** Commands for a terminal of RouterOS 7. With pfs=yes it offers the ciphers that the server wants. */
export function routerosCommands(facts: ProfileFacts): string {
  const { connection, host, port, user, methods, caPem, routes } = facts;
  const name = routerosText(connection);
  const wanted = methods.map((method) => METHOD[method]).join(',');
  const settings = [
    `name=${name}`,
    `connect-to=${routerosText(host)}`,
    `port=${port}`,
    `user=${routerosText(user)}`,
    `authentication=${wanted}`,
    'verify-server-certificate=yes',
    'verify-server-address-from-certificate=yes',
    'tls-version=only-1.2',
    'pfs=yes',
    'profile=default',
    `add-default-route=${routes.length === 0 ? 'yes' : 'no'}`,
    'disabled=yes',
  ];
  return `${[
    '# For a terminal of RouterOS 7. Put your password into the line that says PASSWORD.',
    ...(caPem === undefined
      ? ['# The router must know the authority of the certificate (/certificate settings, or import it).']
      : ['# Upload ca.pem to Files first.', '/certificate import file-name=ca.pem passphrase=""']),
    `/interface sstp-client add ${settings.join(' ')}`,
    `/interface sstp-client set [find name=${name}] password="PASSWORD" disabled=no`,
    ...routes.map((route) =>
      route.includes(':')
        ? `/ipv6 route add dst-address=${route} gateway=${name}`
        : `/ip route add dst-address=${route} gateway=${name}`,
    ),
  ].join('\n')}\n`;
}

/** A string in which each byte but the plainest is written in hexadecimal, as RouterOS' scripting language has it. */
export function routerosText(text: string): string {
  const bytes = [...Buffer.from(text, 'utf8')].map((byte) => {
    const sign = String.fromCharCode(byte);
    return /[A-Za-z0-9 ._@:-]/.test(sign) ? sign : `\\${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  });
  return `"${bytes.join('')}"`;
}
