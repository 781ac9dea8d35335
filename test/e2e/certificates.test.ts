/** Certificates that change while the server runs: new connections get the new one, sessions stay. */
import assert from 'node:assert/strict';
import { chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { put, RUN_UID, TestAuthority } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { tunMissing } from '../support/netns.ts';
import { OcspAuthority, RESPONDER } from '../support/ocsp.ts';
import { SstpdProcess } from '../support/sstpd-process.ts';
import { INSIDE, PASSWORD, SERVER, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;
const issuer = new TestAuthority();

async function makeLab(t: TestContext): Promise<VpnLab> {
  const lab = await VpnLab.create();
  t.after(() => lab.destroy());
  // Of a version before, so that it is known whom the server becomes.
  mkdirSync(lab.data, { mode: 0o700 });
  chownSync(lab.data, RUN_UID, RUN_UID);
  return lab;
}

/** SHA-256 of the certificate that a new connection is shown. */
async function shown(lab: VpnLab, ...args: string[]): Promise<string> {
  const script = `openssl s_client -connect ${SERVER}:443 ${args.join(' ')} </dev/null 2>/dev/null |
    openssl x509 -noout -fingerprint -sha256`;
  return (await lab.client().run('sh', ['-c', script])).trim().split('=')[1] ?? '';
}

for (const workers of ['1', '2']) {
  test(`renewed files are served without a restart, sessions stay, workers: ${workers}`, { skip }, async (t) => {
    const lab = await makeLab(t);
    const [first, second, third] = [issuer.issue(SERVER), issuer.issue(SERVER), issuer.issue(SERVER)];
    const caFile = issuer.writeTo(lab.folder);
    const cert = put(lab.folder, 'cert.pem', first.certificatePem);
    const key = put(lab.folder, 'key.pem', first.keyPem);
    const server = await lab.serveAnn({ args: ['--cert', cert, '--key', key, '--workers', workers] });
    assert.doesNotMatch(server.process.text, /WARNING: .*(cert|key)\.pem/);
    const before = lab.connect({ caFile });
    await before.up();
    assert.equal(await shown(lab), first.fingerprint);

    // Half of it is not taken, and said once.
    put(lab.folder, 'cert.pem', second.certificatePem);
    const { error } = await server.logged('certificate.not-renewed');
    assert.match(String(error), /key\.pem: not the key of the certificate in .*cert\.pem/);
    assert.equal(await shown(lab), first.fingerprint);

    put(lab.folder, 'key.pem', second.keyPem);
    await server.logged('certificate.renewed', { sha256: second.fingerprint });
    for (let i = 0; i < 6; i += 1) assert.equal(await shown(lab), second.fingerprint);
    // The hash of the new certificate is in its Crypto Binding.
    const after = lab.connect({ caFile });
    await after.up();
    for (const client of [before, after]) await client.netns.run('ping', ['-c', '1', '-W', '5', INSIDE]);
    assert.equal((await server.sessions()).length, 2);
    assert.equal(server.log('certificate.not-renewed').length, 1);

    if (workers !== '1') {
      // A worker that starts later has never heard of the first certificate.
      const pid = server.pids.at(-1) ?? assert.fail();
      const { mark } = server;
      process.kill(pid, 'SIGKILL');
      await server.logged('worker.ready', {}, mark);
      for (let i = 0; i < 8; i += 1) assert.equal(await shown(lab), second.fingerprint);
    }
    put(lab.folder, 'key.pem', third.keyPem);
    put(lab.folder, 'cert.pem', third.certificatePem);
    await server.logged('certificate.renewed', { sha256: third.fingerprint });
    for (let i = 0; i < 6; i += 1) assert.equal(await shown(lab), third.fingerprint);
    assert.equal((await server.stop()).status, 0);
  });
}

test('files that the server can no longer read once it has given up root are told of at the start', {
  skip,
}, async (t) => {
  const lab = await makeLab(t);
  const pair = issuer.issue(SERVER);
  const cert = put(lab.folder, 'cert.pem', pair.certificatePem);
  const key = `${lab.folder}/root.key`;
  writeFileSync(key, pair.keyPem, { mode: 0o600 });
  const server = await lab.serve({ args: ['--cert', cert, '--key', key] });
  await server.process.printed(/ {2}note +WARNING: \S+root\.key can't be read by uid 88443/);
  await server.logged('certificate.unreadable', { file: key });
  assert.equal(await shown(lab), pair.fingerprint);
  assert.equal((await server.stop()).status, 0);
});

/** What the client's machine resolves, for as long as the test runs. */
function nameServer(t: TestContext, lab: VpnLab, names: readonly string[]): void {
  const folder = `/etc/netns/${lab.client().name}`;
  mkdirSync(folder, { recursive: true });
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(`${folder}/hosts`, names.map((name) => `${SERVER} ${name}\n`).join(''));
}

test('several certificates: each name gets its own, and the Crypto Binding holds for each', { skip }, async (t) => {
  const lab = await makeLab(t);
  const names = ['vpn.one.test', 'vpn.two.test', 'any.two.test'];
  nameServer(t, lab, names);
  const pairs = [issuer.issue('vpn.one.test', SERVER), issuer.issue('*.two.test'), issuer.issue('vpn.two.test')];
  const args = pairs.flatMap(({ certificatePem, keyPem }, i) => [
    ...['--cert', put(lab.folder, `cert-${i}.pem`, certificatePem)],
    ...['--key', put(lab.folder, `key-${i}.pem`, keyPem)],
  ]);
  const server = await lab.serveAnn({ args });
  const caFile = issuer.writeTo(lab.folder);
  const expected = { 'vpn.one.test': 0, [SERVER]: 0, 'vpn.two.test': 2, 'any.two.test': 1, 'other.test': 0 };
  for (const [name, index] of Object.entries(expected)) {
    for (const version of ['-tls1_2', '-tls1_3']) {
      const sni = name === SERVER ? '-noservername' : `-servername ${name}`;
      assert.equal(await shown(lab, sni, version), pairs[index]?.fingerprint, `${name} ${version}`);
    }
  }
  for (const to of [...names, SERVER]) {
    const client = lab.connect({ to, caFile, password: PASSWORD });
    await client.up();
    await client.stop();
  }
  // One of them is renewed: the others stay.
  const renewed = issuer.issue('*.two.test');
  put(lab.folder, 'cert-1.pem', renewed.certificatePem);
  put(lab.folder, 'key-1.pem', renewed.keyPem);
  await server.logged('certificate.renewed', { sha256: renewed.fingerprint });
  assert.equal(await shown(lab, '-servername any.two.test'), renewed.fingerprint);
  assert.equal(await shown(lab, '-servername vpn.two.test'), pairs[2]?.fingerprint);
  assert.equal((await server.stop()).status, 0);
});

for (const workers of ['1', '2']) {
  test(`an OCSP response is stapled when the certificate names a responder, workers: ${workers}`, {
    skip,
  }, async (t) => {
    const lab = await makeLab(t);
    const authority = new OcspAuthority(lab.folder, `IP:${SERVER}`);
    const cert = put(lab.folder, 'cert.pem', authority.chainPem);
    const key = put(lab.folder, 'key.pem', authority.keyPem);
    const status = async (version: string): Promise<string> => {
      const script = `openssl s_client -connect ${SERVER}:443 ${version} -status </dev/null 2>/dev/null`;
      return await lab.client().run('sh', ['-c', script]);
    };
    const server = await lab.serveAnn({ args: ['--cert', cert, '--key', key, '--workers', workers] });
    // Nobody answers yet: none is stapled, and that is said.
    const { error } = await server.logged('certificate.no-staple', { responder: RESPONDER });
    assert.match(String(error), /ECONNREFUSED/);
    assert.match(await status('-tls1_3'), /OCSP response: no response sent/);
    assert.equal((await server.stop()).status, 0);

    const openssl = [...authority.responderArgs(), '-port', '8888', '-nmin', '60'];
    const responder = new SstpdProcess(lab.server, [
      'sh',
      '-c',
      `cd ${lab.folder}; exec openssl "$@"`,
      'sh',
      ...openssl,
    ]);
    await responder.printed(/waiting for OCSP client connections/);
    const again = await lab.serve({ args: ['--cert', cert, '--key', key, '--workers', workers] });
    await again.logged('certificate.stapled', { responder: RESPONDER });
    for (const version of ['-tls1_2', '-tls1_3']) {
      await eventually(`a good response with ${version}`, async () => /Cert Status: good/.test(await status(version)));
      for (let i = 0; i < 4; i += 1) {
        assert.match(await status(version), /OCSP Response Status: successful[\s\S]*Cert Status: good/);
      }
    }
    const client = lab.connect({ caFile: `${lab.folder}/ca.pem` });
    await client.up();
    assert.equal((await again.stop()).status, 0);
  });
}
