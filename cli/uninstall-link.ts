import type { Command } from 'commander';
import type { Run } from './command.ts';
import { removeLink } from './command-link.ts';
import { CliError, type Terminal } from './terminal.ts';

export function addUninstallLinkCommand(program: Command, terminal: Terminal, run: Run): void {
  program
    .command('uninstall-link')
    .summary('take the command away that a start in a clone made')
    .description(
      'Removes /usr/local/bin/sstpd, which the first start as root in a clone of the repository makes. Only that of ' +
        'this clone, or of one that is gone. The next start makes it again, but with --no-link (run.link).',
    )
    .addHelpText('after', '\nExample:\n  $ sstpd uninstall-link')
    .action(() =>
      run(async () => {
        terminal.stdout.write(`${remove()}\n`);
        return undefined;
      }),
    );
}

function remove(): string {
  try {
    return removeLink();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new CliError(
      code === undefined ? message : `/usr/local/bin/sstpd cannot be removed (${code}): run this as root`,
    );
  }
}
