/** Proxies in front of the server, by the recipes of docs/one-port.md, with the real programs. */
// Needs: curl, haproxy, nginx, /usr/lib/nginx/modules/ngx_stream_module.so
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { AttemptView } from '../../admin/index.ts';
import { eventually } from '../support/eventually.ts';
import { tunMissing } from '../support/netns.ts';
import { SstpdProcess } from '../support/sstpd-process.ts';
import type { SstpdServer } from '../support/sstpd-server.ts';
import { INSIDE, SERVER, VpnLab } from '../support/vpn-lab.ts';

const NGINX_STREAM = '/usr/lib/nginx/modules/ngx_stream_module.so';
const missing = (...files: string[]): string | undefined => {
  const lacking = files.filter((file) => !existsSync(file));
  return lacking.length === 0 ? undefined : `needs ${lacking.join(', ')}`;
};
const skip = tunMissing() ?? missing('/usr/sbin/haproxy', '/usr/sbin/nginx', NGINX_STREAM) ?? false;

const GUIDE = readFileSync(join(import.meta.dirname, '../../docs/one-port.md'), 'utf8');
/** Where the proxy listens; the server has its usual port. */
const FRONT = 8443;

/** A recipe of the guide for the places of the lab: only addresses and ports are replaced. */
function recipe(language: string, index = 0): string {
  const blocks = [...GUIDE.matchAll(new RegExp(`\`\`\`${language}\\n(.+?)\`\`\``, 'gs'))];
  const text = blocks[index]?.[1];
  assert.ok(text !== undefined, `docs/one-port.md has a recipe for ${language}`);
  return text
    .replaceAll('127.0.0.1:4443', `${SERVER}:443`)
    .replace('bind :443', `bind ${SERVER}:${FRONT}`)
    .replace('listen 443', `listen ${SERVER}:${FRONT}`);
}

async function makeLab(t: TestContext): Promise<VpnLab> {
  const lab = await VpnLab.create();
  t.after(() => lab.destroy());
  return lab;
}

async function answers(lab: VpnLab, port: number): Promise<void> {
  const script = `exec 3<>/dev/tcp/${SERVER}/${port}`;
  await eventually(`port ${port} answers`, async () => (await lab.server.exec('bash', ['-c', script])).code === 0);
}

async function startHaproxy(lab: VpnLab): Promise<SstpdProcess> {
  const proxy = new SstpdProcess(lab.server, ['haproxy', '-db', '-f', lab.file('haproxy.cfg', recipe('haproxy'))]);
  await answers(lab, FRONT);
  return proxy;
}

async function startNginx(lab: VpnLab): Promise<SstpdProcess> {
  mkdirSync(join(lab.folder, 'nginx'));
  const head = [
    `load_module ${NGINX_STREAM};`,
    'daemon off;',
    `pid ${lab.folder}/nginx/pid;`,
    `error_log ${lab.folder}/nginx/error.log;`,
    'events {}',
  ];
  const file = lab.file('nginx.conf', `${head.join('\n')}\n${recipe('nginx')}`);
  const proxy = new SstpdProcess(lab.server, [
    'nginx',
    '-p',
    lab.folder,
    '-e',
    `${lab.folder}/nginx/error.log`,
    '-c',
    file,
  ]);
  await answers(lab, FRONT);
  return proxy;
}

/** SHA-256 and SHA-1 of the certificate in a PEM file, and the file that HAProxy wants: certificate, chain and key. */
async function inFront(
  lab: VpnLab,
): Promise<{ readonly sha256: string; readonly sha1: string; readonly file: string }> {
  const [pem, key] = ['server.pem', 'server.key'].map((name) => readFileSync(join(lab.data, name), 'utf8'));
  const { raw } = new X509Certificate(pem ?? '');
  const hash = (name: string): string => createHash(name).update(raw).digest('hex');
  return { sha256: hash('sha256'), sha1: hash('sha1'), file: lab.file('vpn.pem', `${pem}${key}`) };
}

