import { formatIpv4Cidr, type Ipv4Cidr, placeCommands, placeWords, shellWord } from '../core/index.ts';
import { dialText, type ProfileFacts, windowsPaste } from '../profile/index.ts';
import type { OwnCa } from './certificates/index.ts';

/** What the newly started server tells its operator. */
export interface StartSummary {
  readonly data: string;
  readonly listening: readonly string[];
  /** Names and addresses on the certificate, the one to dial first. */
  readonly names: readonly string[];
  /** 443, or the port that clients must name. */
  readonly port: number;
  readonly pool: Ipv4Cidr;
  /** Where users set themselves up; undefined: nowhere. */
  readonly portal: { readonly path: string; readonly host: string | undefined } | undefined;
  /** For the first user, or whoever it may be; undefined if there is no name to dial. */
  readonly client: ProfileFacts | undefined;
  /** Our own CA; undefined when the operator brought a certificate. */
  readonly ca: OwnCa | undefined;
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

/** How the operator calls this program, as words for a shell, and why it is not just `sstpd`. */
export interface CommandName {
  readonly words: string;
  readonly remark: string | undefined;
}

const IN_PATH: CommandName = { words: 'sstpd', remark: undefined };

/** The text that `sstpd serve` prints when it is ready. */
export function nextSteps(summary: StartSummary, { words, remark }: CommandName = IN_PATH): string {
  const command = (rest: string): string => `${words} ${rest}${placeWords(summary.data)}`;
  const remarks = summary.remarks.map((line) => placeCommands(line, summary.data));
  return [
    '',
    'sstpd is ready.',
    '',
    ...facts(summary, command),
    ...[...remarks, ...(remark === undefined ? [] : [remark])].map((line) => `  note         ${line}`),
    '',
    ...(summary.client === undefined ? NOTHING_TO_DIAL : clientLines(summary, summary.client, command)),
    '',
    `More users: ${command('user add NAME')}`,
    `Who is on:  ${command('sessions')}`,
    `Who failed: ${command('explain')}`,
    'Stop:       Ctrl-C',
    '',
  ].join('\n');
}

const NOTHING_TO_DIAL = ['The certificate has no name that clients could dial: give one with --host NAME.'];

type ToCommand = (rest: string) => string;

function clientLines(summary: StartSummary, client: ProfileFacts, command: ToCommand): string[] {
  const { ca, portal } = summary;
  const way = portal === undefined ? 'paste' : 'let users open the portal, or paste';
  return [
    `Windows: ${way} this into PowerShell (run as administrator), then connect in Settings > Network > VPN:`,
    '',
    ...windowsPaste(client),
    '',
    `Linux: ${connectWords(client)} (as root)${ca === undefined ? '' : `, with a copy of ${ca.file}`};`,
    `  or with sstpc: sh sstpc.sh, which ${portal === undefined ? '' : 'the portal has and '}this makes:`,
    '',
    `  ${command(`profile ${client.user} --format sstpc`)} > sstpc.sh`,
  ];
}

/** Of our own client, with the routes of the profile. */
function connectWords(client: ProfileFacts): string {
  const routes = client.routes.filter((route) => client.hasIpv6 || !route.includes(':'));
  return [
    `sstpd connect ${dialText(client)} --user ${shellWord(client.user)}`,
    ...(client.caPem === undefined ? [] : ['--ca ca.pem']),
    ...(client.routes.length === 0 ? ['--default-route'] : routes.map((route) => `--route ${route}`)),
  ].join(' ');
}

function facts(summary: StartSummary, command: ToCommand): string[] {
  const { user, ca, admin, client, portal, port } = summary;
  const lines = [
    `  listening    ${summary.listening.join(', ')}`,
    `  dial         ${summary.names.map((host) => dialText({ host, port })).join(', ')}`,
    `  addresses    ${formatIpv4Cidr(summary.pool)}`,
  ];
  if (user !== undefined) {
    lines.push(`  user         ${user.name}`);
    if ('password' in user) lines.push(`  password     ${user.password}   (shown this once)`);
    else lines.push(`  password     in ${user.passwordFile}`);
    lines.push(`               ${command(`user passwd ${user.name}`)} sets another`);
  }
  if (admin !== undefined) {
    lines.push(`  admin page   ${admin.url}`);
    if (!admin.hasAccount) lines.push(`               ${command('admin add NAME')} makes the first account`);
  }
  if (client !== undefined && portal !== undefined) {
    const place = dialText({ host: portal.host ?? client.host, port });
    lines.push(`  portal       https://${place}${portal.path}   (users set their clients up here)`);
  }
  if (ca !== undefined) lines.push(`  CA           ${ca.file}`, `  CA SHA-256   ${ca.fingerprint}`);
  return lines;
}
