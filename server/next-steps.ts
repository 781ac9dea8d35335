import { formatIpv4Cidr, type Ipv4Cidr } from '../core/index.ts';
import type { AuthMethod } from '../ppp/index.ts';

/** What the newly started server tells its operator. */
export interface StartSummary {
  readonly data: string;
  readonly listening: readonly string[];
  /** Names and addresses on the certificate, the one to dial first. */
  readonly names: readonly string[];
  /** 443, or the port that clients must name. */
  readonly port: number;
  readonly pool: Ipv4Cidr;
  readonly methods: readonly AuthMethod[];
  /** Our own CA; undefined when the operator brought a certificate. */
  readonly ca: { readonly file: string; readonly pem: string; readonly fingerprint: string } | undefined;
  readonly user: FirstUser | undefined;
  /** The admin page; undefined without one. */
  readonly admin: { readonly url: string; readonly hasAccount: boolean } | undefined;
  /** Lines of the network set-up that the operator should read. */
  readonly remarks: readonly string[];
}

/** The user that the first start made, with the password or the file that holds it. */
export type FirstUser =
  | { readonly name: string; readonly password: string }
  | { readonly name: string; readonly passwordFile: string };

/** Where commands look without `--data`. */
const DEFAULT_DATA = '/var/lib/sstpd';

const WINDOWS_METHOD: Readonly<Record<AuthMethod, string>> = { mschapv2: 'MSChapv2', chap: 'Chap', pap: 'Pap' };

/** The text that `sstpd serve` prints when it is ready. */
export function nextSteps(summary: StartSummary): string {
  const dial = dialName(summary);
  const userName = summary.user?.name ?? 'NAME';
  return [
    '',
    'sstpd is ready.',
    '',
    ...facts(summary),
    ...summary.remarks.map((remark) => `  note         ${remark}`),
    '',
    'Windows: paste this into PowerShell (run as administrator), then connect in Settings > Network > VPN:',
    '',
    ...windowsLines(summary, dial),
    '',
    `Linux: ${summary.ca === undefined ? 'either of' : `copy ${summary.ca.file} over, then either of`}`,
    '',
    `  sudo sstpc --tls-ext ${caOption(summary, '--ca-cert')}--user ${userName} --password PASSWORD ${dial} usepeerdns noauth${refusals(summary)}`,
    `  sudo npx sstpd connect ${dial} --user ${userName}${summary.ca === undefined ? '' : ' --ca ca.pem'}`,
    '',
    `More users: ${command(summary, 'user add NAME')}`,
    `Who is on:  ${command(summary, 'sessions')}`,
    'Stop:       Ctrl-C',
    '',
  ].join('\n');
}

function facts(summary: StartSummary): string[] {
  const { user, ca, admin } = summary;
  const lines = [
    `  listening    ${summary.listening.join(', ')}`,
    `  dial         ${summary.names.map((name) => withPort(name, summary.port)).join(', ')}`,
    `  addresses    ${formatIpv4Cidr(summary.pool)}`,
  ];
  if (user !== undefined) {
    lines.push(`  user         ${user.name}`);
    if ('password' in user) lines.push(`  password     ${user.password}   (shown this once)`);
    else lines.push(`  password     in ${user.passwordFile}`);
    lines.push(`               ${command(summary, `user passwd ${user.name}`)} sets another`);
  }
  if (admin !== undefined) {
    lines.push(`  admin page   ${admin.url}`);
    if (!admin.hasAccount) lines.push(`               ${command(summary, 'admin add NAME')} makes the first account`);
  }
  if (ca !== undefined) lines.push(`  CA           ${ca.file}`, `  CA SHA-256   ${ca.fingerprint}`);
  return lines;
}

/** A command for the same data directory. */
function command(summary: StartSummary, words: string): string {
  return `sudo npx sstpd ${words}${summary.data === DEFAULT_DATA ? '' : ` --data ${summary.data}`}`;
}

/** One paste: imports the CA into the machine's root store and makes the connection. */
function windowsLines(summary: StartSummary, dial: string): string[] {
  const method = WINDOWS_METHOD[summary.methods[0] ?? 'mschapv2'];
  const add =
    `Add-VpnConnection -Name 'sstpd' -ServerAddress '${dial}' -TunnelType Sstp -AuthenticationMethod ${method} ` +
    // The tunnel is encrypted by TLS. 'Required' speaks of MPPE inside it, which SSTP servers do not offer.
    '-EncryptionLevel Optional -RememberCredential -AllUserConnection -Force';
  if (summary.ca === undefined) return [add];
  return [
    "$ca = @'",
    ...summary.ca.pem.trim().split('\n'),
    "'@",
    "$file = Join-Path $env:TEMP 'sstpd-ca.crt'",
    'Set-Content -Path $file -Value $ca -Encoding Ascii',
    'Import-Certificate -FilePath $file -CertStoreLocation Cert:\\LocalMachine\\Root',
    add,
  ];
}

/** pppd agrees to whatever it is asked for unless told which methods to refuse. */
function refusals(summary: StartSummary): string {
  const names: Readonly<Record<AuthMethod, string>> = { mschapv2: 'mschap-v2', chap: 'chap', pap: 'pap' };
  const wanted = summary.methods.map((method) => names[method]);
  return ['pap', 'chap', 'mschap', 'mschap-v2', 'eap']
    .filter((name) => !wanted.includes(name))
    .map((name) => ` refuse-${name}`)
    .join('');
}

function caOption(summary: StartSummary, option: string): string {
  return summary.ca === undefined ? '' : `${option} ca.pem `;
}

function dialName(summary: StartSummary): string {
  return withPort(summary.names[0] ?? 'SERVER', summary.port);
}

function withPort(name: string, port: number): string {
  const host = name.includes(':') ? `[${name}]` : name;
  return port === 443 ? host : `${host}:${port}`;
}
