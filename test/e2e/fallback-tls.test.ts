/** Another web server that speaks TLS, behind the VPN port: a worker in its cage, which opens no file, checks whom it talks to. */
// Needs: curl
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { put, TestAuthority } from '../support/certificates.ts';
import { tunMissing } from '../support/netns.ts';
import { SstpdProcess } from '../support/sstpd-process.ts';
import { INSIDE, SERVER, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;

/** Says what it was asked, and prints it. Its certificate is the first argument, the key the second. */
const SITE = `const { createHash } = require('crypto'), { readFileSync } = require('fs');
  const [cert, key] = process.argv.slice(1).map((file) => readFileSync(file));
  require('https').createServer({ cert, key }, (request, response) => {
    const hash = createHash('sha256');
    request.on('data', (chunk) => hash.update(chunk)).on('end', () => {
      const { host, 'x-forwarded-for': client } = request.headers;
      console.log('asked for ' + request.url);
      response.end(JSON.stringify({ host, client, url: request.url, body: hash.digest('hex') }));
    });
  }).listen(9443, () => console.log('ready'));`;

interface Site {
  readonly lab: VpnLab;
  readonly site: SstpdProcess;
  /** The authority that the site's certificate is of. */
  readonly trusted: string;
}

/** @param name whom the site's certificate is for */
async function makeSite(t: TestContext, name: string): Promise<Site> {
  const lab = await VpnLab.create();
  t.after(() => lab.destroy());
  const authority = new TestAuthority();
  const pair = authority.issue(name);
  const files = [put(lab.folder, 'site.pem', pair.certificatePem), put(lab.folder, 'site.key', pair.keyPem)];
  const site = new SstpdProcess(lab.server, [process.execPath, '-e', SITE, ...files]);
  await site.printed(/^ready$/);
  return { lab, site, trusted: authority.writeTo(lab.folder) };
}

for (const { name, url, cage } of [
  { name: 'by its name', url: 'https://localhost:9443', cage: { SSTPD_RUN_CAGE: 'require' } },
  { name: 'by its address', url: `https://${SERVER}:9443`, cage: { SSTPD_RUN_CAGE: 'require' } },
  { name: 'where there is no Landlock', url: 'https://localhost:9443', cage: { SSTPD_CAGE_ABI: '0' } },
]) {
  test(`another web server by TLS, ${name}: pages and uploads pass`, { skip }, async (t) => {
    const { hostname, host } = new URL(url);
    const { lab, trusted } = await makeSite(t, hostname);
    const env = { ...cage, NODE_EXTRA_CA_CERTS: trusted };
    const server = await lab.serveAnn({ args: ['--fallback', url, '--workers', '2'], env });
    const own = Number(server.status('Seccomp_filters'));
    for (const worker of server.pids.slice(1)) {
      assert.equal(server.status('Seccomp_filters', worker), String(own + 2), 'a worker in its cage');
    }
    const client = lab.connect();
    await client.up();
    const ask = (path: string, ...args: string[]): Promise<string> =>
      lab.client().run('curl', ['-sk', '--fail-with-body', ...args, `https://${SERVER}${path}`]);
    const nothing = createHash('sha256').digest('hex');
    // More than one connection to either worker, new ones and some that stayed open.
    for (let i = 0; i < 8; i++) {
      const said = JSON.parse(await ask(`/place/${i}`));
      assert.deepEqual(said, { host, client: '198.18.1.2', url: `/place/${i}`, body: nothing });
    }
    for (const bytes of [10, 65_536, 300_000]) {
      const upload = lab.file('upload', 'x'.repeat(bytes));
      const { body } = JSON.parse(await ask('/upload', '--data-binary', `@${upload}`));
      assert.equal(body, createHash('sha256').update('x'.repeat(bytes)).digest('hex'), `${bytes} bytes`);
    }
    await client.netns.run('ping', ['-c', '2', '-i', '0.2', '-W', '5', INSIDE]);
    assert.equal((await server.stop()).status, 0);
  });
}

for (const { name, of, trusts, fix } of [
  { name: 'of an authority that nobody named', of: 'localhost', trusts: false, fix: /NODE_EXTRA_CA_CERTS=FILE/ },
  { name: 'for another name', of: 'elsewhere.example', trusts: true, fix: /as its certificate does/ },
]) {
  test(`another web server with a certificate ${name} is told nothing, and the log says why`, { skip }, async (t) => {
    const { lab, site, trusted } = await makeSite(t, of);
    const env = trusts ? { NODE_EXTRA_CA_CERTS: trusted } : { NODE_EXTRA_CA_CERTS: '' };
    const server = await lab.serveAnn({ args: ['--fallback', 'https://localhost:9443', '--workers', '1'], env });
    const show = ['-sk', '-o', join(lab.folder, 'answer'), '-w', '%{http_code}'];
    for (const args of [[], ['-d', 'secret=1']]) {
      assert.equal(await lab.client().run('curl', [...show, ...args, `https://${SERVER}/place`]), '502');
    }
    assert.doesNotMatch(site.text, /asked for/);
    const line = await server.logged('http.fallback-failed', { server: 'https://localhost:9443' });
    assert.match(String(line.fix), fix);
    const client = lab.connect();
    await client.up();
    await client.netns.run('ping', ['-c', '1', '-W', '5', INSIDE]);
    assert.equal((await server.stop()).status, 0);
  });
}
