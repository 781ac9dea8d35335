import { dialText, type ProfileFacts } from './facts.ts';

export interface AppSetting {
  readonly setting: string;
  readonly value: string;
}

/** What to enter in the app Open SSTP Client. */
export function androidSettings(facts: ProfileFacts): AppSetting[] {
  const { host, port, user, methods, caPem } = facts;
  const method = methods.includes('mschapv2') ? 'MS-CHAPv2' : methods.includes('pap') ? 'PAP' : undefined;
  return [
    { setting: 'Hostname', value: host },
    { setting: 'Username', value: user },
    { setting: 'Password', value: 'your VPN password' },
    ...(port === 443 ? [] : [{ setting: 'SSL: SSL Port', value: String(port) }]),
    ...(caPem === undefined
      ? []
      : [{ setting: 'SSL: Specify Trusted Certificates', value: 'on, then the folder that you saved ca.pem in' }]),
    {
      setting: 'PPP: Authentication Protocols',
      value: method ?? `none that this server takes (${methods.join(', ')})`,
    },
  ];
}

export function androidText(facts: ProfileFacts): string {
  const settings = androidSettings(facts);
  const width = Math.max(...settings.map(({ setting }) => setting.length));
  return `${[
    `VPN to ${dialText(facts)} with the app Open SSTP Client`,
    '(https://github.com/kittoku/Open-SSTP-Client)',
    '',
    ...settings.map(({ setting, value }) => `${setting.padEnd(width)}  ${value}`),
  ].join('\n')}\n`;
}
