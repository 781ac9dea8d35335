import type { Command } from 'commander';
import type { Finding } from '../core/index.ts';
import type { Run } from './command.ts';
import { addConfigFlags } from './options.ts';
import { subjectOf } from './subject.ts';
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
      const { config, running } = await subjectOf(command, terminal);
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
