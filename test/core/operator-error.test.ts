import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdminSocketError } from '../../admin/index.ts';
import { UserStoreError } from '../../auth/index.ts';
import { CertificateError } from '../../certs/index.ts';
import { parseIpv6Cidr } from '../../core/index.ts';
import { isOperatorError } from '../../core/operator-error.ts';
import { StartError } from '../../core/start-error.ts';
import { PrefixPool } from '../../ip/index.ts';
import { ConfigError } from '../../server/config/index.ts';
import { NetworkError } from '../../server/host/network/index.ts';
import { createServerTls, listenError } from '../../tls/index.ts';
import { TunError } from '../../tun/index.ts';

/** What `act` throws. */
function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return assert.fail('nothing was thrown');
}

const OURS: readonly unknown[] = [
  new StartError('x'),
  new ConfigError('x', 'default'),
  new CertificateError('x'),
  new TunError('x'),
  new NetworkError('x'),
  new AdminSocketError('x'),
  new UserStoreError('ERR_USER_STORE', 'x'),
  new UserStoreError('ERR_USER_STORE_MODE', 'x'),
  listenError(Object.assign(new Error('x'), { code: 'EADDRINUSE' }), undefined, 443),
  thrownBy(() => new PrefixPool({ cidr: parseIpv6Cidr('2001:db8::/64') ?? assert.fail() })),
];

for (const error of OURS) {
  test(`an operator can do something about ${error?.constructor.name} ${Reflect.get(Object(error), 'code')}`, () => {
    assert.equal(isOperatorError(error), true);
  });
}

test('what an operator can do nothing about is our fault, with a stack', () => {
  const others = [
    new Error('x'),
    new RangeError('x'),
    Object.assign(new Error('x'), { code: 'ENOENT' }),
    new UserStoreError('ERR_USER_NAME', 'x'), // not at the start
    { code: 'ERR_START', message: 'no Error' },
    'ERR_START',
    undefined,
  ];
  for (const error of others) assert.equal(isOperatorError(error), false);
});

test("a cipher list that selects nothing is the operator's to mend", () => {
  const certificate = { certPem: '', keyPem: '' };
  const error = thrownBy(() => createServerTls(certificate as never, { minVersion: 'TLSv1.2', ciphers: 'NONSENSE' }));
  assert.equal(isOperatorError(error), true);
  assert.match(String(error), /cipher/);
});
