/** What a start makes and says, and what one that can't be leaves behind: nothing but one line. */
// Needs: curl, openssl
import assert from 'node:assert/strict';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ADMIN_PORT, AdminApi } from '../support/admin-api.ts';
import { tunMissing } from '../support/netns.ts';
import { asUser, scriptOf } from '../support/other-user.ts';
import { SSTPD, SstpdProcess } from '../support/sstpd-process.ts';
import { runSstpd, SstpdServer } from '../support/sstpd-server.ts';
import { INSIDE, PASSWORD, SERVER, type ServeSettings, USER, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;

async function makeLab(t: TestContext, options: Parameters<typeof VpnLab.create>[0] = {}): Promise<VpnLab> {
  const lab = await VpnLab.create(options);
  t.after(() => lab.destroy());
  return lab;
}

/** What openssl says of the certificate that the server shows. */
async function served(lab: VpnLab): Promise<string> {
  const script = `openssl s_client -connect ${SERVER}:443 -CAfile ${lab.data}/ca.pem -verify_return_error </dev/null |
    openssl x509 -noout -fingerprint -sha256 -ext subjectAltName`;
  return await lab.client().run('sh', ['-c', script]);
}

test('the first start makes everything and says how to connect; the second reuses it', { skip }, async (t) => {
  const lab = await makeLab(t);
  const first = await lab.serve();
  const said = first.process.text;
  const ca = readFileSync(first.caFile, 'utf8');
  const passwordFile = join(lab.data, 'first-user.txt');
  const [name, password] = readFileSync(passwordFile, 'utf8').split('\n');
  assert.equal(lstatSync(passwordFile).mode & 0o777, 0o600);
  assert.match(password ?? '', /^\S{16,}$/);
  for (const expected of [
    /^ {2}listening +198\.18\.0\.1:443$/m,
    /^ {2}dial +198\.18\.0\.1$/m,
    new RegExp(`^ {2}user +${name}$`, 'm'),
    new RegExp(`^ {2}password +in ${passwordFile}$`, 'm'),
    new RegExp(`^ {2}CA +${first.caFile}$`, 'm'),
    /^ {2}portal +https:\/\/198\.18\.0\.1\/portal /m,
    /^ {2}CA SHA-256 +([0-9A-F]{2}:){31}[0-9A-F]{2}$/m,
    /^Add-VpnConnection .*-ServerAddress '198\.18\.0\.1' -TunnelType Sstp/m,
    /^Import-Certificate .*LocalMachine\\Root/m,
    /^Linux: sstpd connect 198\.18\.0\.1 --user vpn --ca ca\.pem --default-route \(as root\)/m,
    /^ {2}\S+ profile vpn --format sstpc --data \S+ > sstpc\.sh$/m,
    /^ {2}note +WARNING: IPv6 of clients: .* --pool6 fd[0-9a-f:]+\/48 /m,
  ]) {
    assert.match(said, expected);
  }
  const pasted = [...said.matchAll(/^\$ca \+= '([^']+)'$/gm)].map(([, line]) => line).join('');
  assert.equal(pasted, ca.replace(/-----[^-]+-----|\n/g, ''), 'the CA certificate as text, to be pasted');
  assert.ok(!said.includes(password ?? ''), 'the password does not go where logs go');
  const certificate = await served(lab);
  const fingerprint = await lab.server.run('openssl', [
    'x509',
    '-in',
    first.caFile,
    '-noout',
    '-fingerprint',
    '-sha256',
  ]);
  assert.ok(said.includes(fingerprint.trim().split('=')[1] ?? 'no fingerprint'));
  assert.match(certificate, /IP Address:198\.18\.0\.1/);
  assert.equal((await first.stop()).status, 0);

  const second = await lab.serve();
  assert.doesNotMatch(second.process.text, /^ {2}(user|password) /m);
  assert.deepEqual(second.log('certificate.made'), []);
  assert.equal(readFileSync(second.caFile, 'utf8'), ca);
  assert.equal(await served(lab), certificate);
  assert.equal((JSON.parse(await second.must(['user', 'list', '--json'])) as unknown[]).length, 1);
  assert.equal((await second.stop()).status, 0);

  // Clients would refuse a certificate of this authority that has another name.
  const third = lab.launch('exec "$@"', { args: ['--host', 'vpn.example'] });
  assert.match(
    await refused(third),
    /^sstpd: the own authority may issue for 198\.18\.0\.1, which vpn\.example is not: "sstpd ca renew --data \S+"/,
  );
  assert.equal(readFileSync(second.caFile, 'utf8'), ca);
  assert.equal((await lab.serve().then((again) => again.stop())).status, 0);
});

test('after the start the process is an unprivileged user with two capabilities, its files are its own but for the key of the authority', {
  skip,
}, async (t) => {
  const lab = await makeLab(t);
  const server = await lab.serve();
  const uids = server.status('Uid').split('\t');
  assert.equal(new Set(uids).size, 1);
  assert.notEqual(uids[0], '0');
  assert.equal(server.status('Gid').split('\t').includes('0'), false);
  assert.equal(server.status('Groups'), '');
  for (const set of ['CapEff', 'CapPrm', 'CapBnd']) {
    // CAP_NET_BIND_SERVICE 10 and CAP_NET_ADMIN 12, linux/capability.h.
    assert.equal(BigInt(`0x${server.status(set)}`), (1n << 10n) | (1n << 12n), set);
  }
  assert.equal(server.status('NoNewPrivs'), '1');
  assert.equal(lstatSync(lab.data).mode & 0o777, 0o700);
  for (const file of readdirSync(lab.data)) {
    const { mode, uid } = lstatSync(join(lab.data, file));
    assert.equal(String(uid), file === 'ca.key' ? '0' : uids[0], file);
    if (file !== 'ca.pem' && file !== 'server.pem')
      assert.equal(mode & 0o077, 0, `${file} ${(mode & 0o777).toString(8)}`);
  }
  assert.equal((await server.stop()).status, 0);
});

/** It ends with status 1 and one line for people. */
async function refused(process: SstpdProcess): Promise<string> {
  assert.deepEqual(await process.end(), { status: 1, signal: null });
  const said = process.text.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
  assert.equal(said.length, 1, process.text);
  return said[0] ?? '';
}

const FAILURES: readonly {
  readonly name: string;
  readonly script: string;
  readonly says: RegExp;
  readonly settings?: ServeSettings;
}[] = [
  {
    name: 'without root',
    script: scriptOf(asUser(65534, '--inh-caps=-all')),
    says: /^sstpd: .*CAP_NET_ADMIN.*sudo/,
  },
  {
    name: 'without /dev/net/tun',
    script: 'mount -t tmpfs none /dev/net && exec "$@"',
    says: /^sstpd: .*\/dev\/net\/tun/,
  },
  {
    name: 'with a pool that overlaps a network of this host',
    script: 'exec "$@"',
    settings: { args: ['--pool', '198.18.0.0/16'] },
    says: /^sstpd: pool\.ipv4: 198\.18\.0\.0\/16 overlaps .*--pool/,
  },
  {
    name: 'with a configuration key that does not exist',
    script: 'exec "$@"',
    settings: { env: { SSTPD_NETWORK_MTUU: '1400' } },
    says: /^sstpd: SSTPD_NETWORK_MTUU: .*SSTPD_NETWORK_MTU$/,
  },
  {
    name: 'with a value that its configuration key does not take',
    script: 'exec "$@"',
    settings: { env: { SSTPD_NETWORK_MTU: '12' } },
    says: /^sstpd: .*network\.mtu.*SSTPD_NETWORK_MTU/,
  },
];

for (const { name, script, says, settings } of FAILURES) {
  test(`${name}: one line, status 1, nothing left behind`, { skip }, async (t) => {
    const lab = await makeLab(t);
    const before = await lab.state();
    assert.match(await refused(lab.launch(script, settings)), says);
    assert.equal(await lab.state(), before);
    assert.equal(existsSync(lab.data), false);
  });
}

test('a port that is taken, and a data directory in use: one line each, the running server is not disturbed', {
  skip,
}, async (t) => {
  const lab = await makeLab(t);
  const server = await lab.serveAnn();
  const before = await lab.state();
  const other = join(lab.folder, 'other');
  const taken = lab.launch('exec "$@"', { data: other, args: ['--pool', '10.87.0.0/24'] });
  assert.match(
    await refused(taken),
    /^sstpd: cannot listen on 198\.18\.0\.1:443: another program has the port; .* choose another port$/,
  );
  const second = lab.launch('exec "$@"', { args: ['--pool', '10.87.0.0/24', '--listen', `${SERVER}:444`] });
  assert.match(await refused(second), /^sstpd: another sstpd runs with the data directory .*--data DIR/);
  assert.equal(await lab.state(), before);
  const client = lab.connect();
  await client.up();
  await client.stop();
  assert.equal((await server.stop()).status, 0);
});

test('two servers with their own data run side by side, and one that stops leaves the other alone', {
  skip,
}, async (t) => {
  const lab = await makeLab(t);
  const server = await lab.serveAnn();
  const before = await lab.state();
  const args = ['--listen', `${SERVER}:444`, '--admin', '127.0.0.1:8444', '--pool', '10.87.0.0/24'];
  const other = await SstpdServer.start({ netns: lab.server, data: join(lab.folder, 'other'), args });
  // Clients dial none of the addresses that they would have within the other VPN, and a look at the names changes nothing.
  const names = async (): Promise<string[]> => {
    const shown = JSON.parse(await other.must(['ca', 'show', '--json'])) as { certificate: { names: string[] } };
    return shown.certificate.names;
  };
  assert.ok((await names()).length > 0);
  assert.ok(!(await names()).includes(INSIDE), String(await names()));
  assert.match(await other.must(['ca', 'issue']), /^Nothing is due\.$/m);
  for (const [one, two] of [
    [server, other],
    [other, server],
  ] as const) {
    const [uid = '', foreign = ''] = [one, two].map((each) => each.status('Uid').split('\t')[0]);
    assert.notEqual(uid, foreign);
    assert.doesNotMatch(one.process.text, /WARNING: user of its own/);
    const as = ['--reuid', uid, '--regid', uid, '--clear-groups', '--inh-caps=-all'];
    for (const file of ['users.db', 'users.key', 'server.key', 'ca.key', 'admin.sock']) {
      const read = await lab.server.exec('setpriv', [...as, 'cat', join(two.data, file)]);
      assert.match(read.stderr, /Permission denied/, file);
    }
    const kill = await lab.server.exec('setpriv', [...as, 'kill', '-0', ...two.pids.map(String)]);
    assert.match(kill.stderr, /not permitted/i);
    assert.equal(kill.stderr.match(/not permitted/gi)?.length, two.pids.length);
  }
  assert.equal((await other.stop()).status, 0);
  assert.equal(await lab.state(), before);
  const client = lab.connect();
  await client.up();
  await client.netns.run('ping', ['-c', '3', '-i', '0.2', '-W', '5', INSIDE]);
  await client.stop();
  assert.equal((await server.stop()).status, 0);
});

test('a clone in a directory that is closed to others serves all the same: nothing is loaded late', {
  skip,
}, async (t) => {
  const lab = await makeLab(t);
  const closed = join(lab.folder, 'closed');
  mkdirSync(join(closed, 'clone'), { recursive: true, mode: 0o700 });
  const clone = join(import.meta.dirname, '../..');
  // The mount namespace of this command ends with it, and the bind mount with that.
  const args = ['--workers', '2', '--admin', `${SERVER}:${ADMIN_PORT}`];
  const server = lab.launch(
    `mount --bind ${clone} ${closed}/clone && cd ${closed}/clone && shift 2 && exec node_modules/.bin/node bin/sstpd.js "$@"`,
    { args },
  );
  await server.line({ msg: 'server.started' });
  await lab.client().run('curl', ['-s', '--cacert', `${lab.data}/ca.pem`, '-o', '/dev/null', `https://${SERVER}/`]);
  const [user = '', password = ''] = readFileSync(join(lab.data, 'first-user.txt'), 'utf8').split('\n');
  const client = lab.connect({ user, password });
  await client.up();
  await client.netns.run('ping', ['-c', '3', '-i', '0.2', '-W', '5', '10.86.0.1']);
  await runSstpd(lab.server, lab.data, ['admin', 'add', 'root', '--password-stdin'], 'correct horse');
  const api = await AdminApi.at(lab);
  assert.equal((await api.login('root', 'wrong password')).status, 401);
  assert.equal((await api.login('root', 'correct horse')).status, 200);
  for (const path of [
    'status',
    'config',
    'certificates',
    'health',
    'sessions',
    'attempts',
    'users',
    'tokens',
    'openapi.json',
  ]) {
    assert.equal((await api.ask('GET', `/v1/${path}`)).status, 200, path);
  }
  assert.equal((await api.ask('GET', '/v1/nowhere')).status, 404);
  assert.equal((await api.ask('POST', '/v1/users', { body: '{' })).status, 400);
  assert.deepEqual(server.lines({ level: 'error' }), []);
  // Nor can another worker be started from there by a user who may not go there, and yet it is.
  const from = server.mark;
  for (const { pid } of server.lines({ msg: 'worker.ready' })) process.kill(Number(pid), 'SIGKILL');
  assert.equal((await client.ended()).wasUp, true);
  for (const worker of [0, 1]) await server.line({ msg: 'worker.ready', worker }, from);
  const again = lab.connect({ user, password });
  await again.up();
  assert.equal((await server.stop()).status, 0);
  assert.equal((await again.ended()).wasUp, true);
});

test('programs that somebody planted where npm looks first are run by neither server, client nor doctor', {
  skip,
}, async (t) => {
  const lab = await makeLab(t);
  const planted = join(lab.folder, 'node_modules/.bin');
  mkdirSync(planted, { recursive: true });
  const mark = join(lab.folder, 'was-run');
  for (const name of ['ip', 'nft', 'iptables-legacy', 'iptables', 'ping']) {
    writeFileSync(join(planted, name), `#!/bin/sh\necho "$0 $*" >> ${mark}\nexit 1\n`, { mode: 0o755 });
  }
  const server = lab.launch(`PATH="${planted}:$PATH"; exec "$@"`);
  await server.line({ msg: 'server.started' });
  await lab.server.exec(process.execPath, [SSTPD, 'user', 'add', USER, '--password-stdin', '--data', lab.data], {
    input: PASSWORD,
  });
  const script = 'PATH="$1:$PATH"; shift; exec "$@"';
  const inFront = (words: readonly string[]): string[] => [
    '-c',
    script,
    'sh',
    planted,
    process.execPath,
    SSTPD,
    ...words,
  ];
  const doctor = await lab.server.exec('sh', inFront(['doctor', '--data', lab.data]));
  assert.match(doctor.stdout, /NAT/);
  const up = ['connect', SERVER, '--user', USER, '--ca', join(lab.data, 'ca.pem'), '--json', '--default-route'];
  const client = new SstpdProcess(lab.client(), ['sh', ...inFront(up)], { SSTPD_PASSWORD: PASSWORD });
  await client.line({ event: 'up', ipv4: /./ });
  await client.stop();
  assert.equal((await server.stop()).status, 0);
  assert.equal(existsSync(mark), false);
});
