/** What `sstpd doctor` says of a machine, whole and with each thing broken; the single checks are in test/server/doctor. */
// Needs: openssl
import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createAuthority, issueServerCertificate } from '../../certs/index.ts';
import type { Finding } from '../../core/index.ts';
import { connect, tunMissing } from '../support/netns.ts';
import { SSTPD, SstpdProcess } from '../support/sstpd-process.ts';
import { SstpdServer } from '../support/sstpd-server.ts';
import { SERVE_ARGS, SERVER, VpnLab } from '../support/vpn-lab.ts';

const skip = tunMissing() ?? false;

async function makeLab(t: TestContext): Promise<VpnLab> {
  const lab = await VpnLab.create({ clients: 0, far: true });
  t.after(() => lab.destroy());
  return lab;
}

interface Said {
  readonly code: number;
  readonly works: boolean;
  readonly findings: readonly Finding[];
}

/** Runs `sstpd doctor --json` behind a shell script that ends in running its arguments. */
async function doctor(
  lab: VpnLab,
  args: readonly string[] = SERVE_ARGS,
  script = 'exec "$@"',
  name = 'sh',
): Promise<Said> {
  const command = [process.execPath, SSTPD, 'doctor', '--json', '--data', lab.data, '--workers', '2', ...args];
  const { code, stdout, stderr } = await lab.server.exec('unshare', ['-m', 'sh', '-c', script, name, ...command]);
  assert.match(stdout, /^\{/, stderr);
  return { code, ...(JSON.parse(stdout) as Omit<Said, 'code'>) };
}

const bad = (said: Said): string[] =>
  said.findings.filter(({ result }) => result === 'problem').map(({ check, text }) => `${check}: ${text}`);

test('a machine that is fit: before the first start, while the server runs, and after it', { skip }, async (t) => {
  const lab = await makeLab(t);
  const state = await lab.state();
  const before = await doctor(lab);
  assert.deepEqual([before.code, before.works, bad(before)], [0, true, []]);
  assert.equal(await lab.state(), state, 'nothing was changed');
  const server = await lab.serve({ args: ['--workers', '2'] });
  assert.doesNotMatch(server.process.text, /note +WARNING: (?:certificate|ciphers|clock|file|data)/);

  const command = ['doctor', '--json'];
  const { code, stdout, stderr } = await server.run(command);
  const running = { code, ...(JSON.parse(stdout) as Omit<Said, 'code'>) };
  assert.match(stderr, /as the running server has it \(pid \d+\)/);
  assert.deepEqual([code, running.works, bad(running)], [0, true, []]);
  const textOf = (check: string): string => running.findings.find((each) => each.check === check)?.text ?? '';
  assert.match(textOf(`port ${SERVER}:443`), /answers at 198\.18\.0\.1:443/);
  assert.match(textOf('TUN device'), /sstp0 is up with MTU 1400, sstp1 is up/);
  assert.match(textOf('NAT'), /in place/);
  assert.match(textOf('certificate hash'), /^SHA-256 [0-9a-f]{64}, SHA-1 [0-9a-f]{40}$/);
  assert.match(textOf('routes and rp_filter'), /10\.86\.0\.0\/24/);
  assert.deepEqual(JSON.parse(await server.must(['explain', '--json'])), [], 'asking leaves no record of an attempt');

  const people = await server.run(['doctor']);
  assert.match(people.stdout, /^ok +certificate chain +complete, up to the own authority/m);
  assert.match(people.stdout, /^ok +floods +no connection had to make room lately\.$/m);
  assert.match(people.stdout, /^ok +client addresses +/m);
  assert.match(people.stdout, /^It would work \(\d+ warnings?\)\.$/m);

  // What breaks under a running server, and what it mends itself.
  await lab.server.run('nft', ['flush', 'ruleset']);
  await lab.server.run('sysctl', ['-q', '-w', 'net.ipv4.ip_forward=0']);
  await server.logged('network.forwarding-restored');
  await lab.server.run('ip', ['link', 'set', 'sstp1', 'down']);
  const broken = await server.run(command);
  assert.equal(broken.code, 1);
  const problems = bad({ code: 1, ...(JSON.parse(broken.stdout) as Omit<Said, 'code'>) }).join('\n');
  assert.match(problems, /^TUN device: sstp1 is gone or down$/);
  await server.stop();
  const after = await doctor(lab);
  assert.deepEqual([after.code, bad(after)], [0, []]);
});

test('a table of flows that a handful of clients could fill is warned of, and the host is told what mends it', {
  skip,
}, async (t) => {
  const lab = await makeLab(t);
  // Has the kernel track flows, as the server will.
  await lab.server.run('nft', [
    'add table ip other; add chain ip other nat { type nat hook postrouting priority 0; }; add rule ip other nat masquerade',
  ]);
  const found = async (size: number): Promise<Finding | undefined> => {
    const setting = '/proc/sys/net/netfilter/nf_conntrack_max';
    const script = `echo ${size} >"$0.max" && mount --bind "$0.max" ${setting} && exec "$@"`;
    const { code, findings } = await doctor(lab, SERVE_ARGS, script, join(lab.folder, 'flows'));
    assert.equal(code, 0);
    return findings.find(({ check }) => check === 'flow table');
  };
  assert.equal((await found(65_536))?.result, 'ok');
  const warned = await found(8_192);
  assert.equal(warned?.result, 'warning');
  assert.match(warned?.text ?? '', /^it holds 8192 flows, so 2 clients can fill it/);
  assert.match(
    warned?.fix ?? '',
    /^sysctl -w net\.netfilter\.nf_conntrack_max=16384 .*, or limits\.flowsPerClient 2048$/,
  );
});

const FAULTS: readonly {
  readonly name: string;
  /** Prepares the machine. */
  readonly prepare?: (lab: VpnLab) => Promise<unknown>;
  readonly script?: string;
  readonly args?: readonly string[];
  readonly says: RegExp;
  readonly fix: RegExp;
}[] = [
  {
    name: 'a chain of somebody else that drops what is forwarded',
    prepare: (lab) =>
      lab.server.run('nft', [
        'add table ip other; add chain ip other pass { type filter hook forward priority 0; policy drop; }',
      ]),
    says: /^other firewalls: chain pass of table ip other drops what sstp0, sstp1 forwards/,
    fix: /nft insert rule ip other pass iifname sstp0 accept/,
  },
  {
    name: 'no forwarding, and a /proc/sys that can not be written',
    script: 'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "$@"',
    says: /^IPv4 forwarding: off, and it can't be turned on/,
    fix: /sysctl -w net\.ipv4\.ip_forward=1/,
  },
  {
    name: 'strict rp_filter with a rule that sends the pool elsewhere',
    prepare: async (lab) => {
      await lab.server.run('ip', ['rule', 'add', 'to', '10.86.0.0/16', 'table', '100']);
      await lab.server.run('ip', ['route', 'add', 'default', 'dev', 'uplink', 'table', '100']);
      await lab.server.run('sysctl', ['-q', '-w', 'net.ipv4.conf.all.rp_filter=1']);
    },
    says: /^routes and rp_filter: .*to uplink, and strict rp_filter then drops/,
    fix: /ip rule show/,
  },
  {
    name: 'a port that another program has',
    prepare: async (lab) => {
      const script = `require('net').createServer().listen(443, '${SERVER}', () => console.log('ready'))`;
      await new SstpdProcess(lab.server, [process.execPath, '-e', script]).printed(/^ready$/);
    },
    says: /^port 198\.18\.0\.1:443: .*another program has the port/,
    fix: /ss -ltnp/,
  },
  {
    name: 'no /dev/net/tun',
    script: 'mount -t tmpfs none /dev/net && exec "$@"',
    says: /^TUN device: .*\/dev\/net\/tun is missing/,
    fix: /modprobe tun/,
  },
  {
    name: 'users that others can read',
    prepare: async (lab) => {
      await (await lab.serve()).stop();
      chmodSync(join(lab.data, 'users.key'), 0o644);
    },
    says: /^file modes: .*users\.key is open to other users \(mode 644\)/,
    fix: /chmod 600/,
  },
  {
    name: 'a certificate that has expired',
    prepare: async (lab) => {
      const then = new Date(Date.now() - 60 * 86_400_000);
      const authority = createAuthority({ commonName: 'Doctor CA', now: then });
      const issued = issueServerCertificate({ authority, names: [SERVER], now: then, days: 30 });
      lab.file('old.pem', issued.certificatePem + authority.certificatePem);
      lab.file('old.key', issued.keyPem);
    },
    args: ['--cert', 'old.pem', '--key', 'old.key'],
    says: /^certificate expiry: it expired on /,
    fix: /renew it/,
  },
  {
    name: 'an account without the right to make a device',
    script: 'exec setpriv --bounding-set=-net_admin --inh-caps=-net_admin "$@"',
    says: /^rights: .*CAP_NET_ADMIN/,
    fix: /sudo/,
  },
];

for (const { name, prepare, script, args = [], says, fix } of FAULTS) {
  test(`${name}: exit status 1, and the fix`, { skip }, async (t) => {
    const lab = await makeLab(t);
    await prepare?.(lab);
    const files = args.map((word) => (word.startsWith('old.') ? join(lab.folder, word) : word));
    const said = await doctor(lab, [...SERVE_ARGS, ...files], script);
    assert.equal(said.code, 1);
    assert.equal(said.works, false);
    const found = said.findings.find((each) => says.test(`${each.check}: ${each.text}`));
    assert.ok(found !== undefined, bad(said).join('\n'));
    assert.equal(found.result, 'problem');
    assert.match(found.fix ?? '', fix);
  });
}

test('a server without a name to dial warns of no address that only its own devices have', { skip }, async (t) => {
  const lab = await makeLab(t);
  const server = await SstpdServer.start({ netns: lab.server, data: lab.data, args: ['--workers', '1'] });
  const { stdout } = await server.run(['doctor', '--json']);
  const { findings } = JSON.parse(stdout) as Said;
  assert.equal(findings.find(({ check }) => check === 'certificate names')?.result, 'ok', stdout);
});

test('what a start does not refuse it says in its notes: ciphers that leave clients out, a narrow line', {
  skip,
}, async (t) => {
  const lab = await makeLab(t);
  await connect(lab.server, lab.far ?? assert.fail(), {
    ...{ ifA: 'narrow', ifB: 'narrow', mtu: 1300 },
    ...{ addressA: '203.0.114.1/24', addressB: '203.0.114.2/24' },
  });
  await lab.server.run('ip', ['route', 'add', 'default', 'via', '203.0.114.2']);
  const server = await lab.serve({ args: ['--workers', '1'], env: { SSTPD_TLS_MIN_VERSION: 'TLSv1.3' } });
  const said = server.process.text;
  assert.match(said, /^ {2}note +WARNING: ciphers of Windows 10: no cipher in common .*tls\.minVersion/m);
  assert.match(said, /^ {2}note +WARNING: MTU: .*1300; --mtu 1300$/m);
  assert.equal(server.log('doctor.finding', { check: 'MTU' }).length, 1);
  await server.stop();
});

test('a revocation list that nobody has: a start says so as soon as it knows', { skip }, async (t) => {
  const lab = await makeLab(t);
  const list = `crlDistributionPoints=URI:http://${SERVER}:9/x.crl`;
  const usage = ['basicConstraints=critical,CA:FALSE', 'extendedKeyUsage=serverAuth', `subjectAltName=IP:${SERVER}`];
  const added = [...usage, list].flatMap((extension) => ['-addext', extension]);
  const [cert, key] = ['crl.pem', 'crl.key'].map((name) => join(lab.folder, name)) as [string, string];
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=crl', '-days', '90', ...added];
  await lab.server.run('openssl', [...request, '-out', cert, '-keyout', key]);
  const server = await lab.serve({ args: ['--workers', '1', '--cert', cert, '--key', key] });
  const line = await server.logged('doctor.finding', { check: 'certificate revocation' });
  assert.match(String(line.text), /0x80092013/);
  await server.stop();
});
