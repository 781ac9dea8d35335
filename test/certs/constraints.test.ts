import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { rootCertificates } from 'node:tls';
import fc from 'fast-check';
import { constraintsFor, firstOutside } from '../../certs/constraints.ts';
import {
  type CertificateAuthority,
  checkNames,
  createAuthority,
  describeTrees,
  issueServerCertificate,
  nameConstraints,
} from '../../certs/index.ts';
import { openssl, temporaryFolder } from './support.ts';

const folder = temporaryFolder();
const now = new Date();

function authorityFor(names: readonly string[]): CertificateAuthority {
  const authority = createAuthority({ commonName: 'sstpd CA', now, within: checkNames(names) });
  writeFileSync(join(folder, 'ca.pem'), authority.certificatePem);
  return authority;
}

/** Whether OpenSSL takes what this authority issues for these names. */
function isTaken(authority: CertificateAuthority, names: readonly string[]): boolean {
  writeFileSync(join(folder, 'server.pem'), issueServerCertificate({ authority, names, now }).certificatePem);
  try {
    openssl(folder, 'verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', 'ca.pem', 'server.pem');
    return true;
  } catch (error) {
    assert.match(String((error as { stderr: unknown }).stderr), /(permitted|excluded) subtree violation/);
    return false;
  }
}

const CASES: readonly {
  readonly hosts: readonly string[];
  readonly within: string;
  readonly taken: readonly (readonly string[])[];
  readonly refused: readonly (readonly string[])[];
}[] = [
  {
    hosts: ['vpn.example.com'],
    within: 'example.com and below',
    taken: [['vpn.example.com'], ['other.example.com'], ['a.b.example.com'], ['example.com'], ['*.example.com']],
    refused: [['example.org'], ['badexample.com'], ['com'], ['192.0.2.7'], ['2001:db8::7'], ['vpn.example.com', '::1']],
  },
  {
    hosts: ['192.0.2.7'],
    within: '192.0.2.7',
    taken: [['192.0.2.7']],
    refused: [['192.0.2.6'], ['2001:db8::7'], ['vpn.example.com'], ['localhost'], ['192.0.2.7', 'www.example.com']],
  },
  {
    hosts: ['2001:db8::7'],
    within: '2001:db8::7',
    taken: [['2001:db8::7']],
    refused: [['2001:db8::8'], ['192.0.2.7'], ['vpn.example.com']],
  },
  {
    hosts: ['example.com', 'vpn.branch.example.net', '192.0.2.7', '198.51.100.1', '2001:db8::7'],
    within: 'example.com and below, branch.example.net and below, 192.0.2.7, 198.51.100.1, 2001:db8::7',
    taken: [['www.example.com', '192.0.2.7'], ['198.51.100.1', '2001:db8::7'], ['x.branch.example.net']],
    refused: [['example.net'], ['198.51.100.2'], ['www.example.com', '192.0.2.8'], ['2001:db8::']],
  },
  {
    hosts: ['server1'],
    within: 'server1 and below',
    taken: [['server1'], ['a.server1']],
    refused: [['server2'], ['192.0.2.1']],
  },
  {
    hosts: ['*.vpn.example.com', 'host_2.xn--bcher-kva.example'],
    within: 'vpn.example.com and below, xn--bcher-kva.example and below',
    taken: [['a.vpn.example.com'], ['*.vpn.example.com'], ['bücher.example']],
    refused: [['www.example.com'], ['bucher.example']],
  },
];

for (const { hosts, within, taken, refused } of CASES) {
  test(`an authority for ${hosts.join(', ')}: OpenSSL takes the names inside, refuses those outside, and we agree`, () => {
    const authority = authorityFor(hosts);
    const constraints = nameConstraints(new X509Certificate(authority.certificatePem)) ?? assert.fail();
    assert.deepEqual(constraints, constraintsFor(checkNames(hosts)));
    assert.equal(describeTrees(constraints.permitted), within);
    assert.equal(isTaken(authority, hosts), true);
    for (const names of taken) {
      assert.equal(isTaken(authority, names), true, names.join());
      assert.equal(firstOutside(constraints, checkNames(names)), undefined, names.join());
    }
    for (const names of refused) {
      assert.equal(isTaken(authority, names), false, names.join());
      assert.notEqual(firstOutside(constraints, checkNames(names)), undefined, names.join());
    }
  });
}

