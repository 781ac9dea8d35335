/** What `sstpd explain` says of real clients that can't connect; the other ways are in test/server/attempts. */
// Needs: openssl
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AttemptView } from '../../admin/index.ts';
import { around } from '../support/around.ts';
import { eventually } from '../support/eventually.ts';
import { tunMissing } from '../support/netns.ts';
import { SSTPD, SstpdProcess } from '../support/sstpd-process.ts';
import type { SstpdServer } from '../support/sstpd-server.ts';
import { PASSWORD, SERVER, USER, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;

let lab: VpnLab;
let server: SstpdServer;

around(
  async () => {
    if (skip) return;
    lab = await VpnLab.create();
    server = await lab.serveAnn({ args: ['--workers', '2', '--host', 'vpn.example.com'] });
  },
  () => lab?.destroy(),
);

/** Runs `openssl s_client` against the server, which checks what it is told to. */
async function sClient(...args: string[]): Promise<void> {
  const command = ['openssl', 's_client', '-connect', `${SERVER}:443`, '-verify_return_error', ...args];
  await lab.client().exec('sh', ['-c', `${command.join(' ')} < /dev/null`]);
}

/** The record of the newest attempt, once there is one more than before. */
async function newest(of: SstpdServer, work: () => Promise<unknown>): Promise<AttemptView> {
  const all = async (): Promise<AttemptView[]> => JSON.parse(await of.must(['explain', '--json'])) as AttemptView[];
  const known = (await all()).length;
  await work();
  return eventually('a record of the attempt', async () => {
    const list = await all();
    const last = list.at(-1);
    return list.length > known && last?.state !== 'under-way' ? last : undefined;
  });
}

for (const { code, args, text } of [
  { code: '0x800B0109', args: [], text: /did not trust the certificate .*unknown_ca/ },
  {
    code: '0x800B010F',
    args: ['-servername', 'other.example.com', '-verify_hostname', 'other.example.com', '-CAfile', 'CA'],
    text: /dialled other\.example\.com, and the certificate is for .*vpn\.example\.com/,
  },
  {
    code: '0x80090326',
    args: ['-tls1_2', '-cipher', 'AES128-SHA'],
    text: /none of its ciphers and groups, in common: it offered TLSv1\.2 with AES128-SHA/,
  },
]) {
  test(`${code}: ${text.source}`, { skip }, async () => {
    const words = args.map((word) => (word === 'CA' ? server.caFile : word));
    const view = await newest(server, () => sClient(...words));
    assert.equal(view.explanation?.code, code, JSON.stringify(view));
    assert.match(view.explanation?.text ?? '', text);
    assert.equal(view.stage, 'tls');
  });
}

test('a web browser that does not know the CA yet leaves no record, the client after it does', { skip }, async () => {
  await sClient('-alpn', 'h2,http/1.1');
  const before = JSON.parse(await server.must(['explain', '--json'])) as AttemptView[];
  const view = await newest(server, () => sClient('-alpn', 'http/1.1'));
  assert.equal(view.explanation?.code, '0x800B0109', JSON.stringify(view));
  const after = JSON.parse(await server.must(['explain', '--json'])) as AttemptView[];
  assert.equal(after.length, before.length + 1);
  assert.ok(after.every(({ offered }) => !offered?.protocols.includes('h2')));
});

test('TLS and a close may be a health check, and the record says so', { skip }, async () => {
  const words = ['-connect', `${SERVER}:443`, '-servername', 'vpn.example.com', '-CAfile', server.caFile];
  const view = await newest(server, () =>
    lab.client().exec('sh', ['-c', `openssl s_client -verify_return_error ${words.join(' ')} < /dev/null`]),
  );
  assert.match(view.explanation?.text ?? '', /did not trust .*, or only looked whether this port answers/);
  assert.match(view.explanation?.fix ?? '', /^If it was a VPN client: /);
});

test('0x80072746: reset in the middle of the handshake', { skip }, async () => {
  const script = `const s = require('node:net').connect(443, '${SERVER}', () => {
    s.write(Buffer.from('160301020001', 'hex'), () => setTimeout(() => s.resetAndDestroy(), 200)); });`;
  const view = await newest(server, () => lab.client().run(process.execPath, ['-e', script]));
  assert.equal(view.explanation?.code, '0x80072746', JSON.stringify(view));
});

test('0x800B0101: the certificate has ended since the start', { skip }, async (t) => {
  const own = await VpnLab.create();
  t.after(() => own.destroy());
  const [cert, key] = [join(own.folder, 'cert.pem'), join(own.folder, 'key.pem')];
  const seconds = (from: number): string =>
    new Date(Date.now() + from * 1000).toISOString().replace(/[-T:]|\.\d+/g, '');
  const [made, ended] = [seconds(-3600), seconds(25)];
  // OpenSSL 3.0 sets dates to the second only for what an authority signs.
  const config = own.file(
    'ca.cnf',
    `[ca]\ndefault_ca = d\n[d]\ndatabase = ${own.file('index.txt', '')}\nnew_certs_dir = ${own.folder}\nrand_serial = yes\n` +
      'default_md = sha256\npolicy = p\nx509_extensions = e\n[p]\ncommonName = supplied\n' +
      `[e]\nextendedKeyUsage = serverAuth\nsubjectAltName = IP:${SERVER}\n`,
  );
  const openssl = (...words: string[]): void => void execFileSync('openssl', words, { stdio: 'pipe' });
  const csr = join(own.folder, 'csr.pem');
  openssl('req', '-new', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=short', '-keyout', key, '-out', csr);
  openssl(
    ...['ca', '-batch', '-selfsign', '-config', config, '-keyfile', key, '-in', csr, '-out', cert, '-notext'],
    ...['-startdate', made, '-enddate', ended],
  );
  const short = await own.serve({ args: ['--cert', cert, '--key', key] });
  await sleep(Math.max(0, 26_000 - (Date.now() - (Date.parse(isoOf(ended)) - 25_000))));
  const view = await newest(short, async () => {
    const words = ['s_client', '-connect', `${SERVER}:443`, '-verify_return_error', '-CAfile', cert];
    await own.client().exec('sh', ['-c', `openssl ${words.join(' ')} < /dev/null`]);
  });
  assert.equal(view.explanation?.code, '0x800B0101', JSON.stringify(view));
  assert.match(view.explanation?.text ?? '', /The certificate ended on/);
});

/** 20260101120000Z as ISO 8601. */
function isoOf(text: string): string {
  return text.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
}

test('0x80070040: a certificate that is not for servers is refused at the start', { skip }, async (t) => {
  const own = await VpnLab.create();
  t.after(() => own.destroy());
  const [cert, key] = [join(own.folder, 'cert.pem'), join(own.folder, 'key.pem')];
  const extensions = ['-addext', 'basicConstraints=CA:FALSE', '-addext', 'extendedKeyUsage=clientAuth'];
  const files = ['-keyout', key, '-out', cert];
  const words = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${SERVER}`, ...files, ...extensions];
  execFileSync('openssl', words, { stdio: 'pipe' });
  const refused = own.launch('exec "$@"', { args: ['--cert', cert, '--key', key] });
  assert.equal((await refused.end()).status, 1);
  assert.match(refused.text, /sstpd: .*extendedKeyUsage=serverAuth/);
});

test('a login: by user, by id, by correlation id, in full and in a line; followed while it happens', {
  skip,
}, async () => {
  const following = new SstpdProcess(lab.server, [
    ...[process.execPath, SSTPD, 'explain', '--follow', '--user', USER, '--data', server.data],
  ]);
  await sleep(1_500);
  const view = await newest(server, async () => {
    await lab.connect({ password: 'wrong' }).ended();
  });
  assert.equal(view.explanation?.code, '691');
  await following.printed(/failed at authentication: The password is wrong\. \(691\)/);
  following.child.kill('SIGINT');
  await following.end();

  const client = lab.connect({ password: PASSWORD });
  await client.up();
  const last = await server.must(['explain', '--last']);
  assert.match(last, /outcome +up/);
  assert.match(last, /stages +tls [\d.]+ ms, http/);
  assert.match(last, /IPCP Configure-Request/);
  await client.stop();
  const [byUser, byId, byCorrelation] = [
    await server.must(['explain', '--user', 'ANN']),
    await server.must(['explain', view.id]),
    await server.must(['explain', view.correlationId ?? '']),
  ];
  assert.match(byUser, /failed at authentication.*\n.*ended: The client hung up\./);
  assert.match(byId, /Windows shows +691/);
  assert.equal(byCorrelation, byId);
  const unknown = await server.run(['explain', 'deadbeef']);
  assert.deepEqual([unknown.code, unknown.stderr], [1, 'sstpd: no attempt deadbeef is known\n']);
});
