/** A stranger lies to the web site behind the VPN port; a script of the site, and a page elsewhere, reach for the portal and the metrics. */
// Needs: curl
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { put, TestAuthority } from '../../support/certificates.ts';
import { tunMissing } from '../../support/netns.ts';
import { SstpdProcess } from '../../support/sstpd-process.ts';
import { INSIDE, SERVER, VpnLab } from '../../support/vpn-lab.ts';

const skip = tunMissing() ?? false;

/** Says what it was asked. */
const SITE = `require('http').createServer((request, response) => response.end(JSON.stringify(request.headers)))
  .listen(8080, '${SERVER}', () => console.log('ready'))`;

/** Opens a TLS connection to the port, sends what the first argument says, and prints what comes. */
const SENDER = `const socket = require('tls').connect({ host: '${SERVER}', port: 443, rejectUnauthorized: false });
  socket.on('data', (chunk) => process.stdout.write(chunk)).on('error', () => {});
  socket.write(JSON.parse(process.argv[1]));`;

test('the site behind learns of a client what the server knows, whatever the client says', { skip }, async (t) => {
  const lab = await VpnLab.create();
  t.after(() => lab.destroy());
  await new SstpdProcess(lab.server, [process.execPath, '-e', SITE]).printed(/^ready$/);
  const server = await lab.serveAnn({ args: ['--fallback', `http://${SERVER}:8080`, '--workers', '2'] });
  const curl = (...args: string[]): Promise<string> =>
    lab.client().run('curl', ['-sk', `https://${SERVER}/`, ...args.flatMap((header) => ['-H', header])]);

  const lies = ['X-Forwarded-For', 'X_Forwarded_For', 'Forwarded', 'X-Real-IP', 'X.Real.IP', 'True-Client-IP', 'Proxy'];
  const headers = JSON.parse(await curl('Accept-Language: de', ...lies.map((name) => `${name}: 10.0.0.1`)));
  assert.doesNotMatch(JSON.stringify(headers), /10\.0\.0\.1/);
  const { 'x-forwarded-for': client, 'x-forwarded-host': host, 'accept-language': language } = headers;
  assert.deepEqual([client, host, language], ['198.18.1.2', SERVER, 'de'], 'an honest header passes');

  const end = 'Connection: close\r\n\r\n';
  const doubtful = [
    `GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n${end}`,
    `GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n X-Real-IP: 10.0.0.1\r\n${end}`,
    `GET / HTTP/1.1\r\nHost: a\r\nX: y\rX-Real-IP: 10.0.0.1\r\n${end}`,
    `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n${end}`,
  ];
  for (const text of doubtful) {
    const answer = await lab.client().run(process.execPath, ['-e', SENDER, JSON.stringify(text)]);
    assert.match(answer, /^HTTP\/1\.1 400 /, text);
  }

  const vpn = lab.connect();
  await vpn.up();
  await vpn.netns.run('ping', ['-c', '1', '-W', '5', INSIDE]);
  assert.equal((await server.stop()).status, 0);
});

test('a portal with a name of its own shares it with nothing, and the start warns of one that shares it', {
  skip,
}, async (t) => {
  const lab = await VpnLab.create();
  t.after(() => lab.destroy());
  await new SstpdProcess(lab.server, [process.execPath, '-e', SITE]).printed(/^ready$/);
  const site = ['--fallback', `http://${SERVER}:8080`, '--host', 'vpn.example', '--host', 'portal.example'];
  const shared = await lab.serveAnn({ args: site });
  assert.match(shared.process.text, /portal: it is on the same host as the site of http\.fallback/);
  await shared.stop();

  const server = await lab.serve({ args: [...site, '--portal-host', 'portal.example', '--workers', '2'] });
  assert.doesNotMatch(server.process.text, /same host as the site/);
  const get = (name: string, path: string): Promise<string> => {
    const to = ['--resolve', `${name}:443:${SERVER}`, '--cacert', `${lab.data}/ca.pem`];
    return lab.client().run('curl', ['-s', ...to, `https://${name}${path}`]);
  };
  assert.match(await get('portal.example', '/portal'), /Sign in with the name/);
  assert.match(await get('portal.example', '/'), /404 Not Found/);
  assert.match(await get('vpn.example', '/portal'), /"x-forwarded-host":"vpn\.example"/);
  assert.match(await get('vpn.example', '/'), /"x-forwarded-host":"vpn\.example"/);
  const headers = (name: string, path: string, ca: string): Promise<string> => {
    const to = ['--resolve', `${name}:443:${SERVER}`, '--cacert', ca];
    return lab.client().run('curl', ['-sD', '-', '-o', '/dev/null', ...to, `https://${name}${path}`]);
  };
  // Of the own authority, which a browser may lose again.
  assert.doesNotMatch(await headers('portal.example', '/portal', `${lab.data}/ca.pem`), /strict-transport/i);
  assert.match(server.process.text, /portal {7}https:\/\/portal\.example\/portal/);
  await server.stop();

  const authority = new TestAuthority();
  const pair = authority.issue('vpn.example', 'portal.example');
  const [cert, key] = [put(lab.folder, 'leaf.pem', pair.certificatePem), put(lab.folder, 'leaf.key', pair.keyPem)];
  const ca = authority.writeTo(lab.folder);
  const known = await lab.serve({ args: [...site, '--portal-host', 'portal.example', '--cert', cert, '--key', key] });
  const hsts = /^strict-transport-security: max-age=15768000\r$/im;
  assert.match(await headers('portal.example', '/portal', ca), hsts);
  assert.doesNotMatch(await headers('vpn.example', '/', ca), /strict-transport/i);
  await known.stop();
});

test('a page whose name leads to the metrics reads nothing; Prometheus reads on, by each of its names', {
  skip,
}, async (t) => {
  const lab = await VpnLab.create();
  t.after(() => lab.destroy());
  const place = ['--metrics', '127.0.0.1:9100', '--host', 'vpn.example'];
  const server = await lab.serve({ args: place, env: { SSTPD_METRICS_HOSTS: 'sstpd.monitoring.svc' } });
  const status = (host: string): Promise<string> => {
    const show = ['-s', '-o', '/dev/null', '-w', '%{http_code}'];
    return lab.server.run('curl', [...show, '-H', `Host: ${host}`, 'http://127.0.0.1:9100/metrics']);
  };
  for (const host of [
    '127.0.0.1:9100',
    'localhost:9100',
    'sstpd:9100',
    'vpn.example:9100',
    'sstpd.monitoring.svc:9100',
  ]) {
    assert.equal(await status(host), '200', host);
  }
  for (const host of ['rebound.example:9100', '127.0.0.1.rebound.example', 'localhost.rebound.example:9100']) {
    assert.equal(await status(host), '421', host);
  }
  await server.stop();
});
