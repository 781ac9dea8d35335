/**
 * `npm run test:fresh`: the two lines of the README on a bare Debian with Node 20, from /root and from another folder:
 * the server serves a client, what it prints works, and the tests pass. `-- --quick`: from /root only, and of the second
 * line the unit tests; `-- --folder 1` or `2`: from one of the two. Needs root, the packages of `test:fresh`, and a
 * registry and a mirror in reach.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { missingOf } from '../../packaging/debian-packages.mjs';
import { eventually } from '../support/eventually.ts';
import { ADDRESS, BareMachine, cloneInto } from './bare-machine.ts';
import { makeArchive, unpack } from './bare-root.ts';

const MINUTE_MS = 60_000;
/** Of the root of a 0700 folder, and of one that everybody may enter. */
const FOLDERS = ['/root/sstpd', '/srv/vpn/sstpd'];
const { quick: isQuick, folder } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, folder: { type: 'string' } },
}).values;
const chosen = isQuick ? FOLDERS.slice(0, 1) : FOLDERS.filter((_, i) => folder === undefined || folder === `${i + 1}`);
if (chosen.length === 0) throw new Error(`--folder is 1 (${FOLDERS[0]}) or 2 (${FOLDERS[1]})`);

const work = mkdtempSync(join(tmpdir(), 'sstpd-fresh-'));
const machines = new Set<BareMachine>();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    void cleanUp().finally(() => process.exit(1));
  });
}
try {
  await main();
} finally {
  await cleanUp();
}

async function main(): Promise<void> {
  const missing = missingOf(['test:fresh']).map(([, name]) => name);
  if (process.geteuid?.() !== 0) throw new Error('needs root');
  if (missing.length > 0) throw new Error(`apt install ${missing.join(' ')}`);
  say('makes a bare Debian');
  const archive = makeArchive(work);
  for (const folder of chosen) {
    const root = join(work, folder.replaceAll('/', '-'));
    unpack(archive, root);
    cloneInto(root, folder);
    const machine = await BareMachine.boot(root);
    machines.add(machine);
    await theFirstLine(machine, folder);
    await theSecondLine(machine, folder);
    machines.delete(machine);
    await machine.destroy();
  }
  say('both lines work');
}

async function cleanUp(): Promise<void> {
  for (const machine of machines) await machine.destroy();
  execFileSync('rm', ['-rf', '--one-file-system', work]);
}

function say(line: string): void {
  console.log(`${Math.round(process.uptime())} s: ${line}`);
}

async function theFirstLine(machine: BareMachine, folder: string): Promise<void> {
  say(`npm ci && npm start in ${folder}`);
  const server = machine.spawn(folder, 'npm ci && npm start');
  const text = collect(server);
  await eventually(
    'the server',
    () => {
      assert.equal(server.exitCode, null, `npm ci && npm start has ended:\n${text()}`);
      return text().includes('Stop:       Ctrl-C');
    },
    10 * MINUTE_MS,
  );
  say('sstpd is ready');
  const printed = text();
  assert.match(printed, /^sstpd: apt-get installs what this machine lacks .*: g\+\+ make python3 iproute2 nftables$/m);
  assert.doesNotMatch(printed, /\bsudo\b|\bnpx\b/, printed);
  await runPrinted(machine, printed);
  await connectClient(machine);
  process.kill(-(server.pid ?? 0), 'SIGINT');
  await once(server, 'close');
  assert.match(text(), /"msg":"server\.stopped"/, text().slice(-2000));
}

/** From the root folder, as another terminal would. */
async function runPrinted(machine: BareMachine, printed: string): Promise<void> {
  const lines = [...printed.matchAll(/(?<=^ {15}| {2})sstpd (?:user|admin|profile)\b[^(\n]*?(?= sets| makes|$)/gm)];
  const commands = new Set([...lines.map(([line]) => line.trim()), ...tails(printed)]);
  assert.ok(commands.size >= 5, `only ${[...commands].join('; ')} in ${printed}`);
  for (const command of commands) {
    const { status, output } = await machine.run('/', ['/bin/sh', '-c', command.replace('NAME', 'ann')]);
    assert.equal(status, 0, `${command}: ${output}`);
    say(`${command}: ${output.split('\n')[0]}`);
  }
}

function tails(printed: string): string[] {
  return [...printed.matchAll(/^(?:More users|Who is on|Who failed): +(.+)$/gm)].map(([, command = '']) => command);
}

/** A client in a network of its own behind a cable, and a TCP connection through the tunnel. */
async function connectClient(machine: BareMachine): Promise<void> {
  const must = async (line: string): Promise<string> => {
    const { status, output } = await machine.run('/', ['/bin/sh', '-c', line]);
    assert.equal(status, 0, `${line}: ${output}`);
    return output;
  };
  await must('ip netns add laptop && ip link add cable type veth peer name cable netns laptop');
  await must('ip addr add 198.18.0.1/30 dev cable && ip link set cable up');
  await must('ip -n laptop addr add 198.18.0.2/30 dev cable && ip -n laptop link set cable up');
  await must('ip -n laptop route add default via 198.18.0.1');
  await must('printf "a password of hers" | sstpd user passwd ann --password-stdin');
  const connect = `connect ${ADDRESS} --user ann --ca /var/lib/sstpd/ca.pem --password-file /root/password`;
  await must('printf "a password of hers" > /root/password && chmod 600 /root/password');
  const client = machine.spawn('/', `ip netns exec laptop sstpd ${connect} --json`);
  const text = collect(client);
  await eventually(
    'the tunnel',
    () => {
      assert.equal(client.exitCode, null, text());
      return text().includes('"event":"up"');
    },
    MINUTE_MS,
  );
  assert.match(await must('sstpd sessions'), /\bann\b/);
  const inside = (await must("ip -o -4 addr show dev sstp0 | sed 's/.*inet \\([0-9.]*\\).*/\\1/'")).trim();
  await must(`ip netns exec laptop bash -c 'exec 3<>/dev/tcp/${inside}/443'`);
  say(`a client is connected, and reaches ${inside} through the tunnel`);
  process.kill(-(client.pid ?? 0), 'SIGINT');
  await once(client, 'close');
}

async function theSecondLine(machine: BareMachine, folder: string): Promise<void> {
  const line = `npm ci && npm test${isQuick ? ' -- --unit' : ''}`;
  say(`${line} in ${folder}`);
  const run = machine.spawn(folder, line);
  const text = collect(run);
  for (const stream of [run.stdout, run.stderr]) stream?.pipe(process.stdout, { end: false });
  const [status] = (await once(run, 'close')) as [number | null];
  assert.equal(status, 0, `${line} in ${folder}: status ${status}`);
  const last = text().trimEnd().split('\n').at(-1) ?? '';
  assert.match(last, /^\d+ passed, 0 failed, \d+ skipped, 0 files left out$/);
}

function collect(child: ChildProcess): () => string {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
  }
  return () => text;
}
