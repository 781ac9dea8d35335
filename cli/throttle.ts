import { type Command, InvalidArgumentError } from 'commander';
import type { ThrottleView } from '../admin/index.ts';
import type { Run } from './command.ts';
import { addPlaceOptions, runningServer } from './options.ts';
import { CliError, EXIT, json, printable, type Terminal, table } from './terminal.ts';

export function addThrottleCommand(program: Command, terminal: Terminal, run: Run): void {
  const throttle = program
    .command('throttle')
    .summary('whose logins are slowed, and let one pass')
    .description('Shows the names and addresses whose logins are slowed because of failures, or lets one pass.');
  const list = throttle
    .command('list')
    .summary('list the names and addresses that are slowed')
    .description('Lists the names and addresses of the running server whose logins are slowed, attacked or lifted.')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExamples:\n  $ sstpd throttle list\n  $ sstpd throttle list --json');
  addPlaceOptions(list).action((options: { json?: true }) =>
    run(async () => {
      const entries = await (await runningServer(list, terminal)).throttle();
      terminal.stdout.write(options.json ? json(entries) : formatThrottle(entries));
    }),
  );
  const lift = throttle
    .command('lift')
    .summary('let a name or an address pass')
    .description(
      'Lets a name or an address pass for a while, and whoever waits there at once. A name passes until its owner has ' +
        'logged in; guesses pass as well meanwhile, so have him dial first. 127.0.0.1 is everybody on loopback. Without a ' +
        'name or address all failures are forgotten.',
    )
    .argument('[NAME|ADDRESS]', 'a user name or an IP address')
    .option('--for <TIME>', 'how long: 90s, 10m, 2h, up to 24h (default: 10m)', parseSeconds)
    .addHelpText('after', LIFT_EXAMPLES);
  addPlaceOptions(lift).action((target: string | undefined, options: { for?: number }) =>
    run(async () => {
      if (target === undefined && options.for !== undefined) {
        throw new CliError(
          '--for needs a name or an address; without one all failures are forgotten, once',
          EXIT.usage,
        );
      }
      const seconds = options.for ?? DEFAULT_SECONDS;
      await (await runningServer(lift, terminal)).liftThrottle({ target, seconds });
      terminal.stdout.write(
        target === undefined
          ? 'All failures are forgotten.\n'
          : `${printable(target)} passes for ${formatSeconds(seconds)}.\n`,
      );
    }),
  );
}

const LIFT_EXAMPLES = `
Examples:
  $ sstpd throttle lift ann
  $ sstpd throttle lift 192.0.2.7 --for 1h
  $ sstpd throttle lift`;

const DEFAULT_SECONDS = 600;
const LONGEST_SECONDS = 86_400;
const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600 };

function parseSeconds(text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,6})([smh])$/.exec(text) ?? [];
  const seconds = Number(digits) * (UNITS[unit] ?? 0);
  if (seconds < 1 || seconds > LONGEST_SECONDS) {
    throw new InvalidArgumentError('It is a number with s, m or h behind it, up to 24h.');
  }
  return seconds;
}

function formatSeconds(seconds: number): string {
  if (seconds % 3_600 === 0) return `${seconds / 3_600} h`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

function formatThrottle(entries: readonly ThrottleView[]): string {
  if (entries.length === 0) return 'Nobody is slowed.\n';
  return table(
    ['WHAT', 'OF', 'FAILURES', 'FROM', 'WAITING', 'NEXT WAITS', 'STATE'],
    entries.map((entry) => [
      whatOf(entry),
      entry.of,
      String(entry.failures),
      fromOf(entry),
      String(entry.waiting),
      entry.delayMs === undefined ? 'by lot' : `${(entry.delayMs / 1_000).toFixed(1)} s`,
      stateOf(entry),
    ]),
  );
}

function whatOf({ kind, realm }: ThrottleView): string {
  if (realm !== 'admin') return kind;
  return kind === 'name' ? 'admin' : `admin ${kind}`;
}

/** From where failures at a name came; elsewhere at how many names they were. */
function fromOf({ kind, limit, at, others }: ThrottleView): string {
  if (kind !== 'name') return count(others, 'name');
  switch (limit) {
    case 'known-address':
      return `${at} (known)`;
    case 'lifted-name':
      return `${at}`;
    case 'known-browser':
      return 'a known browser';
    case 'loopback-name':
      return 'loopback';
    case 'loopback':
    case 'strangers':
    case undefined:
      return count(others, 'network');
    default:
      return limit satisfies never;
  }
}

function stateOf({ isAttacked, liftedMs }: ThrottleView): string {
  const words = [
    ...(isAttacked ? ['under attack'] : []),
    ...(liftedMs === undefined ? [] : [`lifted for ${formatSeconds(Math.ceil(liftedMs / 1_000))}`]),
  ];
  return words.length === 0 ? '-' : words.join(', ');
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
