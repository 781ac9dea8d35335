/** Certificates from an ACME authority, against Debian's pebble: issued, renewed and used while the server runs. */
import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { tunMissing } from '../support/netns.ts';
import { Pebble, type PebbleOptions } from '../support/pebble.ts';
import { SstpdServer } from '../support/sstpd-server.ts';
import { INSIDE, PASSWORD, POOL, SERVER, USER, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;
const NAMES = ['vpn.example.test', 'other.example.test'];
const LONG = 86_400;

interface Place {
  readonly lab: VpnLab;
  readonly pebble: Pebble;
  serve(args?: readonly string[], env?: NodeJS.ProcessEnv): Promise<SstpdServer>;
}

async function makePlace(t: TestContext, options: Partial<PebbleOptions> = {}): Promise<Place> {
  const lab = await VpnLab.create();
  t.after(() => lab.destroy());
  const folder = `/etc/netns/${lab.client().name}`;
  mkdirSync(folder, { recursive: true });
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(`${folder}/hosts`, NAMES.map((name) => `${SERVER} ${name}\n`).join(''));
  const usual = { folder: lab.folder, netns: lab.server, address: SERVER, validSeconds: LONG };
  const pebble = await Pebble.start({ ...usual, ...options });
  const serve: Place['serve'] = (args = [], env = {}) =>
    SstpdServer.start({
      netns: lab.server,
      data: lab.data,
      args: [
        ...NAMES.flatMap((name) => ['--host', name]),
        ...['--listen', `${SERVER}:443`, '--pool', POOL, '--acme', '--acme-agree-tos', ...args],
      ],
      env: { SSTPD_TLS_ACME_DIRECTORY: pebble.directory, NODE_EXTRA_CA_CERTS: pebble.apiRoot, ...env },
    });
  return { lab, pebble, serve };
}

/** SHA-256 of the certificate that a new connection is shown. */
async function shown(lab: VpnLab): Promise<string> {
  const script = `openssl s_client -connect ${SERVER}:443 -servername ${NAMES[0]} </dev/null 2>/dev/null |
    openssl x509 -noout -fingerprint -sha256`;
  return (await lab.client().run('sh', ['-c', script])).trim().split('=')[1] ?? '';
}

test('tls-alpn-01 with workers: issued, used, and renewed before its end, with the session kept', {
  skip,
}, async (t) => {
  const { lab, pebble, serve } = await makePlace(t, { validSeconds: 30, rejectsNonces: true });
  const server = await serve(['--workers', '2', '--acme-email', 'me@example.com']);
  await server.process.printed(/ {2}note +a certificate for vpn\.example\.test, other\.example\.test is being ordered/);
  const first = await server.logged('certificate.renewed');
  assert.deepEqual(first.names, NAMES);
  assert.equal(await shown(lab), first.sha256);
  await server.addUser(USER, PASSWORD);
  const client = lab.connect({ to: NAMES[1] ?? '', caFile: await pebble.root() });
  await client.up();
  const second = await eventually('a renewal', () => server.log('certificate.renewed')[1], 60_000);
  assert.notEqual(second.sha256, first.sha256);
  // At two thirds of 30 s.
  const remaining = Date.parse(String(first.until)) - Date.now();
  assert.ok(remaining > 0 && remaining < 12_000, `${remaining} ms before its end`);
  for (let i = 0; i < 4; i += 1) assert.equal(await shown(lab), server.log('certificate.renewed').at(-1)?.sha256);
  await client.netns.run('ping', ['-c', '1', '-W', '5', INSIDE]);
  assert.equal((await server.sessions()).length, 1);
  assert.equal((await server.stop()).status, 0);
});

for (const [version, args, env] of [
  ['TLSv1.2', ['--workers', '1'], { SSTPD_TLS_MAX_VERSION: 'TLSv1.2' }],
  ['TLSv1.3', ['--workers', '2'], { SSTPD_TLS_MIN_VERSION: 'TLSv1.3' }],
] as const) {
  test(`tls-alpn-01 under ${version}; a restart uses the certificate that is there`, { skip }, async (t) => {
    const { lab, serve } = await makePlace(t);
    const server = await serve(args, env);
    const { sha256 } = await server.logged('certificate.renewed');
    const challenges = server.log('tls.acme-challenge');
    assert.ok(challenges.length >= NAMES.length);
    for (const challenge of challenges) assert.equal(challenge.version, version);
    assert.equal(await shown(lab), sha256);
    assert.deepEqual(server.log('tls.failed'), []);
    const doctor = (await server.run(['doctor'])).stdout;
    assert.ok(doctor.includes(String(sha256).replaceAll(':', '').toLowerCase()), doctor);
    assert.doesNotMatch(doctor, /certificate served/);
    assert.equal((await server.stop()).status, 0);
    for (const file of ['acme.json', 'acme-account.key']) {
      assert.equal(lstatSync(join(lab.data, file)).mode & 0o777, 0o600, file);
    }
    const account = readFileSync(join(lab.data, 'acme-account.key'), 'utf8');

    const again = await serve(args, env);
    assert.equal(await shown(lab), sha256);
    assert.deepEqual(again.log('certificate.ordering'), []);
    assert.equal(readFileSync(join(lab.data, 'acme-account.key'), 'utf8'), account);
    assert.equal((await again.stop()).status, 0);
  });
}

test('http-01: port 80 answers while the order is under way, and no longer', { skip }, async (t) => {
  const { lab, serve } = await makePlace(t);
  const server = await serve([], { SSTPD_TLS_ACME_CHALLENGE: 'http-01' });
  const { sha256 } = await server.logged('certificate.renewed');
  assert.equal(await shown(lab), sha256);
  assert.deepEqual(server.log('tls.acme-challenge'), []);
  assert.equal((await lab.server.run('ss', ['-Hltn', 'sport', '=', ':80'])).trim(), '');
  assert.equal((await server.stop()).status, 0);
});

test('names that lead elsewhere: one line with the cause, and the own certificate serves', { skip }, async (t) => {
  const { lab, serve } = await makePlace(t, { address: '127.0.0.1' });
  const server = await serve();
  const { error, level } = await server.logged('certificate.not-renewed');
  assert.equal(level, 'error');
  assert.match(
    String(error),
    /^ACME: no certificate from https:\/\/localhost:14000\/dir: Failed to connect to 127\.0\.0\.1:443 .* \(port 443 of vpn\.example\.test, .* must lead here/,
  );
  assert.match(String(error), /; the next try is in 5 minutes$/);
  const script = `openssl s_client -connect ${SERVER}:443 -CAfile ${lab.data}/ca.pem -verify_return_error </dev/null`;
  await lab.client().run('sh', ['-c', script]);
  assert.equal((await server.stop()).status, 0);
});

test('an authority that can not be reached, or is not trusted, is named', { skip }, async (t) => {
  const { serve } = await makePlace(t);
  for (const [env, says] of [
    [{ SSTPD_TLS_ACME_DIRECTORY: 'https://localhost:14999/dir' }, /14999\/dir can't be reached \(ECONNREFUSED\)/],
    [{ NODE_EXTRA_CA_CERTS: '' }, /the certificate of https:\S+ is not trusted .* NODE_EXTRA_CA_CERTS/],
  ] as const) {
    const server = await serve([], env);
    const { error } = await server.logged('certificate.not-renewed');
    assert.match(String(error), says);
    assert.equal((await server.stop()).status, 0);
  }
});
