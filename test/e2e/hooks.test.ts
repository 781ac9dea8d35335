/** Scripts and webhooks of a real server: what they are told, and that they harm nobody. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { tunMissing } from '../support/netns.ts';
import { SstpdProcess } from '../support/sstpd-process.ts';
import type { SstpdServer } from '../support/sstpd-server.ts';
import { INSIDE, PASSWORD, USER, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;
const SECRET = '0123456789abcdef0123456789abcdef';

interface Fixture {
  readonly lab: VpnLab;
  readonly server: SstpdServer;
  /** What scripts write is here. */
  read(name: string): string;
  written(name: string): Promise<string>;
}

interface Settings {
  readonly up?: string;
  readonly down?: string;
  readonly workers?: number;
  readonly clients?: number;
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

async function start(t: TestContext, settings: Settings): Promise<Fixture> {
  const { up, down, workers = 1, clients = 1, args = [], env = {} } = settings;
  const lab = await VpnLab.create({ clients });
  t.after(() => lab.destroy());
  const folder = join(lab.folder, 'out');
  mkdirSync(folder);
  chmodSync(folder, 0o777);
  const hook = (name: string, body: string | undefined): string[] => {
    if (body === undefined) return [];
    const path = lab.file(name, `#!/bin/sh\ncd ${folder}\n${body}\n`);
    chmodSync(path, 0o755);
    return [`--hook-${name}`, path];
  };
  const all = ['--workers', String(workers), ...hook('up', up), ...hook('down', down), ...args];
  const server = await lab.serveAnn({ args: all, env });
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
  const written = (name: string): Promise<string> =>
    eventually(`${name} is written`, () => existsSync(join(folder, name)) && read(name));
  return { lab, server, read, written };
}

/** Writes its arguments, environment and standard input, whole or not at all. */
const record = (name: string): string =>
  `{ for a in "$@"; do echo "$a"; done; echo --; env; echo --; cat; } >.${name}; mv .${name} ${name}`;

interface Record {
  readonly args: readonly string[];
  readonly env: Readonly<globalThis.Record<string, string>>;
  readonly event: Readonly<globalThis.Record<string, unknown>>;
}

function parse(text: string): Record {
  const [args = '', env = '', event = ''] = text.split('--\n');
  const pairs = env
    .split('\n')
    .filter(Boolean)
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const);
  return {
    args: args.split('\n').slice(0, -1),
    env: Object.fromEntries(pairs),
    event: JSON.parse(event) as Record['event'],
  };
}

for (const workers of [0, 2]) {
  test(`scripts get what pppd gives to ip-up and ip-down, with ${workers === 0 ? 'one process' : 'workers'}`, {
    skip,
  }, async (t) => {
    const pool6 = ['--pool6', 'fd00:86::/56'];
    const { lab, server, written } = await start(t, {
      up: record('up.txt'),
      down: record('down.txt'),
      workers,
      args: pool6,
    });
    const client = lab.connect();
    const { ipv4 } = await client.up();
    const up = parse(await written('up.txt'));
    const [session = assert.fail()] = await server.sessions();
    assert.match(up.args[0] ?? '', /^sstp\d/);
    assert.deepEqual(up.args.slice(1), ['sstp', '0', INSIDE, ipv4, '198.18.1.2']);
    const { IFNAME, IPLOCAL, IPREMOTE, PEERNAME, DNS1, DNS2, LLLOCAL, CONNECT_TIME } = up.env;
    assert.deepEqual([IFNAME, IPLOCAL, IPREMOTE], [up.args[0], INSIDE, ipv4]);
    assert.deepEqual([PEERNAME, DNS1, DNS2], [USER, '192.0.2.53', '192.0.2.54']);
    assert.deepEqual([LLLOCAL, CONNECT_TIME], ['fe80::1', undefined]);
    assert.equal(up.env.SSTPD_HOOK_SESSION, session.id);
    assert.equal(up.env.SSTPD_HOOK_IPV6, session.ipv6);
    assert.deepEqual(
      Object.keys(up.env).filter((name) => ['HOME', 'USER', 'SSTPD_LOG_FORMAT', 'NODE_OPTIONS'].includes(name)),
      [],
      "nothing of the server's own environment",
    );
    assert.equal(up.event.event, 'session.up');
    assert.equal(up.event.remoteIpv4, ipv4);

    await client.netns.run('ping', ['-c', '3', '-i', '0.2', '-s', '1000', '-W', '5', INSIDE]);
    await client.stop();
    const down = parse(await written('down.txt'));
    assert.deepEqual(down.args, up.args);
    assert.ok(Number(down.env.CONNECT_TIME) >= 0);
    assert.ok(Number(down.env.BYTES_SENT) >= 3 * 1028, down.env.BYTES_SENT);
    assert.ok(Number(down.env.BYTES_RCVD) >= 3 * 1028, down.env.BYTES_RCVD);
    assert.equal(down.event.bytesSent, Number(down.env.BYTES_SENT));
    assert.match(down.env.SSTPD_HOOK_REASON ?? '', /by-peer$/);
    const closed = await server.logged('connection.closed', { user: USER });
    assert.equal(down.env.SSTPD_HOOK_REASON, closed.reason);
  });
}

