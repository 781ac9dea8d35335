/** The operator's own certificate, several listeners, and a client that sends everything through the tunnel. */
// Needs: openssl
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { around } from '../support/around.ts';
import { type Netns, tunMissing } from '../support/netns.ts';
import type { SstpdClient } from '../support/sstpd-client.ts';
import type { SstpdServer } from '../support/sstpd-server.ts';
import { FAR, INSIDE, SERVER, UPLINK, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;
const SERVER6 = '2001:db8:1::1';
const CLIENT6 = '2001:db8:1::2';

let lab: VpnLab;
let server: SstpdServer;
let chain: string;
let key: string;

around(
  async () => {
    if (skip) return;
    lab = await VpnLab.create({ far: true });
    await lab.server.run('ip', ['address', 'add', `${SERVER6}/64`, 'dev', 'cable1', 'nodad']);
    await lab.client().run('ip', ['address', 'add', `${CLIENT6}/64`, 'dev', 'cable', 'nodad']);
    ({ chain, key } = makeChain(lab.folder));
    server = await lab.serveAnn({
      args: ['--cert', chain, '--key', key, '--listen', `[${SERVER6}]:443`, '--listen', `${SERVER}:8443`],
    });
  },
  () => lab?.destroy(),
);

/** An ECDSA server certificate below an intermediate below a root, as public authorities issue them. */
function makeChain(folder: string): { chain: string; key: string } {
  const openssl = (...words: string[]): void => void execFileSync('openssl', words, { cwd: folder, stdio: 'pipe' });
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '90'];
  const authority = ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign'];
  openssl('req', '-x509', ...curve, '-keyout', 'root.key', '-out', 'root.pem', '-subj', '/CN=root', ...authority);
  const below = (issuer: string, name: string, subject: string, ...extensions: string[]): void =>
    openssl(
      ...['req', '-x509', ...curve, '-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`],
      ...['-keyout', `${name}.key`, '-out', `${name}.pem`, '-subj', `/CN=${subject}`, ...extensions],
    );
  below('root', 'middle', 'middle', ...authority);
  below(
    ...(['middle', 'leaf', SERVER] as const),
    ...['-addext', 'basicConstraints=critical,CA:FALSE', '-addext', 'extendedKeyUsage=serverAuth'],
    ...['-addext', `subjectAltName=IP:${SERVER},IP:${SERVER6}`],
  );
  execFileSync('sh', ['-c', 'cat leaf.pem middle.pem > chain.pem && chmod 600 leaf.key'], { cwd: folder });
  return { chain: join(folder, 'chain.pem'), key: join(folder, 'leaf.key') };
}

for (const [name, to] of [
  ['IPv4', SERVER],
  ['IPv6', `[${SERVER6}]`],
  ['another port', `${SERVER}:8443`],
] as const) {
  test(`an ECDSA certificate with its chain holds the Crypto Binding on each listener: ${name}`, { skip }, async () => {
    const client = lab.connect({ to, caFile: join(lab.folder, 'root.pem') });
    await client.up();
    await client.netns.run('ping', ['-c', '3', '-i', '0.2', INSIDE]);
    await client.stop();
  });
}

test('with its own certificate the server makes no authority, and tells clients of none', { skip }, async () => {
  const { code } = await lab.server.exec('test', ['-e', server.caFile]);
  assert.equal(code, 1);
  const { stdout } = await lab.server.exec('sh', ['-c', `ls ${lab.data}`]);
  assert.doesNotMatch(stdout, /\.pem/);
});

for (const ownRoute of [true, false]) {
  const which = ownRoute ? "with a route to the server that is somebody else's" : 'with a default route only';
  test(`--default-route sends all but the tunnel itself through it, and is taken back: ${which}`, {
    skip,
  }, async () => {
    const netns = lab.client();
    await netns.exec('ip', ['route', 'add', 'default', 'via', '198.18.1.1']);
    await netns.exec('ip', ['route', ownRoute ? 'replace' : 'delete', SERVER, 'via', '198.18.1.1']);
    const before = await netns.run('ip', ['route']);
    const client = lab.connect({ caFile: join(lab.folder, 'root.pem'), args: ['--default-route'] });
    const { device } = await client.up();
    assert.match(await netns.run('ip', ['route', 'get', FAR]), new RegExp(`dev ${device}`));
    assert.match(await netns.run('ip', ['route', 'get', SERVER]), /via 198\.18\.1\.1 dev cable/);
    await netns.run('ping', ['-c', '3', '-i', '0.2', FAR]);
    await netns.run('ping', ['-c', '3', '-i', '0.2', UPLINK]);
    await client.stop();
    assert.equal(await netns.run('ip', ['route']), before);
  });
}

/** A native IPv6 beside the tunnel: its gateway is the server's machine, which is on no network of the client's otherwise. */
async function addNativeIpv6(netns: Netns): Promise<void> {
  await lab.server.run('ip', ['address', 'replace', '2001:db8:2::1/64', 'dev', 'cable1', 'nodad']);
  await netns.exec('ip', ['address', 'delete', `${CLIENT6}/64`, 'dev', 'cable']);
  await netns.run('ip', ['address', 'replace', '2001:db8:2::2/64', 'dev', 'cable', 'nodad']);
  await netns.run('ip', ['-6', 'route', 'replace', 'default', 'via', '2001:db8:2::1', 'metric', '100']);
}

for (const [name, to] of [
  ['IPv4', SERVER],
  ['IPv6', `[${SERVER6}]`],
] as const) {
  test(`--default-route to a server without an IPv6 pool ends IPv6 past the tunnel, over ${name}; then all is back`, {
    skip,
  }, async () => {
    const netns = lab.client();
    await addNativeIpv6(netns);
    const states = async (): Promise<string> =>
      `${await netns.run('ip', ['route'])}\n${await netns.run('ip', ['-6', 'route'])}`;
    const earlier = await states();
    const way = async (address: string): Promise<string> => {
      const { stdout, stderr } = await netns.exec('ip', ['route', 'get', address]);
      return stdout + stderr;
    };
    const connected = (): SstpdClient =>
      lab.connect({ to, caFile: join(lab.folder, 'root.pem'), args: ['--default-route'] });
    const killed = connected();
    await killed.up();
    killed.process.child.kill('SIGKILL');
    await killed.process.end();
    // What that one could not take back is no hindrance, and goes with the next one.
    const client = connected();
    const { device } = await client.up();
    assert.match(await way('203.0.113.77'), new RegExp(`dev ${device}`));
    for (const address of ['2600::1', 'fd00::1']) assert.match(await way(address), /No route to host/, address);
    if (to !== SERVER) assert.match(await way(SERVER6), /via 2001:db8:2::1 dev cable/);
    assert.match(await way('2001:db8:2::9'), /dev cable/);
    await netns.run('ping', ['-c', '3', '-i', '0.2', INSIDE]);
    await client.stop();
    assert.equal(await states(), earlier);
  });
}
