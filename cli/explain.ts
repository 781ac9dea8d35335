import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { AdminClient, AttemptView } from '../admin/index.ts';
import type { Run } from './command.ts';
import { addPlaceOptions, runningServer } from './options.ts';
import { readerLeft } from './output.ts';
import { CliError, EXIT, json, printable, type Terminal, table } from './terminal.ts';

interface ExplainOptions {
  readonly last?: true;
  readonly user?: string;
  readonly follow?: true;
  readonly json?: true;
}

const FOLLOW_MS = 500;
/** A list is for a look around; whoever wants all takes --json. */
const MOST_LISTED = 20;

export function addExplainCommand(program: Command, terminal: Terminal, run: Run): void {
  const command = program
    .command('explain')
    .summary('why clients could not connect')
    .description(
      'Tells what became of attempts to connect to the running server: how far each came, why it ended, what Windows ' +
        'most likely showed, and what mends it. ID is that of the log or of sstpd sessions, or the correlation id that ' +
        'the event log of Windows has.',
    )
    .argument('[ID]', 'one attempt, in full')
    .option('--last', 'the newest attempt, in full')
    .option('--user <NAME>', 'only attempts of this user')
    .option('--follow', 'tell of each attempt as it ends, until Ctrl-C')
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLES);
  addPlaceOptions(command).action((id: string | undefined, options: ExplainOptions) =>
    run(async () => {
      if (id !== undefined && (options.last || options.user !== undefined || options.follow)) {
        throw new CliError('an ID goes with none of --last, --user and --follow', EXIT.usage);
      }
      const client = await runningServer(command, terminal);
      if (options.follow) return follow(client, options, terminal);
      const user = options.user === undefined ? {} : { user: options.user };
      const attempts =
        id === undefined
          ? (await client.attempts({ ...user, ...(options.last ? { limit: 1 } : {}) })).attempts
          : [await client.attempt(id)];
      show(attempts, id !== undefined || options.last ? 'full' : 'list', options, terminal);
      return EXIT.ok;
    }),
  );
}

const EXAMPLES = `
Examples:
  $ sstpd explain
  $ sstpd explain --last
  $ sstpd explain --user ann
  $ sstpd explain 48B82435-099A-4158-A987-052E7570CFAA`;

/** Ends with the server, with Ctrl-C, or when nobody reads any more. */
async function follow(
  client: AdminClient,
  { user, json: asJson }: ExplainOptions,
  terminal: Terminal,
): Promise<number> {
  const left = readerLeft(terminal);
  const query = user === undefined ? {} : { user };
  let { last: after } = await client.attempts({ ...query, limit: 1 });
  while (!left.aborted) {
    await sleep(FOLLOW_MS);
    const { last, attempts } = await client.attempts({ ...query, after });
    after = last;
    for (const attempt of attempts.filter(({ state }) => state !== 'under-way')) {
      terminal.stdout.write(asJson ? `${JSON.stringify(attempt)}\n` : line(attempt));
    }
  }
  return EXIT.ok;
}

function show(
  attempts: readonly AttemptView[],
  form: 'full' | 'list',
  { json: asJson }: ExplainOptions,
  terminal: Terminal,
): void {
  if (asJson) terminal.stdout.write(json(attempts));
  else if (attempts.length === 0) terminal.stdout.write('No attempts.\n');
  else terminal.stdout.write(form === 'full' ? attempts.map(inFull).join('\n') : list(attempts));
}

function list(attempts: readonly AttemptView[]): string {
  const rest = Math.max(0, attempts.length - MOST_LISTED);
  const lines = attempts.slice(-MOST_LISTED).map(line).join('');
  return rest === 0 ? lines : `${rest} older ones: --json has them all\n${lines}`;
}

/** `10:15:02  3f00a1b2  192.0.2.7  ann  failed at authentication: The password is wrong. (691) Type it again …` */
function line(attempt: AttemptView): string {
  const { id, peer, startedAt, user, explanation } = attempt;
  const words = [startedAt.slice(11, 19), id, peer, printable(user ?? '-'), outcome(attempt)];
  return `${words.join('  ')}${explanation === undefined ? '' : `: ${sentence(explanation)}`}\n`;
}

function outcome({ state, stage }: AttemptView): string {
  return state === 'failed' ? `failed at ${stage}` : state;
}

function sentence({ text, code, fix }: NonNullable<AttemptView['explanation']>): string {
  return printable([text, code === undefined ? '' : `(${code})`, fix ?? ''].filter(Boolean).join(' '));
}

function inFull(attempt: AttemptView): string {
  const { explanation, offered, http, stages, options } = attempt;
  const facts: [string, string | undefined][] = [
    ['attempt', attempt.id],
    ['correlation', attempt.correlationId],
    ['client', attempt.peer],
    ['user', attempt.user],
    ['began', attempt.startedAt],
    ['outcome', outcome(attempt)],
    ['why', explanation?.text],
    ['Windows shows', explanation?.code],
    ['what to do', explanation?.fix],
    ['TLS', attempt.tls],
    ['alert', attempt.alert],
    ['SNI', attempt.sni],
    ['offered', offered?.versions],
    ['ciphers', offered?.ciphers],
    ['ALPN', offered?.protocols || undefined],
    ['ended with', attempt.reason],
    ['stages', stages.map(({ stage, ms }) => `${stage} ${ms} ms`).join(', ')],
  ];
  const known = facts.flatMap(([name, value]) =>
    value === undefined ? [] : [`  ${name.padEnd(14)} ${printable(value)}`],
  );
  const head = http === undefined ? [] : ['  request', ...http.split('\n').map((text) => `    ${printable(text)}`)];
  const asked =
    options.length === 0
      ? []
      : [
          table(
            ['  FROM', 'PACKET', 'OPTIONS'],
            options.map((one) => [`  ${one.from}`, `${one.protocol} ${one.packet}`, one.options || '-']),
          ).trimEnd(),
        ];
  return `${[...known, ...head, ...asked].join('\n')}\n`;
}
