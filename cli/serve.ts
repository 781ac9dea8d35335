import type { Command } from 'commander';
import type { Run } from './command.ts';
import { addConfigFlags, loadGiven } from './options.ts';
import type { Terminal } from './terminal.ts';

export function addServeCommand(program: Command, terminal: Terminal, run: Run): void {
  const declared = program
    .command('serve')
    .summary('run the VPN server')
    .description(
      'Runs the VPN server until Ctrl-C or SIGTERM. The first start makes the data directory, a certificate ' +
        'authority, a server certificate and a user, and prints what clients need. Needs root or CAP_NET_ADMIN.',
    )
    .addHelpText('after', EXAMPLES);
  addConfigFlags(declared).action(() =>
    run(async () => {
      const loaded = loadGiven(declared, terminal.env);
      const { serve } = await import('../server/index.ts');
      // Before the server gives up root.
      const { commandName } = await import('./command-link.ts');
      const command = commandName(loaded.config.run.link, terminal.env.PATH ?? '');
      return serve({ ...loaded, command, stdout: terminal.stdout, stderr: terminal.stderr });
    }),
  );
}

const EXAMPLES = `
Whatever has no flag has a configuration key: see sstpd config --keys.
A flag wins over the environment, that over the file, that over the default.

Examples:
  $ sstpd serve
  $ sstpd serve --host vpn.example.com --host 203.0.113.7
  $ sstpd serve --host vpn.example.com --acme --acme-agree-tos --acme-email me@example.com
  $ sstpd serve --cert fullchain.pem --key privkey.pem --listen 443 --listen [::1]:8443
  $ sstpd serve --cert a.pem --key a.key --cert b.pem --key b.key
  $ sstpd serve --pool 10.20.30.0/24 --pool6 fd12:3456:789a::/48 --dns 9.9.9.9 --auth mschapv2,pap`;