test('the extension: critical, each subtree without minimum and maximum (RFC 5280 4.2.1.10); for servers only', () => {
  authorityFor(['vpn.example.com', '192.0.2.7']);
  const text = openssl(folder, 'x509', '-in', 'ca.pem', '-noout', '-text');
  assert.match(
    text,
    /Name Constraints: critical\s+Permitted:\s+DNS:example.com\s+IP:192.0.2.7\/255.255.255.255\s+Excluded:\s+IP:0:0:0:0:0:0:0:0\/0:0:0:0:0:0:0:0\n/,
  );
  assert.match(text, /Extended Key Usage: \n\s+TLS Web Server Authentication\n/);
  const der = new X509Certificate(createAuthorityPem(['vpn.example.com'])).raw.toString('hex');
  const subtrees = `a00f300d820b${Buffer.from('example.com').toString('hex')}`;
  const none = `a130300a8708${'00'.repeat(8)}30228720${'00'.repeat(32)}`;
  assert.ok(der.includes(`${subtrees}${none}`), der);
});

function createAuthorityPem(names: readonly string[]): string {
  return createAuthority({ commonName: 'sstpd CA', now, within: checkNames(names) }).certificatePem;
}

test('domains that strangers share are not permitted as a whole', () => {
  const trees = (...names: string[]): readonly string[] => constraintsFor(checkNames(names)).permitted.dns;
  assert.deepEqual(trees('vpn.co.uk', 'me.duckdns.org', 'a1b2.sn.mynetname.net', 'example.com'), [
    'vpn.co.uk',
    'me.duckdns.org',
    'a1b2.sn.mynetname.net',
    'example.com',
  ]);
  assert.deepEqual(trees('vm.westeurope.cloudapp.azure.com', 'vpn.firm.co.uk', 'vpn.me.duckdns.org'), [
    'vm.westeurope.cloudapp.azure.com',
    'firm.co.uk',
    'me.duckdns.org',
  ]);
});

test('an authority always may issue for the names that it was made for, and these never share more than a parent', () => {
  const label = fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/);
  const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'));
  const address = fc.oneof(
    fc.ipV4(),
    fc.ipV6().filter((text) => !text.includes('.')),
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(name, address), { minLength: 1, maxLength: 8 }), name, (hosts, other) => {
      const names = checkNames(hosts);
      const constraints = constraintsFor(names);
      assert.equal(firstOutside(constraints, names), undefined);
      const isNear = names.dns.some((one) => other === one || one.split('.').length > 2 || other.endsWith(`.${one}`));
      if (!isNear) assert.equal(firstOutside(constraints, checkNames([other])), other);
    }),
  );
});

test('constraints of others are read: odd masks, a leading dot, kinds of names that we do not know', () => {
  const config = `[req]
distinguished_name = dn
x509_extensions = ca
prompt = no
[dn]
CN = Operator
[ca]
basicConstraints = critical,CA:TRUE
nameConstraints = critical,permitted;DNS:.Corp.example,permitted;IP:10.1.0.0/255.255.0.0,permitted;email:corp.example,excluded;IP:10.1.2.0/255.255.255.0
`;
  writeFileSync(join(folder, 'ca.cnf'), config);
  const output = ['-nodes', '-keyout', 'o.key', '-out', 'o.pem', '-days', '100'];
  openssl(folder, 'req', '-x509', '-newkey', 'rsa:2048', '-config', 'ca.cnf', ...output);
  const read = nameConstraints(new X509Certificate(openssl(folder, 'x509', '-in', 'o.pem'))) ?? assert.fail();
  assert.deepEqual(read, {
    permitted: { dns: ['corp.example'], ip: ['10.1.0.0/16'] },
    excluded: { dns: [], ip: ['10.1.2.0/24'] },
  });
  assert.equal(firstOutside(read, checkNames(['a.corp.example', '10.1.3.4'])), undefined);
  assert.equal(firstOutside(read, checkNames(['10.1.2.4'])), '10.1.2.4');
  assert.equal(firstOutside(read, checkNames(['10.2.0.1'])), '10.2.0.1');
});

test('no root that Node ships with breaks the reader', () => {
  for (const pem of rootCertificates) nameConstraints(new X509Certificate(pem));
});
