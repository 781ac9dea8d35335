import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import type { AdminClient } from '../admin/index.ts';
import { PROFILE_FORMATS, type ProfileFile, type ProfileFormat, profileFile, profileFiles } from '../profile/index.ts';
import { chooseByName } from '../tls/index.ts';
import type { Run } from './command.ts';
import { addPlaceOptions, runningServer } from './options.ts';
import { CliError, EXIT, type Terminal } from './terminal.ts';

interface ProfileOptions {
  readonly format?: ProfileFormat | 'all';
  readonly out?: string;
  readonly host?: string;
}

export function addProfileCommand(program: Command, terminal: Terminal, run: Run): void {
  const command = program
    .command('profile')
    .summary('files that set up the clients of a user')
    .description(
      'Makes the files that a user also finds in the portal: a PowerShell script for Windows, a phone book, files for ' +
        'NetworkManager and sstpc, settings for Android, commands for RouterOS. None holds a password. The server runs.',
    )
    .argument('<USER>', 'whom they are for')
    .addOption(new Option('--format <FORMAT>', 'one file alone').choices([...PROFILE_FORMATS, 'all']))
    .option('--out <DIR>', 'write into this folder, which is made if it is new; else one file is printed')
    .option('--host <NAME>', 'name or address to dial (default: the best in the certificate)')
    .addHelpText('after', EXAMPLES);
  addPlaceOptions(command).action((user: string, options: ProfileOptions) =>
    run(async () => {
      const { format = 'all', out, host } = options;
      if (out === undefined && format === 'all') {
        throw new CliError('give --out DIR for all files, or --format to print one', EXIT.usage);
      }
      const client = await runningServer(command, terminal);
      const facts = await client.profile(user, host);
      if (host !== undefined) await warnOfForeignName(client, facts.host, terminal);
      const files = format === 'all' ? profileFiles(facts) : [profileFile(format, facts)];
      if (out === undefined) for (const { text } of files) terminal.stdout.write(text);
      else for (const path of writeFiles(out, files)) terminal.stdout.write(`${path}\n`);
    }),
  );
}

const EXAMPLES = `
Examples:
  $ sstpd profile ann --out ann
  $ sstpd profile ann --format ps1 > setup.ps1
  $ sstpd profile ann --format sstpc --host 203.0.113.10`;

/** Not refused: where TLS ends at a program in front, another certificate counts. */
async function warnOfForeignName(client: AdminClient, host: string, terminal: Terminal): Promise<void> {
  const names = (await client.certificates()).flatMap((certificate) => certificate.names);
  // Of two, the second is the one whose names are asked about.
  if (chooseByName([{ names: [] }, { names }], host) === 1) return;
  terminal.stderr.write(
    `sstpd: ${host} is not in the server's certificate, so clients will refuse the server: start it with --host ${host} too\n`,
  );
}

/** NetworkManager takes a connection only from a file that nobody else can read. */
function writeFiles(folder: string, files: readonly ProfileFile[]): string[] {
  mkdirSync(folder, { recursive: true });
  return files.map(({ name, text }) => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: name.endsWith('.nmconnection') ? 0o600 : 0o644 });
    return path;
  });
}
