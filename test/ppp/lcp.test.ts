import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuthMethod } from '../../ppp/index.ts';
import { LcpClientPolicy, LcpServerPolicy } from '../../ppp/lcp.ts';
import type { LcpOption } from '../../ppp/lcp-options.ts';
import { constantRandom, hex, seededRandom } from './support.ts';

const AUTH: Readonly<Record<string, LcpOption>> = {
  mschapv2: { type: 'AuthProtocol', protocol: 0xc223, data: hex('81') },
  mschapv1: { type: 'AuthProtocol', protocol: 0xc223, data: hex('80') },
  chap: { type: 'AuthProtocol', protocol: 0xc223, data: hex('05') },
  pap: { type: 'AuthProtocol', protocol: 0xc023, data: hex('') },
  eap: { type: 'AuthProtocol', protocol: 0xc227, data: hex('') },
};

function auth(name: string): LcpOption {
  const option = AUTH[name];
  assert.ok(option !== undefined);
  return option;
}

const server = (methods: readonly AuthMethod[]) => new LcpServerPolicy(1500, methods, seededRandom('lcp'));
const client = (methods: readonly AuthMethod[]) => new LcpClientPolicy(1500, methods, seededRandom('lcp'));

test('the server asks for MRU 1500, its first method and a Magic-Number', () => {
  const policy = new LcpServerPolicy(1500, ['mschapv2', 'pap'], constantRandom(0xa5));
  assert.deepEqual(policy.request(), [
    { type: 'Mru', mru: 1500 },
    auth('mschapv2'),
    { type: 'MagicNumber', magic: 0xa5a5a5a5 },
  ]);
});

test("a refused method gives way to the client's wish if it is on the list, else to the next", () => {
  const wished = server(['mschapv2', 'chap', 'pap']);
  wished.nakked([auth('pap')]);
  assert.equal(wished.authMethod, 'pap');
  wished.nakked([auth('mschapv2')]); // refused before: not asked again
  assert.equal(wished.authMethod, 'chap');
  wished.rejected([auth('chap')]);
  assert.equal(wished.authMethod, undefined);
  assert.equal(wished.problem, 'no-auth-method');

  const unlisted = server(['mschapv2', 'pap']);
  unlisted.nakked([auth('eap')]);
  assert.equal(unlisted.authMethod, 'pap');
  assert.equal(unlisted.problem, undefined);
  unlisted.nakked([auth('mschapv1')]);
  assert.equal(unlisted.problem, 'no-auth-method');
});

test('a Nak that names the very method we asked for changes nothing', () => {
  const policy = server(['mschapv2', 'pap']);
  policy.nakked([auth('mschapv2')]);
  assert.equal(policy.authMethod, 'mschapv2');
});

test('nobody makes the server authenticate', () => {
  assert.deepEqual(server(['pap']).judge(auth('pap')), { kind: 'reject' });
});

test('a client takes a method of its list and names its first for any other', () => {
  const policy = client(['mschapv2', 'pap']);
  assert.deepEqual(policy.judge(auth('pap')), { kind: 'ack' });
  for (const name of ['chap', 'mschapv1', 'eap']) {
    assert.deepEqual(policy.judge(auth(name)), { kind: 'nak', suggest: auth('mschapv2') });
  }
  assert.equal(policy.authMethod, undefined);
  policy.agreed([auth('pap')]);
  assert.equal(policy.authMethod, 'pap');
  policy.agreed([]);
  assert.equal(policy.authMethod, undefined);
});

test('an authentication protocol with data that does not fit is none of ours', () => {
  const policy = client(['mschapv2', 'chap', 'pap']);
  for (const option of [
    { type: 'AuthProtocol', protocol: 0xc023, data: hex('00') },
    { type: 'AuthProtocol', protocol: 0xc223, data: hex('') },
    { type: 'AuthProtocol', protocol: 0xc223, data: hex('8100') },
  ] as const) {
    assert.equal(policy.judge(option).kind, 'nak');
  }
});

test("the peer's MRU is 1500 until another one is agreed, and never more than SSTP carries (MS-SSTP 3.1.5.2)", () => {
  const policy = server(['pap']);
  assert.equal(policy.peerMru, 1500);
  policy.agreed([{ type: 'Mru', mru: 1400 }]);
  assert.equal(policy.peerMru, 1400);
  policy.agreed([{ type: 'Mru', mru: 65535 }]);
  assert.equal(policy.peerMru, 4091);
  policy.agreed([]);
  assert.equal(policy.peerMru, 1500);
});

test('a suggested MRU is taken from 576 to 4091, a rejected one is not asked for again', () => {
  const policy = server(['pap']);
  const mru = () => policy.request().find((option) => option.type === 'Mru')?.mru;
  for (const [suggested, expected] of [
    [1400, 1400],
    [575, 1400],
    [4092, 1400],
    [4091, 4091],
    [576, 576],
  ] as const) {
    policy.nakked([{ type: 'Mru', mru: suggested }]);
    assert.equal(mru(), expected);
  }
  policy.rejected([{ type: 'Mru', mru: 576 }]);
  policy.nakked([{ type: 'Mru', mru: 1400 }]);
  assert.equal(mru(), undefined);
});

test('a Nak of the Magic-Number brings a new one, never the suggested; a Reject ends it (RFC 1661 §6.4)', () => {
  const policy = server(['pap']);
  const before = policy.magic;
  policy.nakked([{ type: 'MagicNumber', magic: 0x12345678 }]);
  assert.notEqual(policy.magic, before);
  assert.notEqual(policy.magic, 0x12345678);
  assert.ok(policy.isDistinctive);
  policy.rejected([{ type: 'MagicNumber', magic: policy.magic }]);
  assert.equal(policy.magic, 0);
  assert.equal(policy.isDistinctive, false);
  assert.equal(policy.judge({ type: 'MagicNumber', magic: 0 }).kind, 'nak');
});

test('a random number of zero is not used as Magic-Number', () => {
  assert.equal(new LcpServerPolicy(1500, ['pap'], constantRandom(0)).magic, 1);
});
