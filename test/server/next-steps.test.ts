import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProfileFacts } from '../../profile/index.ts';
import { nextSteps, type StartSummary } from '../../server/next-steps.ts';

const PEM = '-----BEGIN CERTIFICATE-----\nMIIBszCCARygAwIBAgIBATANBgkq\nhkiG9w0BAQsFADAA\n-----END CERTIFICATE-----\n';

const CLIENT: ProfileFacts = {
  user: 'vpn',
  connection: 'sstpd',
  host: 'vpn.example.com',
  port: 443,
  methods: ['mschapv2'],
  caPem: PEM,
  certificateSha256: 'ab',
  routes: [],
  hasIpv6: false,
  dnsSuffix: undefined,
  dns: [],
  alwaysOn: false,
};

const OWN_CA: StartSummary = {
  data: '/var/lib/sstpd',
  listening: ['[::]:443'],
  names: ['vpn.example.com', '192.0.2.5'],
  port: 443,
  pool: { address: 0x0a090000, prefixLength: 24 },
  portal: { path: '/portal', host: undefined },
  client: CLIENT,
  ca: { file: '/var/lib/sstpd/ca.pem', pem: PEM, fingerprint: 'AB:CD:EF' },
  user: { name: 'vpn', password: 'abcd-efgh-jkmn-pqrs' },
  admin: { url: 'https://127.0.0.1:8443/', hasAccount: false },
  remarks: ['net.ipv4.ip_forward was off; it is on now and stays on'],
};

test('own certificate authority, first start on a terminal', () => {
  const text = `
sstpd is ready.

  listening    [::]:443
  dial         vpn.example.com, 192.0.2.5
  addresses    10.9.0.0/24
  user         vpn
  password     abcd-efgh-jkmn-pqrs   (shown this once)
               sstpd user passwd vpn sets another
  admin page   https://127.0.0.1:8443/
               sstpd admin add NAME makes the first account
  portal       https://vpn.example.com/portal   (users set their clients up here)
  CA           /var/lib/sstpd/ca.pem
  CA SHA-256   AB:CD:EF
  note         net.ipv4.ip_forward was off; it is on now and stays on

Windows: let users open the portal, or paste this into PowerShell (run as administrator), then connect in Settings > Network > VPN:

$ca = ''
$ca += 'MIIBszCCARygAwIBAgIBATANBgkqhkiG9w0BAQsFADAA'
$file = Join-Path -Path $env:TEMP -ChildPath 'sstpd-ca.cer'
[IO.File]::WriteAllBytes($file, [Convert]::FromBase64String($ca))
Import-Certificate -FilePath $file -CertStoreLocation Cert:\\LocalMachine\\Root
Add-VpnConnection -Name 'sstpd' -ServerAddress 'vpn.example.com' -TunnelType Sstp -AuthenticationMethod MSChapv2 -EncryptionLevel Optional -Force -RememberCredential -AllUserConnection

Linux: sstpd connect vpn.example.com --user vpn --ca ca.pem --default-route (as root), with a copy of /var/lib/sstpd/ca.pem;
  or with sstpc: sh sstpc.sh, which the portal has and this makes:

  sstpd profile vpn --format sstpc > sstpc.sh

More users: sstpd user add NAME
Who is on:  sstpd sessions
Who failed: sstpd explain
Stop:       Ctrl-C
`;
  assert.equal(nextSteps(OWN_CA), text);
});

test("the operator's certificate: nothing to import, nothing to copy; and neither portal nor admin page", () => {
  const client = { ...CLIENT, user: 'NAME', caPem: undefined };
  const without = { ca: undefined, user: undefined, admin: undefined, portal: undefined, remarks: [] };
  const text = nextSteps({ ...OWN_CA, ...without, client });
  assert.equal(
    text,
    `
sstpd is ready.

  listening    [::]:443
  dial         vpn.example.com, 192.0.2.5
  addresses    10.9.0.0/24

Windows: paste this into PowerShell (run as administrator), then connect in Settings > Network > VPN:

Add-VpnConnection -Name 'sstpd' -ServerAddress 'vpn.example.com' -TunnelType Sstp -AuthenticationMethod MSChapv2 -EncryptionLevel Optional -Force -RememberCredential -AllUserConnection

Linux: sstpd connect vpn.example.com --user NAME --default-route (as root);
  or with sstpc: sh sstpc.sh, which this makes:

  sstpd profile NAME --format sstpc > sstpc.sh

More users: sstpd user add NAME
Who is on:  sstpd sessions
Who failed: sstpd explain
Stop:       Ctrl-C
`,
  );
});

test('a portal with a host of its own is shown there', () => {
  const text = nextSteps({ ...OWN_CA, port: 8443, portal: { path: '/set-up', host: 'portal.example.com' } });
  assert.match(text, /portal {7}https:\/\/portal\.example\.com:8443\/set-up {3}/);
});

