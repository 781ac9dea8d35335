import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type AuthMethod, METHODS, methodRows } from '../../ppp/index.ts';
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

const server = (methods: readonly AuthMethod[]) => new LcpServerPolicy(1500, methodRows(methods), seededRandom('lcp'));
const client = (methods: readonly AuthMethod[]) => new LcpClientPolicy(1500, methodRows(methods), seededRandom('lcp'));

test('the server asks for MRU 1500, its first method and a Magic-Number', () => {
  const policy = new LcpServerPolicy(1500, methodRows(['mschapv2', 'pap']), constantRandom(0xa5));
  assert.deepEqual(policy.request(), [
    { type: 'Mru', mru: 1500 },
    auth('mschapv2'),
    { type: 'MagicNumber', magic: 0xa5a5a5a5 },
  ]);
});

/** Which method is asked for after each answer; `+` means a Configure-Nak with these wishes, `-` a Configure-Reject. */
const CHOICES: Readonly<
  Record<string, { readonly ours: string; readonly answers: readonly string[]; readonly asked: string }>
> = {
  'a wish on the list': { ours: 'mschapv2 chap pap', answers: ['+pap'], asked: 'pap' },
  'back to one passed over': { ours: 'mschapv2 chap pap', answers: ['+pap', '+mschapv2'], asked: 'pap mschapv2' },
  'back and forth': {
    ours: 'mschapv2 pap',
    answers: ['+pap', '+mschapv2', '+pap', '+mschapv2'],
    asked: 'pap mschapv2 pap none',
  },
  'a wish for none of ours: the first once more': {
    ours: 'mschapv2',
    answers: ['+eap', '+eap'],
    asked: 'mschapv2 none',
  },
  'a wish for none of ours, and another each time': {
    ours: 'mschapv2 chap pap',
    answers: ['+eap', '+mschapv1', '+eap', '+eap', '+eap', '+eap'],
    asked: 'mschapv2 chap chap pap pap none',
  },
  'the first once more, after a wish': { ours: 'mschapv2 chap pap', answers: ['+pap', '+eap'], asked: 'pap mschapv2' },
  'a wish for the very method we asked for': {
    ours: 'mschapv2 pap',
    answers: ['+mschapv2', '+mschapv2'],
    asked: 'mschapv2 pap',
  },
  'several wishes: the first that we have, one refusal': {
    ours: 'mschapv2 chap pap',
    answers: ['+eap,pap,chap', '+pap', '+eap,eap,eap'],
    asked: 'pap pap mschapv2',
  },
  'a wish for what was refused twice': {
    ours: 'mschapv2 pap',
    answers: ['+eap', '+eap', '+mschapv2', '+mschapv2', '+mschapv2'],
    asked: 'mschapv2 pap mschapv2 pap none',
  },
  'a wish for what was refused for want of ours': {
    ours: 'mschapv2 chap pap',
    answers: ['+eap', '+mschapv1', '+mschapv2'],
    asked: 'mschapv2 chap mschapv2',
  },
  'a wish for one that was refused once for want, once for another of ours': {
    ours: 'mschapv2 pap',
    answers: ['+eap', '+pap', '+mschapv2', '+mschapv1', '+mschapv2'],
    asked: 'mschapv2 pap mschapv2 pap none',
  },
  'one of ours that is not offered is no choice': {
    ours: 'mschapv2 pap',
    answers: ['+chap', '+chap', '+mschapv2'],
    asked: 'mschapv2 pap mschapv2',
  },
  'a wish that is open goes before one that is opened again': {
    ours: 'mschapv2 chap pap',
    answers: ['+eap', '+eap', '+mschapv2,pap'],
    asked: 'mschapv2 chap pap',
  },
  'a Reject is for good, also after a refusal for want of ours': {
    ours: 'mschapv2 pap',
    answers: ['+eap', '-', '+mschapv2', '+mschapv2'],
    asked: 'mschapv2 pap pap none',
  },
  'a Nak of something else': { ours: 'mschapv2 pap', answers: ['+'], asked: 'mschapv2' },
  'a Reject is for good': { ours: 'mschapv2 chap', answers: ['-', '+mschapv2', '-'], asked: 'chap chap none' },
  'a Reject of the only one': { ours: 'mschapv2', answers: ['-'], asked: 'none' },
};

for (const [name, { ours, answers, asked }] of Object.entries(CHOICES)) {
  test(`choice of the login method: ${name} (RFC 1661 §5.3, §5.4)`, () => {
    const policy = server(ours.split(' ') as AuthMethod[]);
    const methods = answers.map((answer) => {
      const wishes = answer.slice(1).split(',').filter(Boolean).map(auth);
      if (answer.startsWith('+')) policy.nakked([{ type: 'Mru', mru: 1400 }, ...wishes]);
      else policy.rejected(policy.request().filter((option) => option.type === 'AuthProtocol'));
      assert.equal(policy.problem, policy.authMethod === undefined ? 'no-auth-method' : undefined);
      return policy.authMethod?.name ?? 'none';
    });
    assert.equal(methods.join(' '), asked);
  });
}

test('whatever a client answers: it gets what it asks for unless it refused that for another of ours, and there is an end', () => {
  const wish = fc.constantFrom('mschapv2', 'chap', 'pap', 'eap', 'mschapv1');
  const answer = fc.oneof(
    { weight: 5, arbitrary: fc.array(wish, { minLength: 1, maxLength: 4 }) },
    { weight: 1, arbitrary: fc.constant('reject' as const) },
  );
  const methods = fc.shuffledSubarray<AuthMethod>(['mschapv2', 'chap', 'pap'], { minLength: 1 });
  fc.assert(
    fc.property(methods, fc.array(answer, { minLength: 9, maxLength: 15 }), (ours, answers) => {
      const policy = server(ours);
      const refused = new Map<string, number>();
      const forWant = new Set<string>();
      const most = (method: string): number => (forWant.has(method) ? 3 : 2);
      let given = 0;
      for (const one of answers) {
        const before = policy.authMethod?.name;
        if (before === undefined) break;
        assert.ok((refused.get(before) ?? 0) < most(before), `${before} was refused and is asked for again`);
        given += 1;
        const isWanted = one !== 'reject' && one.some((name) => ours.some((method) => method === name));
        refused.set(before, one === 'reject' ? 3 : (refused.get(before) ?? 0) + 1);
        if (one !== 'reject' && !isWanted) forWant.add(before);
        const open = ours.filter((method) => (refused.get(method) ?? 0) < 2);
        const openToWish = ours.filter((method) => (refused.get(method) ?? 0) < most(method));
        if (one === 'reject') policy.rejected([auth(before)]);
        else policy.nakked(one.map(auth));
        const wishes: readonly string[] = one === 'reject' ? [] : one;
        const firstOf = (methods: readonly string[]) => wishes.find((name) => methods.includes(name));
        assert.equal(policy.authMethod?.name, firstOf(open) ?? firstOf(openToWish) ?? open[0]);
      }
      assert.ok(given <= 3 * ours.length);
      assert.equal(policy.problem, 'no-auth-method');
    }),
  );
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
  assert.equal(policy.authMethod, METHODS.pap);
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
  assert.equal(new LcpServerPolicy(1500, methodRows(['pap']), constantRandom(0)).magic, 1);
});
