/**
 * The `sstpd` command: one file per subcommand. What needs a running server asks it through the admin API.
 * Exit status: 0 done, 1 refused or failed (one line on stderr), 2 used wrongly.
 */
import { Command, CommanderError } from 'commander';
import { systemErrorCode, systemErrorWords, version } from '../core/index.ts';
// A single file: who connects needs nothing else of the configuration.
import { ConfigError } from '../server/config/error.ts';
import type { AddCommand, Run, RunContext } from './command.ts';
import { aboutUnknownFlag, meantCommand } from './meant.ts';
import { Output } from './output.ts';
import { CliError, EXIT, printable, type Terminal } from './terminal.ts';

/** In the order in which the help shows them. Only what is named is loaded: `connect` starts in half of `serve`'s time. */
const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  serve: async () => (await import('./serve.ts')).addServeCommand,
  user: async () => (await import('./user.ts')).addUserCommand,
  admin: async () => (await import('./admin.ts')).addAdminCommand,
  token: async () => (await import('./token.ts')).addTokenCommand,
  ca: async () => (await import('./ca.ts')).addCaCommand,
  profile: async () => (await import('./profile.ts')).addProfileCommand,
  sessions: async () => (await import('./sessions.ts')).addSessionsCommand,
  throttle: async () => (await import('./throttle.ts')).addThrottleCommand,
  explain: async () => (await import('./explain.ts')).addExplainCommand,
  doctor: async () => (await import('./doctor.ts')).addDoctorCommand,
  metrics: async () => (await import('./metrics.ts')).addMetricsCommand,
  config: async () => (await import('./config.ts')).addConfigCommand,
  connect: async () => (await import('./connect.ts')).addConnectCommand,
  demo: async () => addDemoCommand,
  'build-addon': async () => (await import('./build-addon.ts')).addBuildAddonCommand,
  'uninstall-link': async () => (await import('./uninstall-link.ts')).addUninstallLinkCommand,
};

/** As `main` does. @returns the exit status, when all that was written has left; nothing is thrown */
export async function runCommand(args: readonly string[], terminal: Terminal, context: RunContext): Promise<number> {
  const output = new Output(terminal);
  return output.settle(await runNamed(args, terminal, context));
}

async function runNamed(args: readonly string[], terminal: Terminal, context: RunContext): Promise<number> {
  let exitCode: number = EXIT.ok;
  const run: Run = async (work) => {
    exitCode = (await work()) ?? EXIT.ok;
  };
  const words = wordsOf(args);
  const program = newProgram(terminal, words);
  let place = (line: string): string => line;
  try {
    const [first = ''] = words;
    const wanted = Object.hasOwn(COMMANDS, first) ? [first] : Object.keys(COMMANDS);
    for (const name of wanted) (await COMMANDS[name]?.())?.(program, terminal, run, context);
    place = await placeOf(program, words, terminal);
    await program.parseAsync(words, { from: 'user' });
    return exitCode;
  } catch (error) {
    return report(error, terminal, place);
  }
}

/** `help X` of a command that is none is as wrong as the command. */
function wordsOf(args: readonly string[]): readonly string[] {
  const [first, second = '-'] = args;
  const isHelpOfNone = first === 'help' && !second.startsWith('-') && !Object.hasOwn(COMMANDS, second);
  return isHelpOfNone && second !== 'help' ? args.slice(1) : args;
}

function newProgram(terminal: Terminal, args: readonly string[]): Command {
  const program: Command = new Command('sstpd')
    .description('SSTP (MS-SSTP) VPN server in user space, with its own client, admin page and set-up portal')
    .version(version, '-V, --version', 'print the version')
    .helpCommand('help [COMMAND]', 'show how a command is used')
    .helpOption('-h, --help', 'show how this command is used')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void terminal.stderr.write(text),
      outputError: (text, write) => write(usageError(text, program, args)),
    })
    .addHelpText('after', EXAMPLES);
  return program;
}

