import type { Command } from 'commander';
import type { SessionView } from '../admin/index.ts';
import type { Run } from './command.ts';
import { meantCommand } from './meant.ts';
import { addPlaceOptions, runningServer } from './options.ts';
import { CliError, EXIT, json, printable, type Terminal, table } from './terminal.ts';

export function addSessionsCommand(program: Command, terminal: Terminal, run: Run): void {
  const sessions = program
    .command('sessions')
    .summary('list the connections, or end one')
    .description('Lists the connections of the running server.')
    .usage('[options] | kill [options] ID')
    .argument('[command]', 'kill, or nothing')
    // A word too many is not what is wrong with `sessions end 5`.
    .allowExcessArguments()
    .option('--json', 'print JSON')
    .addHelpText('after', LIST_EXAMPLES);
  addPlaceOptions(sessions).action((word: string | undefined, options: { json?: true }) =>
    run(async () => {
      if (word !== undefined) {
        const meant = meantCommand('sessions', word) ?? 'kill';
        throw new CliError(`unknown command '${word}' (Did you mean ${meant}?)`, EXIT.usage);
      }
      const list = await (await runningServer(sessions, terminal)).sessions();
      terminal.stdout.write(options.json ? json(list) : formatSessions(list));
    }),
  );
  const kill = sessions
    .command('kill')
    .summary('end a connection')
    .description('Ends a connection of the running server: the client is told, as SSTP and PPP have it.')
    .argument('<ID>', 'as sstpd sessions shows it')
    .addHelpText('after', KILL_EXAMPLES);
  addPlaceOptions(kill).action((id: string) =>
    run(async () => {
      await (await runningServer(kill, terminal)).killSession(id);
      terminal.stdout.write(`Session ${printable(id)} ended.\n`);
    }),
  );
}

const LIST_EXAMPLES = `
Examples:
  $ sstpd sessions
  $ sstpd sessions --json
  $ sstpd sessions kill 42`;

const KILL_EXAMPLES = `
Example:
  $ sstpd sessions kill 42`;

function formatSessions(sessions: readonly SessionView[]): string {
  if (sessions.length === 0) return 'No sessions.\n';
  return table(
    ['ID', 'USER', 'ADDRESS', 'PEER', 'STAGE', 'METHOD', 'TLS', 'SINCE', 'IN', 'OUT'],
    sessions.map((session) => [
      session.id,
      session.user ?? '-',
      [session.ipv4, session.ipv6].filter((address) => address !== undefined).join(' ') || '-',
      session.peer,
      session.stage,
      session.method ?? '-',
      session.tls,
      session.connectedAt.replace(/\.\d+Z$/, 'Z'),
      formatBytes(session.bytesIn),
      formatBytes(session.bytesOut),
    ]),
  );
}

function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1024 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  return `${power === 0 ? bytes : (bytes / 1024 ** power).toFixed(1)} ${units[power]}`;
}
