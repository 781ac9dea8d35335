import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Command } from 'commander';
import { packageFolder } from '../core/index.ts';
import type { Run } from './command.ts';
import { EXIT, type Terminal } from './terminal.ts';

export function addBuildAddonCommand(program: Command, terminal: Terminal, run: Run): void {
  program
    .command('build-addon')
    .summary('compile the TUN addon for this machine')
    .description(
      'Compiles the TUN addon where the package holds none that fits: on another processor than x86-64, or another C ' +
        'library than glibc. Needs g++, make and python3, and the right to write to the folder of the package.',
    )
    .action(() => run(async () => buildAddon(terminal)));
}

/** In a process of its own, which takes only what it needs and ends with one line, or with what the compiler said. */
function buildAddon(terminal: Terminal): number {
  const script = join(packageFolder, 'tun/native/build.mjs');
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, '--force'], {
    env: terminal.env,
    encoding: 'utf8',
  });
  terminal.stdout.write(stdout ?? '');
  terminal.stderr.write(stderr ?? '');
  return status === 0 ? EXIT.ok : EXIT.failed;
}
