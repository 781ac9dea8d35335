import { setImmediate } from 'node:timers/promises';
import { type Command, Option } from 'commander';
// Not through client/index.ts: the first packets leave before the rest of the client is loaded.
import { Dial } from '../client/dial.ts';
import { hostMistake } from '../core/index.ts';
import type { Config } from '../server/config/index.ts';
import type { Run, RunContext } from './command.ts';
import { readPem } from './files.ts';
import { isNetwork } from './network.ts';
import { askPassword, passwordFromFile, passwordFromVariable, readAll } from './password.ts';
import { parseTarget } from './target.ts';
import { CliError, EXIT, type Terminal } from './terminal.ts';

type AuthMethod = Config['auth']['methods'][number];

/** What `loadClient` loads at once: a few milliseconds each. */
const PARTS: readonly (() => Promise<unknown>)[] = [
  () => import('../sstp/index.ts'),
  () => import('../tun/index.ts'),
  () => import('../datapath/native-path.ts'),
  () => import('../ppp/client-link.ts'),
];

interface ConnectFlags {
  readonly user: string;
  readonly passwordFile?: string;
  readonly ca?: string;
  readonly insecure?: true;
  readonly auth?: AuthMethod[];
  readonly tun: string;
  readonly tunOffload: 'auto' | 'off';
  readonly route?: string[];
  readonly defaultRoute?: true;
  readonly json?: true;
}

export function addConnectCommand(
  program: Command,
  terminal: Terminal,
  run: Run,
  { cacheFolder, ahead }: RunContext,
): void {
  program
    .command('connect')
    .summary('connect to an SSTP server')
    .description(
      'Connects this Linux machine to an SSTP server until Ctrl-C, without pppd. Needs root or CAP_NET_ADMIN. ' +
        'The password comes from --password-file, SSTPD_PASSWORD or the terminal.',
    )
    .argument('<HOST[:PORT]>', 'server to connect to, port 443 if none is given; an IPv6 address with port in brackets')
    .requiredOption('--user <NAME>', 'name to log in with')
    .option('--password-file <FILE>', "file that holds the password; '-' is stdin")
    .option('--ca <FILE>', "certificates (PEM) that the server's must come from; else the system's")
    .option('--insecure', 'take any server certificate, so also that of an attacker')
    .option('--auth <LIST>', 'methods to accept: mschapv2, chap, pap (default: mschapv2)', parseMethods)
    .option('--tun <NAME>', "name of the TUN device; '%d' becomes a free number", 'sstpc%d')
    .addOption(
      new Option('--tun-offload <auto|off>', 'let the kernel pass many packets at once')
        .choices(['auto', 'off'])
        .default('auto'),
    )
    .option('--route <CIDR>', 'network to reach through the tunnel; may be repeated', collectRoute)
    .option('--default-route', 'send all traffic through the tunnel; IPv6 that it does not carry goes nowhere')
    .option('--json', 'print events as JSON lines')
    .addHelpText('after', EXAMPLES)
    .action((target: string, flags: ConnectFlags) =>
      run(async () => {
        const where = parseTarget(target);
        if (where === undefined) {
          const remedy = hostMistake(target, true);
          throw new CliError(
            `'${target}' must be HOST or HOST:PORT, such as vpn.example.com:443${remedy === undefined ? '' : `: ${remedy}`}`,
            EXIT.usage,
          );
        }
        if (flags.ca !== undefined && flags.insecure) {
          throw new CliError('--ca and --insecure exclude each other', EXIT.usage);
        }
        const caPem = flags.ca === undefined ? undefined : readPem(flags.ca);
        const password = await connectPassword(flags, terminal);
        const settings = { ...where, caPem, insecure: flags.insecure === true };
        const dial = ahead ?? new Dial(settings);
        const { connect } = await loadClient();
        return connect({
          ...settings,
          dial,
          user: flags.user,
          password,
          methods: flags.auth ?? ['mschapv2'],
          tun: flags.tun,
          tunOffload: flags.tunOffload,
          routes: flags.route ?? [],
          defaultRoute: flags.defaultRoute === true,
          cacheFolder,
          json: flags.json === true,
          stdout: terminal.stdout,
          stderr: terminal.stderr,
        });
      }),
    );
}

/** While the first packets are under way, in parts: an answer that comes meanwhile waits for no more than one of them. */
async function loadClient(): Promise<typeof import('../client/connect.ts')> {
  for (const load of PARTS) {
    await setImmediate();
    await load();
  }
  await setImmediate();
  return import('../client/connect.ts');
}

const EXAMPLES = `
Examples:
  $ sstpd connect vpn.example.com --user ann
  $ sstpd connect 203.0.113.7:8443 --user ann --ca ca.pem --route 10.0.0.0/8
  $ sstpd connect vpn.example.com --user ann --password-file secret.txt --default-route`;

function parseMethods(text: string): AuthMethod[] {
  return text.split(',').map((word) => {
    if (word === 'mschapv2' || word === 'chap' || word === 'pap') return word;
    throw new CliError(`--auth: '${word}' must be mschapv2, chap or pap`, EXIT.usage);
  });
}

function collectRoute(text: string, before: string[] = []): string[] {
  if (!isNetwork(text)) {
    throw new CliError(`--route: '${text}' must be a network such as 10.0.0.0/8, without host bits`, EXIT.usage);
  }
  return [...before, text];
}

async function connectPassword(flags: ConnectFlags, terminal: Terminal): Promise<string> {
  if (flags.passwordFile === '-') return readAll(terminal.stdin);
  if (flags.passwordFile !== undefined) return passwordFromFile(flags.passwordFile);
  if (terminal.env.SSTPD_PASSWORD) return passwordFromVariable('SSTPD_PASSWORD', terminal.env.SSTPD_PASSWORD);
  if (terminal.stdin.isTTY) return askPassword(terminal, `Password of ${flags.user}: `);
  throw new CliError('no password: give --password-file FILE or set SSTPD_PASSWORD', EXIT.usage);
}
