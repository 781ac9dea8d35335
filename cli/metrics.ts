import type { Command } from 'commander';
import type { Run } from './command.ts';
import { addPlaceOptions, runningServer } from './options.ts';
import type { Terminal } from './terminal.ts';

export function addMetricsCommand(program: Command, terminal: Terminal, run: Run): void {
  const command = program
    .command('metrics')
    .summary('what is counted, as Prometheus reads it')
    .description('Prints the metrics of the running server in the text format of Prometheus.')
    .addHelpText('after', EXAMPLES);
  addPlaceOptions(command).action(() =>
    run(async () => {
      terminal.stdout.write(await (await runningServer(command, terminal)).metrics());
      return undefined;
    }),
  );
}

const EXAMPLES = `
Examples:
  $ sstpd metrics
  $ sstpd metrics | grep sstp_sessions`;