test('a script has the rights of the server and no more: CAP_NET_ADMIN, no descriptors, no way to get others', {
  skip,
}, async (t) => {
  const body =
    '{ ls -l /proc/$$/fd; grep -E "^(Uid|CapEff|NoNewPrivs)" /proc/$$/status; } >.r; ip link set lo mtu 65000; mv .r r';
  const { lab, server, written } = await start(t, { up: body, workers: 2 });
  await lab.connect().up();
  const text = await written('r');
  // 10 and 11 are the shell's own.
  const others = [...text.matchAll(/ (\d+) -> (.+)$/gm)].filter(
    ([, fd = '']) => !['0', '1', '2', '10', '11'].includes(fd),
  );
  for (const [, , target = ''] of others) assert.doesNotMatch(target, /^(socket:|anon_inode:|\/dev\/net\/)|\/data\//);
  assert.match(text, new RegExp(`^Uid:\\s+${server.status('Uid')}$`, 'm'));
  assert.match(text, /^CapEff:\s+0000000000001400$/m);
  assert.match(text, /^NoNewPrivs:\s+1$/m);
  assert.match(await lab.server.run('ip', ['link', 'show', 'lo']), /mtu 65000/);
});

test('a script that hangs, floods or fails concerns no other session', { skip }, async (t) => {
  const up = `case $PEERNAME in ann) echo begun >hang; sleep 300;; bob) exec yes;; *) echo "$PEERNAME" >well; exit 3;; esac`;
  const { lab, server, written } = await start(t, {
    ...{ up, clients: 3 },
    env: { SSTPD_HOOKS_TIMEOUT_MS: '3000' },
  });
  for (const name of ['bob', 'carl']) await server.addUser(name, PASSWORD);
  const clients = [lab.connect(), lab.connect({ from: 1, user: 'bob' }), lab.connect({ from: 2, user: 'carl' })];
  for (const client of clients) await client.up();
  await written('hang');
  assert.equal(await written('well'), 'carl\n');
  await Promise.all(clients.map(({ netns }) => netns.run('ping', ['-c', '10', '-i', '0.1', '-W', '5', INSIDE])));
  await server.logged('hook.failed', { result: 'failed', status: 3 });
  await server.logged('hook.failed', { result: 'failed', peer: '198.18.2.2' });
  await server.logged('hook.failed', { result: 'timeout' });
  assert.equal((await server.sessions()).length, 3);
  assert.ok(server.log('hook.output').length <= 60, 'what a script prints is limited');
});

test('a session whose script fails is disconnected where that is wanted', { skip }, async (t) => {
  const { lab, server, written } = await start(t, {
    ...{ up: 'exit 1', down: record('down.txt'), workers: 2 },
    env: { SSTPD_HOOKS_UP_REQUIRED: 'true' },
  });
  const client = lab.connect();
  await client.up();
  await client.ended();
  await server.logged('connection.closed', { reason: 'hook-failed' });
  assert.equal(parse(await written('down.txt')).env.SSTPD_HOOK_REASON, 'hook-failed');
});

test('the end of a session is not lost: when its worker is killed, nor when the server stops', { skip }, async (t) => {
  const { lab, server, read } = await start(t, {
    ...{ down: 'sleep 1; echo "$PEERNAME $SSTPD_HOOK_REASON" >>downs', workers: 2, clients: 2 },
  });
  await server.addUser('bob', PASSWORD);
  const client = lab.connect();
  await client.up();
  const [session = assert.fail()] = await server.sessions();
  const worker = Number.parseInt(session.id.slice(0, 2), 16);
  const ready = await server.logged('worker.ready', { worker });
  process.kill(Number(ready.pid), 'SIGKILL');
  await server.logged('hook.ended', { hook: 'down', session: session.id });
  await lab.connect({ from: 1, user: 'bob' }).up();
  assert.equal((await server.stop()).status, 0);
  assert.deepEqual(read('downs').trim().split('\n'), ['ann worker-ended', 'bob server-shutdown']);
});

test('a name with signs that a shell knows does nothing on its way', { skip }, async (t) => {
  const { lab, server, written } = await start(t, { up: 'printf %s "$PEERNAME" >.n; mv .n n' });
  const name = "$(touch pwned) `x` '& é";
  await server.addUser(name, PASSWORD);
  await lab.connect({ user: name }).up();
  assert.equal(await written('n'), name);
});

for (const workers of [0, 2]) {
  test(`webhooks: signed events of sessions and refused logins, with ${workers === 0 ? 'one process' : 'workers'}`, {
    skip,
  }, async (t) => {
    const lab = await VpnLab.create();
    t.after(() => lab.destroy());
    const receiver = new SstpdProcess(lab.server, [
      process.execPath,
      join(import.meta.dirname, 'webhook-receiver.ts'),
      ...['127.0.0.1', '8080', SECRET],
    ]);
    await receiver.printed(/^ready$/);
    const secret = lab.file('secret', `${SECRET}\n`);
    chmodSync(secret, 0o600);
    const args = ['--webhook', 'http://127.0.0.1:8080/x', '--webhook-secret', secret, '--workers', String(workers)];
    const server = await lab.serveAnn({ args });
    const client = lab.connect();
    const { ipv4 } = await client.up();
    await receiver.line({ event: 'session.up', user: USER, remoteIpv4: ipv4, isOurs: true, name: 'session.up' });
    await client.stop();
    await receiver.line({ event: 'session.down', user: USER, remoteIpv4: ipv4, isOurs: true, reason: /by-peer$/ });
    await lab.connect({ password: 'wrong' }).ended();
    await receiver.line({ event: 'login.failed', user: USER, reason: 'wrong-password', isOurs: true });
    const metrics = await server.must(['metrics']);
    assert.match(metrics, /^sstp_webhook_deliveries_total\{result="ok"\} [3-9]$/m);
    assert.doesNotMatch(server.process.text, new RegExp(SECRET));
  });
}

test('a start refuses what would not do: a script that others may change, a secret that is too short', {
  skip,
}, async (t) => {
  const lab = await VpnLab.create();
  t.after(() => lab.destroy());
  const script = lab.file('up', '#!/bin/sh\n');
  writeFileSync(join(lab.folder, 'short'), 'x', { mode: 0o600 });
  chmodSync(script, 0o777);
  const secret = ['--webhook', 'http://127.0.0.1:1/', '--webhook-secret', join(lab.folder, 'short')];
  for (const [args, said] of [
    [['--hook-up', script], /^sstpd: hooks\.up: .* can be changed by others than root .*: chmod go-w /m],
    [secret, /^sstpd: hooks\.secretFile: .* holds 1 bytes/m],
    [secret.slice(0, 2), /^sstpd: hooks\.webhooks \(flag --webhook\) is set, but hooks\.secretFile is not/m],
  ] as const) {
    const server = lab.launch('exec "$@"', { args });
    assert.equal((await server.end()).status, 1, server.text);
    assert.match(server.text, said);
  }
});