test('commands name the data directory unless it is the usual one', () => {
  const text = nextSteps({ ...OWN_CA, data: '/srv/vpn' });
  for (const words of ['user add NAME', 'sessions', 'explain', 'user passwd vpn']) {
    assert.ok(text.includes(`sstpd ${words} --data /srv/vpn`), words);
  }
});

test('another port and an IPv6 address are written as clients want them', () => {
  const client = { ...CLIENT, host: '2001:db8::5', port: 4443 };
  const text = nextSteps({ ...OWN_CA, names: ['2001:db8::5', 'vpn.example.com'], port: 4443, client });
  assert.match(text, /^ {2}dial {9}\[2001:db8::5\]:4443, vpn\.example\.com:4443$/m);
  assert.match(text, /^ {2}portal {7}https:\/\/\[2001:db8::5\]:4443\/portal /m);
  assert.match(text, / -ServerAddress '\[2001:db8::5\]:4443' /);
  assert.match(text, / connect \[2001:db8::5\]:4443 --user vpn --ca ca\.pem --default-route /);
  assert.match(nextSteps({ ...OWN_CA, client: { ...client, port: 443 } }), / -ServerAddress '\[2001:db8::5\]' /);
});

test('a data directory of its own stands in each command, as a shell takes it, also of the notes', () => {
  const remarks = ['WARNING: own authority: it ends in 9 days; "sstpd ca renew" as root'];
  const text = nextSteps({ ...OWN_CA, data: '/srv/vpn two', remarks });
  assert.match(text, /^More users: sstpd user add NAME --data '\/srv\/vpn two'$/m);
  assert.match(text, /"sstpd ca renew --data '\/srv\/vpn two'" as root$/m);
});

test('without a name that can be dialled there is nothing to set up', () => {
  const text = nextSteps({ ...OWN_CA, names: ['*.example.com'], client: undefined });
  assert.match(text, /^The certificate has no name that clients could dial: give one with --host NAME\.$/m);
  assert.doesNotMatch(text, /portal|VpnConnection|sstpc/);
});

test('networks behind the VPN become split tunnelling with routes', () => {
  const text = nextSteps({ ...OWN_CA, client: { ...CLIENT, connection: "d'Azur", routes: ['10.0.0.0/8'] } });
  assert.match(text, / -RememberCredential -SplitTunneling -AllUserConnection$/m);
  assert.match(
    text,
    /^Add-VpnConnectionRoute -ConnectionName 'd''Azur' -DestinationPrefix '10\.0\.0\.0\/8' -AllUserConnection$/m,
  );
});

test('what is printed for Linux sends into the tunnel what the profile says', () => {
  const lineOf = (client: Partial<ProfileFacts>): string =>
    /^Linux: (.*)$/m.exec(nextSteps({ ...OWN_CA, client: { ...CLIENT, ...client } }))?.[1] ?? '';
  const routes = ['10.0.0.0/8', 'fd00::/8'];
  assert.match(lineOf({}), / --default-route \(as root\)/);
  assert.match(lineOf({ routes }), / --ca ca\.pem --route 10\.0\.0\.0\/8 \(as root\)/);
  assert.match(lineOf({ routes, hasIpv6: true }), / --route 10\.0\.0\.0\/8 --route fd00::\/8 \(as root\)/);
  assert.match(lineOf({ user: "o'neil x" }), / --user 'o'\\''neil x' /);
});

test('a password in a file is not in the text, only where it is', () => {
  const text = nextSteps({ ...OWN_CA, user: { name: 'vpn', passwordFile: '/var/lib/sstpd/first-user.txt' } });
  assert.match(text, /^ {2}password {5}in \/var\/lib\/sstpd\/first-user\.txt$/m);
  assert.doesNotMatch(text, /shown this once/);
});

test('Windows is told the methods that the server takes', () => {
  const chap = nextSteps({ ...OWN_CA, client: { ...CLIENT, methods: ['chap', 'mschapv2'] } });
  assert.match(chap, / -AuthenticationMethod Chap /);
  const pap = nextSteps({ ...OWN_CA, client: { ...CLIENT, methods: ['pap'] } });
  assert.match(pap, / -AuthenticationMethod Pap /);
});

test('commands are named as the operator can call them, and why it is not just sstpd', () => {
  const words = '/srv/vpn/bin/sstpd.js';
  const text = nextSteps(OWN_CA, { words, remark: 'no command /usr/local/bin/sstpd: this is a container' });
  assert.match(text, /^ {2}note {9}no command \/usr\/local\/bin\/sstpd: this is a container$/m);
  for (const line of [
    '               /srv/vpn/bin/sstpd.js user passwd vpn sets another',
    '               /srv/vpn/bin/sstpd.js admin add NAME makes the first account',
    'More users: /srv/vpn/bin/sstpd.js user add NAME',
  ]) {
    assert.ok(text.split('\n').includes(line), line);
  }
  assert.doesNotMatch(text, /\bsudo\b|\bnpx\b/);
});
