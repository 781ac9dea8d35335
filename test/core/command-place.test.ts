/** Commands that are printed work for the data directory that they are about. */
import assert from 'node:assert/strict';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Command } from 'commander';
import { addAdminCommand } from '../../cli/admin.ts';
import { addCaCommand } from '../../cli/ca.ts';
import { addConfigCommand } from '../../cli/config.ts';
import { addConnectCommand } from '../../cli/connect.ts';
import { addDoctorCommand } from '../../cli/doctor.ts';
import { addExplainCommand } from '../../cli/explain.ts';
import { addMetricsCommand } from '../../cli/metrics.ts';
import { addProfileCommand } from '../../cli/profile.ts';
import { addServeCommand } from '../../cli/serve.ts';
import { addSessionsCommand } from '../../cli/sessions.ts';
import { addThrottleCommand } from '../../cli/throttle.ts';
import { addTokenCommand } from '../../cli/token.ts';
import { addUserCommand } from '../../cli/user.ts';
import { COMMANDS_WITH_DATA, placeCommands, placeExplanation, placeFinding } from '../../core/command-place.ts';
import { createLog } from '../../server/log/log.ts';
import { fakeTerminal, inProcess } from '../cli/support.ts';

const DATA = '/srv/vpn two';
const PLACED = "--data '/srv/vpn two'";

test('the table has each command that takes --data, and the commands below it', () => {
  const program = new Command();
  const { terminal } = fakeTerminal({});
  const run = async (): Promise<void> => undefined;
  for (const add of [
    ...[addServeCommand, addUserCommand, addAdminCommand, addTokenCommand, addCaCommand, addProfileCommand],
    ...[addSessionsCommand, addThrottleCommand, addExplainCommand, addDoctorCommand, addMetricsCommand],
    addConfigCommand,
  ]) {
    add(program, terminal, run);
  }
  addConnectCommand(program, terminal, run, { cacheFolder: undefined, ahead: undefined });
  const takes = (command: Command): boolean => command.options.some(({ long }) => long === '--data');
  const found = program.commands
    .filter((command) => takes(command) || command.commands.some(takes))
    .map((command) => [command.name(), command.commands.filter(takes).map((below) => below.name())]);
  const sorted = (table: object): object =>
    Object.fromEntries(Object.entries(table).map(([name, below]) => [name, [...(below as string[])].sort()]));
  assert.deepEqual(sorted(COMMANDS_WITH_DATA), sorted(Object.fromEntries(found)));
});

/** Texts in the sources that name a command, as they are written there. */
function remedies(): { readonly file: string; readonly text: string }[] {
  const files = globSync(['{server,certs,auth,admin,cli,tun,ip,tls}/**/*.ts'], {
    exclude: ['**/node_modules/**', 'cli/demo.ts'],
  });
  return files.flatMap((file) => {
    const source = readFileSync(file, 'utf8')
      .replace(/\/\*[\s\S]*?\*\//g, '')
      .replace(/^\s*\/\/.*$/gm, '');
    const texts = [...source.matchAll(/'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`|"(?:[^"\\\n]|\\.)*"/g)].map(
      ([text]) => text,
    );
    return texts.filter((text) => /\bsstpd [a-z]/.test(text)).map((text) => ({ file, text: text.slice(1, -1) }));
  });
}

/** What follows the program's name where no command for a data directory is meant. */
const PROSE = /^sstpd (?:is|has|becomes|admin API|runs|cannot|connect|demo|build-addon|uninstall-link|pool6)\b/;

test('each command that a text of the sources names gets the data directory', () => {
  const all = remedies();
  assert.ok(all.length > 40, `only ${all.length}`);
  const lost = all.flatMap(({ file, text }) => {
    const rest = placeCommands(text, DATA).replace(/\bsstpd [a-z]+(?: [a-z]+)? --data '\/srv\/vpn two'/g, '');
    const bare = [...rest.matchAll(/\bsstpd [a-z].*/g)].map(([words]) => words).filter((words) => !PROSE.test(words));
    return bare.map((words) => `${file}: ${words}`);
  });
  assert.deepEqual(lost, []);
});

test('a command is placed where its own words end, once, and not within the name of a user', () => {
  const cases: [string, string][] = [
    ['sstpd user set ann --ip ADDR, or --no-ip', `sstpd user set ${PLACED} ann --ip ADDR, or --no-ip`],
    ['"sstpd ca issue", as root', `"sstpd ca issue ${PLACED}", as root`],
    [
      'Find who (sstpd explain), or lift: sstpd throttle lift.',
      `Find who (sstpd explain ${PLACED}), or lift: sstpd throttle lift ${PLACED}.`,
    ],
    ['end sessions: sstpd sessions.', `end sessions: sstpd sessions ${PLACED}.`],
    ["sstpd user passwd 'x sstpd ca issue'", `sstpd user passwd ${PLACED} 'x sstpd ca issue'`],
    ["can't: sstpd doctor says why", `can't: sstpd doctor ${PLACED} says why`],
    ['what sstpd becomes', 'what sstpd becomes'],
    ['sstpd connect vpn.example', 'sstpd connect vpn.example'],
    ['sstpd users', 'sstpd users'],
  ];
  for (const [text, expected] of cases) {
    assert.equal(placeCommands(text, DATA), expected);
    assert.equal(placeCommands(placeCommands(text, DATA), DATA), expected, 'twice');
    assert.equal(placeCommands(text, '/var/lib/sstpd'), text, 'the usual directory');
  }
});

test('findings, explanations, log lines and errors of commands name the data directory', async () => {
  const finding = { check: 'x', result: 'warning', text: 'sstpd user list shows it', fix: 'sstpd ca renew' } as const;
  assert.deepEqual(placeFinding(finding, DATA), {
    ...finding,
    text: `sstpd user list ${PLACED} shows it`,
    fix: `sstpd ca renew ${PLACED}`,
  });
  const explanation = { text: 'The client said "sstpd doctor".', code: '691', fix: 'sstpd user passwd ann' };
  const attempt = { explanation } as Parameters<typeof placeExplanation>[0];
  assert.deepEqual(placeExplanation(attempt, DATA).explanation, {
    ...explanation,
    fix: `sstpd user passwd ${PLACED} ann`,
  });

  const lines: string[] = [];
  const log = createLog({ level: 'info', format: 'json' }, { write: (line: string) => lines.push(line) }, DATA);
  log.child({ user: 'sstpd doctor' }).warn('doctor.finding', { fix: 'sstpd ca renew', user: 'sstpd doctor' });
  const { fix, user } = JSON.parse(lines[0] ?? '') as { fix: string; user: string };
  assert.deepEqual([fix, user], [`sstpd ca renew ${PLACED}`, 'sstpd doctor']);

  const folder = mkdtempSync(join(tmpdir(), 'sstpd-place-'));
  try {
    const { code, stderr } = await inProcess(['user', 'list', '--data', join(folder, 'two words')]);
    assert.equal(code, 1);
    assert.match(stderr, /: sstpd user add --data '[^']+two words' makes it/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