async function attempts(server: SstpdServer): Promise<AttemptView[]> {
  return JSON.parse(await server.must(['explain', '--json'])) as AttemptView[];
}

for (const { name, start } of [
  { name: 'HAProxy (version 2)', start: startHaproxy },
  { name: 'nginx (version 1)', start: startNginx },
]) {
  test(`${name}: a client behind it is known by its own address, one without it by its own too`, {
    skip,
  }, async (t) => {
    const lab = await makeLab(t);
    const args = ['--proxy-from', SERVER, '--workers', '2', '--log-level', 'debug'];
    const server = await lab.serveAnn({ args });
    const proxy = await start(lab);
    const client = lab.connect({ to: `${SERVER}:${FRONT}` });
    await client.up();
    await client.netns.run('ping', ['-c', '3', '-i', '0.2', '-W', '5', INSIDE]);
    const [session] = await server.sessions();
    assert.match(session?.peer ?? '', /^198\.18\.1\.2:\d+$/);
    const page = await lab.client().run('curl', ['-sk', `https://${SERVER}:${FRONT}/`]);
    assert.match(page, /It works/);

    const { code, stdout } = await server.run(['doctor']);
    assert.equal(code, 0, stdout);
    const direct = lab.connect();
    await direct.up();
    assert.equal((await server.sessions()).length, 2);
    await direct.stop();
    await client.stop();
    const seen = await eventually('both attempts', async () => {
      const all = await attempts(server);
      return all.length === 2 && all;
    });
    assert.deepEqual(
      seen.map(({ peer }) => peer.split(':')[0]),
      ['198.18.1.2', '198.18.1.2'],
    );
    await proxy.stop('SIGTERM');
    assert.equal((await server.stop()).status, 0);
  });
}

test('health checks of HAProxy, by LOCAL headers, find the server up and leave no record', { skip }, async (t) => {
  const lab = await makeLab(t);
  const server = await lab.serve({ args: ['--proxy-from', SERVER, '--workers', '1', '--log-level', 'debug'] });
  const proxy = await startHaproxy(lab);
  // HAProxy ends a check by a reset: most are over before the connection has been accepted.
  await eventually('a check', () => server.process.lines({ msg: /^(?:tls|proxy)\.probe$/ }).length > 0);
  assert.deepEqual(await attempts(server), []);
  assert.deepEqual(server.log('tls.failed'), []);
  assert.deepEqual(server.log('proxy.refused'), []);
  assert.doesNotMatch(proxy.text, /sstpd\/sstpd is DOWN/);
  await server.stop();
  await proxy.printed(/sstpd\/sstpd is DOWN/);
});

test('a listed address without a header is cut off, and the log says so', { skip }, async (t) => {
  const lab = await makeLab(t);
  const server = await lab.serve({ args: ['--proxy-from', '198.18.1.0/30', '--workers', '1'] });
  const { code } = await lab.client().exec('curl', ['-sk', '--max-time', '10', `https://${SERVER}/`]);
  assert.notEqual(code, 0);
  const line = await server.logged('proxy.refused');
  assert.match(String(line.proxy), /^198\.18\.1\.2:\d+$/);
  assert.equal(line.reason, 'no PROXY header');
  // With one, curl is the client that it says, and a limit of that client's counts.
  const header = ['--haproxy-protocol', '-sk', `https://${SERVER}/`];
  assert.match(await lab.client().run('curl', header), /It works/);
});

