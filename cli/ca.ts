import type { Command } from 'commander';
import type { AuthorityView, CertificateView } from '../admin/index.ts';
import type { IssueResult } from '../server/certificates/index.ts';
import type { Config } from '../server/config/index.ts';
import type { Run } from './command.ts';
import { addConfigFlags, placeCommands } from './options.ts';
import { configOfRunning, type Subject, subjectOf } from './subject.ts';
import { CliError, json, type Terminal } from './terminal.ts';

export function addCaCommand(program: Command, terminal: Terminal, run: Run): void {
  const ca = program
    .command('ca')
    .summary("the server's own certificate authority")
    .description(
      'Shows the own authority, which clients import once; makes a new one, or has it issue a certificate for the server ' +
        'that runs. Its key is for root: the server that runs cannot read it.',
    );

  const show = ca
    .command('show')
    .summary('what it can issue for, until when, and who has its key')
    .description('Shows the own authority and the certificate that it issued for the server.')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ sstpd ca show');
  addConfigFlags(show).action((options: { json?: true }) =>
    run(async () => {
      const view = await look((await subjectOf(show, terminal)).config.data);
      terminal.stdout.write(options.json ? json(view) : describe(view));
    }),
  );

  const renew = ca
    .command('renew')
    .summary('make a new authority; each client must then import it')
    .description(
      'Makes a new authority in the place of the old one, bound to the domains and addresses in hosts, and a certificate ' +
        'for the server. A running server takes both at once, and its clients need the new ca.pem from then on. Give the ' +
        'flags that the server is started with, if it does not run.',
    )
    .option(...FORCE)
    .addHelpText('after', '\nExamples:\n  $ sstpd ca renew\n  $ sstpd ca renew --host vpn.example.com');
  addConfigFlags(renew).action((options: { force?: true }) =>
    run(async () => {
      const subject = await subjectOf(renew, terminal);
      await issue(subject, true, options.force);
      const view = await look(subject.config.data);
      const after = placeCommands(afterRenewal(subject), subject.config.data);
      terminal.stdout.write(`${describe(view)}\n${after}\n`);
    }),
  );

  const reissue = ca
    .command('issue')
    .summary("renew the server's certificate; clients notice nothing")
    .description(
      'Does what a start as root does: closes the key to all but root, and issues a certificate for the server where ' +
        'that is due, or the names in hosts are others. A running server takes it at once. Give the flags that the ' +
        'server is started with, if it does not run.',
    )
    .option(...FORCE)
    .addHelpText('after', '\nExamples:\n  $ sstpd ca issue\n  $ sstpd ca issue --host vpn.example.com');
  addConfigFlags(reissue).action((options: { force?: true }) =>
    run(async () => {
      const subject = await subjectOf(reissue, terminal);
      const { made, why } = await issue(subject, false, options.force);
      const text = made.length === 0 ? 'Nothing is due.' : `Issued: ${why}.`;
      terminal.stdout.write(`${text}\n`);
    }),
  );
}

const FORCE = ['--force', 'also for other names than those of the server that runs'] as const;

interface View {
  readonly authority: AuthorityView;
  readonly certificate: CertificateView | undefined;
}

/** What lies in the data directory. */
async function look(data: string): Promise<View> {
  const { lookAtAuthority } = await import('../server/index.ts');
  const view = lookAtAuthority(data);
  if (view === undefined) throw new CliError(`there is no authority in ${data} (--data DIR names another)`);
  return view;
}

async function issue({ config, running }: Subject, renews: boolean, force = false): Promise<IssueResult> {
  const { issueByHand } = await import('../server/index.ts');
  if (running === undefined && !force) await refuseOtherNames(config);
  const result = issueByHand(config, running?.devices ?? [], renews);
  if (result !== undefined) return result;
  if (!renews) return { made: [], notes: [] };
  throw new CliError('the server shows the certificates in tls.cert, none of its own authority');
}

/** The flags may speak of another server than the one that runs there and would take what is issued: of a mistyped name, too. */
async function refuseOtherNames(config: Config): Promise<void> {
  const { AdminClient } = await import('../admin/index.ts');
  const client = await AdminClient.connect(config.data);
  if (client === undefined) return;
  const { pid, devices } = client.status;
  const { otherNames } = await import('../server/index.ts');
  const other = otherNames(config, await configOfRunning(client, config.data), devices);
  if (other === undefined) return;
  throw new CliError(
    `the server that runs (pid ${pid}) is for ${other.served.join(', ')}, and this certificate would be for ` +
      `${other.wanted.join(', ')}: leave --host out to take its names, or stop it first; --force issues it all the same`,
  );
}

function describe({ authority, certificate }: View): string {
  const day = (time: string): string => time.slice(0, 10);
  const lines: [string, string][] = [
    ['authority', authority.subject],
    ['SHA-256', authority.sha256],
    ['issues for', authority.within || 'every name'],
    ['valid until', day(authority.notAfter)],
    ['key', KEYS[authority.keyReader]],
  ];
  if (certificate !== undefined) {
    lines.push(['certificate', certificate.names.join(', ')]);
    lines.push([
      'valid until',
      `${day(certificate.notAfter)}; a start from ${day(certificate.renewedFrom ?? '')} on renews it`,
    ]);
  }
  if (authority.advice !== undefined) lines.push(['note', `WARNING: ${authority.advice}`]);
  return lines.map(([name, value]) => `${`${name}:`.padEnd(13)} ${value}\n`).join('');
}

const KEYS: Readonly<Record<AuthorityView['keyReader'], string>> = {
  root: 'root alone can read it',
  server: 'WARNING: the server can read it, for it was not started as root',
  nobody: 'kept elsewhere; put it back as ca.key when a certificate is to be issued',
};

function afterRenewal({ running, config }: Subject): string {
  const when = running === undefined ? 'The next start shows it.' : 'The server that runs shows it within seconds.';
  return (
    `${when} From then on each client needs the new ${config.data}/ca.pem: the portal, and sstpd profile NAME, have it. ` +
    'Take the old one out of the clients: it is good for whoever has its key.'
  );
}
