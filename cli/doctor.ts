import type { Command } from 'commander';
import type { Finding } from '../core/index.ts';
import { addConfigFlags, configFile, givenFlags, loadGiven } from './options.ts';
import type { Run } from './program.ts';
import { EXIT, json, type Terminal, table } from './terminal.ts';

export function addDoctorCommand(program: Command, terminal: Terminal, run: Run): void {
  const command = program
    .command('doctor')
    .summary('would it work, and what mends it if not')
    .description(
      'Looks at certificate, ciphers, ports, network, data directory and clock: a line for each, with what mends it. ' +
        'It asks about the running server, or, without one or with any flag that serve takes, about a server that is ' +
        'yet to start with these flags. Nothing is changed. Exit status: 0 if it would work (warnings are allowed), 1 if not.',
    )
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES);
  addConfigFlags(command).action((options: { json?: true }) =>
    run(async () => {
      const { config, running } = await subject(command, terminal);
      const { examineServer, wouldWork } = await import('../server/index.ts');
      const findings = await examineServer({ config, running });
      const works = wouldWork(findings);
      terminal.stdout.write(options.json ? json({ works, findings }) : describe(findings));
      return works ? EXIT.ok : EXIT.failed;
    }),
  );
}

const EXAMPLES = `
Examples:
  $ sstpd doctor
  $ sstpd doctor --host vpn.example.com --cert fullchain.pem --key privkey.pem`;

/** What is to be looked at: a running server as it is, unless the flags speak of another one. */
async function subject(command: Command, terminal: Terminal) {
  const { config } = loadGiven(command, terminal.env);
  const { AdminClient } = await import('../admin/index.ts');
  const asksRunning =
    configFile(command) === undefined && Object.keys(givenFlags(command)).every((key) => key === 'data');
  const client = asksRunning ? await AdminClient.connect(config.data) : undefined;
  if (client === undefined) return { config, running: undefined };
  terminal.stderr.write(`sstpd: as the running server has it (pid ${client.status.pid})\n`);
  const { loadConfig } = await import('../server/config.ts');
  const values = (await client.config()).map(({ key, value }) => [key, value as string]);
  const flags = { ...Object.fromEntries(values), data: config.data } as Record<string, string>;
  return { config: loadConfig({ flags, env: {} }).config, running: client.status };
}

function describe(findings: readonly Finding[]): string {
  const rows = findings.map(({ check, result, text, fix }) => [
    result === 'problem' ? 'PROBLEM' : result,
    check,
    fix === undefined ? `${text}.` : `${text}. Fix: ${fix}`,
  ]);
  return `${table(['RESULT', 'CHECK', 'FINDING'], rows)}\n${verdict(findings)}\n`;
}

function verdict(findings: readonly Finding[]): string {
  const count = (result: Finding['result']): number => findings.filter((each) => each.result === result).length;
  const plural = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`;
  const warnings = plural(count('warning'), 'warning');
  if (count('problem') === 0) return `It would work (${warnings}).`;
  return `It would not work: ${plural(count('problem'), 'problem')}, ${warnings}.`;
}