for (const { name, fallback, prepare, page } of [
  {
    name: 'the files of a folder',
    fallback: (lab: VpnLab) => join(lab.folder, 'site'),
    prepare: (lab: VpnLab) => {
      mkdirSync(join(lab.folder, 'site'));
      lab.file('site/index.html', 'a site of its own');
    },
    page: /^a site of its own$/,
  },
  { name: 'another web server', fallback: () => `http://${SERVER}:8080`, page: /^\/some\/place of 198\.18\.1\.2$/ },
  { name: '404', fallback: () => '404', page: /404 Not Found/ },
]) {
  test(`on the port of the VPN: ${name}`, { skip }, async (t) => {
    const lab = await makeLab(t);
    prepare?.(lab);
    const answer = "(q, a) => a.end(q.url + ' of ' + q.headers['x-forwarded-for'])";
    const script = `require('http').createServer(${answer}).listen(8080, '${SERVER}', () => console.log('ready'))`;
    await new SstpdProcess(lab.server, [process.execPath, '-e', script]).printed(/^ready$/);
    const server = await lab.serveAnn({ args: ['--fallback', fallback(lab), '--workers', '2'] });
    const client = lab.connect();
    await client.up();
    const place = name === 'another web server' ? 'some/place' : '';
    assert.match(await lab.client().run('curl', ['-sk', '--http2', `https://${SERVER}/${place}`]), page);
    await client.netns.run('ping', ['-c', '2', '-i', '0.2', '-W', '5', INSIDE]);
    assert.equal((await server.stop()).status, 0);
  });
}

test('a folder that the server can not read is refused at the start, in one line', { skip }, async (t) => {
  const lab = await makeLab(t);
  mkdirSync(join(lab.folder, 'closed'), { mode: 0o700 });
  const refused = lab.launch('exec "$@"', { args: ['--fallback', join(lab.folder, 'closed')] });
  assert.equal((await refused.end()).status, 1);
  assert.match(refused.text, /^sstpd: http\.fallback: .*\/closed \(EACCES\): chmod/m);
});

for (const { name, hashes, isUp } of [
  { name: 'SHA-256 alone', hashes: (sha256: string) => ['--offload-sha256', sha256], isUp: true },
  {
    name: 'both hashes',
    hashes: (sha256: string, sha1: string) => ['--offload-sha256', sha256, '--offload-sha1', sha1],
    isUp: true,
  },
  { name: 'the hash of another certificate', hashes: () => ['--offload-sha256', 'ab'.repeat(32)], isUp: false },
]) {
  test(`TLS ends at HAProxy, with ${name}: the Crypto Binding ${isUp ? 'holds' : 'does not'}`, { skip }, async (t) => {
    const lab = await makeLab(t);
    await (await lab.serveAnn({ args: ['--workers', '1'] })).stop();
    const { sha256, sha1, file } = await inFront(lab);
    const place = ['--offload-listen', `${SERVER}:8080`, '--proxy-from', SERVER, '--workers', '2'];
    const server = await lab.serve({ args: [...place, ...hashes(sha256, sha1)] });
    const text = recipe('haproxy', 1).replace('127.0.0.1:8080', `${SERVER}:8080`).replace('/etc/haproxy/vpn.pem', file);
    new SstpdProcess(lab.server, ['haproxy', '-db', '-f', lab.file('haproxy.cfg', text)]);
    await answers(lab, FRONT);
    const client = lab.connect({ to: `${SERVER}:${FRONT}` });
    if (!isUp) {
      assert.equal((await client.ended()).wasUp, false);
      assert.deepEqual((await server.logged('sstp.binding-failed')).wrong, ['certificate-hash']);
      return;
    }
    await client.up();
    await client.netns.run('ping', ['-c', '3', '-i', '0.2', '-W', '5', INSIDE]);
    const [session] = await server.sessions();
    assert.match(session?.peer ?? '', /^198\.18\.1\.2:\d+$/);
    assert.match(await lab.client().run('curl', ['-sk', `https://${SERVER}:${FRONT}/`]), /It works/);
    const { code, stdout } = await server.run(['doctor']);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^warning +port without TLS 198\.18\.0\.1:8080 /m);
    await client.stop();
    assert.equal((await server.stop()).status, 0);
  });
}