/** Commander's line as ours, with what was most likely meant. */
function usageError(text: string, program: Command, args: readonly string[]): string {
  const line = text.replace(/^error: /, 'sstpd: ').replace(/\n\(/, ' (');
  const [, kind, word = ''] = /^sstpd: unknown (command|option) '(.*?)'/.exec(line) ?? [];
  if (kind === undefined) return line;
  const command = commandOf(program, args);
  const group = command === program ? '' : command.name();
  const meant = kind === 'command' ? meantCommand(group, word) : undefined;
  const about = kind === 'command' ? meant && `Did you mean ${meant}?` : aboutUnknownFlag(word, flagsOf(command));
  // Without what was given with it, which may be a secret.
  return about === undefined ? line : `sstpd: unknown ${kind} '${word.replace(/=.*$/s, '')}' (${about})\n`;
}

/** The command that a line names. */
function commandOf(program: Command, args: readonly string[]): Command {
  let command = program;
  for (const word of args) {
    const next = command.commands.find((each) => each.name() === word);
    if (next === undefined) break;
    command = next;
  }
  return command;
}

function flagsOf(command: Command): string[] {
  return command.options.flatMap(({ long }) => long ?? []);
}

function addDemoCommand(program: Command, terminal: Terminal, run: Run): void {
  program
    .command('demo')
    .summary('see it work on this machine alone')
    .description(
      'Starts the server and a client in two network namespaces of this machine, connects, pings, moves data, ' +
        'prints what took how long, and cleans up. Needs root.',
    )
    .addHelpText('after', '\nExample:\n  $ sstpd demo')
    .action(() =>
      run(async () => {
        const { runDemo } = await import('./demo.ts');
        return runDemo({ stdout: terminal.stdout });
      }),
    );
}

const EXAMPLES = `
Examples:
  $ sstpd serve --host vpn.example.com      start the server
  $ sstpd user add ann                      add a user
  $ sstpd profile ann --out ann             files that set up her clients
  $ sstpd admin add ann                     let her use the admin page
  $ sstpd sessions                          who is connected
  $ sstpd doctor                            would it work, and what mends it
  $ sstpd connect vpn.example.com --user ann --ca ca.pem

Exit status: 0 done, 1 refused or failed, 2 used wrongly.`;

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof CliError)
    return error.cause === undefined ? error.message : `${error.message}: ${systemErrorWords(error.cause)}`;
  // What the file system says to a command, as when it may not write where it was told to.
  const path = 'path' in error && 'syscall' in error ? error.path : undefined;
  return typeof path === 'string' ? `${path}: ${systemErrorWords(error)}${remedyOf(error)}` : error.message;
}

function remedyOf(error: Error): string {
  const isForbidden = ['EACCES', 'EPERM'].includes(systemErrorCode(error) ?? '');
  return isForbidden && process.geteuid?.() !== 0 ? ': run this as root' : '';
}

/**
 * What has a line for the operator name the data directory that the command is about, if it has one. Asked for before the
 * command begins: once it has become the owner of that directory, Node may not even find what is loaded already.
 */
async function placeOf(
  program: Command,
  words: readonly string[],
  terminal: Terminal,
): Promise<(line: string) => string> {
  const command = commandOf(program, words);
  if (!flagsOf(command).includes('--data')) return (line) => line;
  const { configOf, placeCommands } = await import('./options.ts');
  return (line) => {
    try {
      return placeCommands(line, configOf(command, terminal.env).data);
    } catch {
      // A configuration that can't be read is what the line is about.
      return line;
    }
  };
}

function report(error: unknown, terminal: Terminal, place: (line: string) => string): number {
  if (error instanceof CommanderError) {
    // Commander has said what there is to say.
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
  const message = messageOf(error);
  terminal.stderr.write(`sstpd: ${printable(place(message.replace(/\s*\n\s*/g, ' ')))}\n`);
  if (terminal.env.SSTPD_DEBUG && error instanceof Error) terminal.stderr.write(`${error.stack}\n`);
  if (error instanceof CliError) return error.exitCode;
  return error instanceof ConfigError && error.origin?.startsWith('flag ') ? EXIT.usage : EXIT.failed;
}
