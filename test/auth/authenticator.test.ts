import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { Authenticator, type ProofArithmetic } from '../../auth/authenticator.ts';
import type { SecretKind } from '../../auth/credentials.ts';
import { generateNtResponse, ntPasswordHash } from '../../auth/mschapv2.ts';
import { UserStoreError } from '../../auth/user-store-error.ts';
import type { LoginResult } from '../../auth/verifier.ts';
import type { Log, LogFields } from '../../core/index.ts';
import type { CredentialProof } from '../../ppp/index.ts';
import { SecretSeal } from '../../store/sqlite/secret-seal.ts';
import { usersOf } from '../../store/sqlite/sqlite-store.ts';
import { UserStore } from '../../store/sqlite/user-store.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** RFC 2759 §9.2: user "User", password "clientPass". */
const authenticatorChallenge = hex('5B 5D 7C 7D 7B 3F 2F 3E 3C 2C 60 21 32 26 26 28');
const peerChallenge = hex('21 40 23 24 25 5E 26 2A 28 29 5F 2B 3A 33 7C 7E');
const ntResponse = hex('82 30 9E CD 8D 70 8B 5E A0 8F AA 39 81 CD 83 54 42 33 11 4A 3D 85 D6 DF');

/** As a client with `password` would prove it. The right proofs below are literal and don't come from here. */
function proofOf(method: CredentialProof['method'], name: string, password: string): CredentialProof {
  switch (method) {
    case 'pap':
      return { method, name, password };
    case 'chap': {
      const challenge = authenticatorChallenge;
      const response = createHash('md5').update(Buffer.of(7)).update(password).update(challenge).digest();
      return { method, name, identifier: 7, challenge, response };
    }
    case 'mschapv2': {
      const challenges = { name, authenticatorChallenge, peerChallenge };
      return { method, ...challenges, ntResponse: generateNtResponse(challenges, ntPasswordHash(password)) };
    }
    case 'eap':
      return { method, name, packet: Buffer.from(password) };
    default:
      return method satisfies never;
  }
}

const RIGHT: readonly CredentialProof[] = [
  { method: 'pap', name: 'User', password: 'clientPass' },
  {
    method: 'chap',
    name: 'User',
    identifier: 7,
    challenge: authenticatorChallenge,
    // MD5 of 07, "clientPass" and the challenge (RFC 1994 §4.1), from Python's hashlib
    response: hex('9406a36ecac6d67aacb45ac26b091e11'),
  },
  { method: 'mschapv2', name: 'User', authenticatorChallenge, peerChallenge, ntResponse },
];

const METHODS = ['pap', 'chap', 'mschapv2'] as const;

function newStore(t: TestContext, keep: SecretKind = 'password'): UserStore {
  const directory = mkdtempSync(join(tmpdir(), 'sstpd-users-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const store = UserStore.open(directory, { keep });
  t.after(() => store.close());
  store.add('User', 'clientPass', { weak: true });
  return store;
}

async function verify(authenticator: Authenticator, proof: CredentialProof): Promise<LoginResult> {
  return await authenticator.verify(authenticator.read(proof));
}

/** What 691 says, for whichever reason. Only MS-CHAPv2 can try again on the same link (RFC 2759 §6, R=1). */
function wrong(method: CredentialProof['method']): LoginResult['verdict'] {
  return {
    kind: 'reject',
    errorCode: 691,
    retryAllowed: method === 'mschapv2',
    message: 'Wrong user name or password',
  };
}

test('MS-CHAPv2: the right response gets the Authenticator Response and the HLAK (RFC 2759 §9.2, MS-SSTP 3.2.5.2.2)', async (t) => {
  const store = newStore(t);
  const proof = { method: 'mschapv2', name: 'User', authenticatorChallenge, peerChallenge, ntResponse } as const;
  const { verdict, reason, user } = await verify(new Authenticator({ store: usersOf(store) }), proof);
  assert.equal(reason, 'ok');
  assert.equal(user?.name, 'User');
  assert.deepEqual(verdict, {
    kind: 'accept',
    name: 'User',
    authenticatorResponse: 'S=407A5589115FD0D6209F510FE9C04566932CDA56',
    innerAuth: { kind: 'keys', hlaks: [hex('d5f0e9521e3ea9589645e86051c82226 8b7cdc149b993a1ba118cb153f56dccb')] },
  });
});

test('PAP and CHAP-MD5 leave no keys for the Crypto Binding (MS-SSTP 3.2.5.2.2)', async (t) => {
  const authenticator = new Authenticator({ store: usersOf(newStore(t)) });
  for (const proof of RIGHT.filter(({ method }) => method !== 'mschapv2')) {
    assert.deepEqual((await verify(authenticator, proof)).verdict, {
      kind: 'accept',
      name: 'User',
      authenticatorResponse: undefined,
      innerAuth: { kind: 'no-keys' },
    });
  }
});

test('CHAP-MD5 takes the password in UTF-8 (digest from Python)', async (t) => {
  const store = newStore(t);
  store.add('Zoë', 'pässwörd€😀');
  const response = hex('405484ec1c966cf83a3f54a35e063324');
  const proof = { method: 'chap', name: 'ZOË', identifier: 7, challenge: authenticatorChallenge, response } as const;
  assert.equal((await verify(new Authenticator({ store: usersOf(store) }), proof)).reason, 'ok');
});

test('the name in the challenge hash is as sent, without domain, with realm; the user is found without both', async (t) => {
  const authenticator = new Authenticator({ store: usersOf(newStore(t)) });
  const withDomain = { method: 'mschapv2', name: 'CORP\\User', authenticatorChallenge, peerChallenge } as const;
  assert.equal((await verify(authenticator, { ...withDomain, ntResponse })).reason, 'ok');
  // From Python and OpenSSL for the name with the realm.
  const withRealmResponse = hex('2e6e98fc661500f1a24875305a0f1e0e15b68a51744694bf');
  const withRealm = { ...withDomain, name: 'User@realm.example' };
  assert.equal((await verify(authenticator, { ...withRealm, ntResponse: withRealmResponse })).reason, 'ok');
  const bare = await verify(authenticator, { ...withRealm, ntResponse });
  assert.equal(bare.reason, 'domain-hashed', 'over the name without the realm');
  assert.deepEqual(bare.verdict, wrong('mschapv2'));
  assert.equal(bare.remark, 'Its proof is over "User"; RFC 2759 takes the realm with it: "User@realm.example".');
  // Another spelling is another hash, although it is the same user.
  assert.equal((await verify(authenticator, { ...withDomain, name: 'USER', ntResponse })).reason, 'wrong-password');
  assert.equal((await verify(authenticator, proofOf('mschapv2', 'USER', 'clientPass'))).reason, 'ok');
});

test('a name that a client sent and hashed in Latin-1 is accepted too (response from Python and OpenSSL for 5a 6f eb)', async (t) => {
  const store = newStore(t);
  store.add('Zoë', 'clientPass', { weak: true });
  const authenticator = new Authenticator({ store: usersOf(store) });
  const nameBytes = hex('5a 6f eb');
  const proof = { method: 'mschapv2', name: 'Zoë', nameBytes, authenticatorChallenge, peerChallenge } as const;
  const latin1 = hex('09f0100f910b652196a1452b62be8ebfacdb56a0607ab7ca');
  const { verdict } = await verify(authenticator, { ...proof, ntResponse: latin1 });
  assert.equal(verdict.kind, 'accept');
  assert.equal(
    verdict.kind === 'accept' && verdict.authenticatorResponse,
    'S=1756FEBA0409217D1BB4BDB94BBA880BDC47F5D4',
  );
  assert.equal((await verify(authenticator, proofOf('mschapv2', 'Zoë', 'clientPass'))).reason, 'ok');
  assert.deepEqual((await verify(authenticator, { ...proof, ntResponse })).verdict, wrong('mschapv2'));
});

/** As a client whose code page is not UTF-8 sends it; the hash is over the bytes of its name. */
function sent(method: CredentialProof['method'], name: Buffer, password: string): CredentialProof {
  const named = { name: name.toString('latin1'), nameBytes: name };
  if (method !== 'mschapv2') return { ...proofOf(method, '', password), ...named };
  const bare = name.subarray(name.indexOf('CORP\\') < 0 ? 0 : 5);
  const challenges = { name: { bare }, authenticatorChallenge, peerChallenge };
  const response = generateNtResponse(challenges, ntPasswordHash(password));
  return { method, ...named, authenticatorChallenge, peerChallenge, ntResponse: response };
}

const IN_CODE_PAGES: readonly (readonly [user: string, page: string, bytes: string])[] = [
  ['иван', 'cp1251', 'e8e2e0ed'],
  ['ИВАН', 'cp866', '8882808d'],
  ['łukasz', 'cp1250', 'b3756b61737a'],
  ['łukasz', 'cp852', '88756b61737a'],
  ['müller', 'Latin-1', '6dfc6c6c6572'],
  ['müller', 'cp850', '6d816c6c6572'],
  ['γιώργος', 'cp1253', 'e3e9fef1e3eff2'],
  ['çağlar', 'cp1254', 'e761f06c6172'],
  ['משה', 'cp1255', 'eef9e4'],
  ['محمد', 'cp1256', 'e3cde3cf'],
  ['žydrė', 'cp1257', 'fe796472eb'],
  ['สมชาย', 'cp874', 'cac1aad2c2'],
  ['田中', 'cp932', '93639286'],
  ['表示', 'cp932', '955c8ea6'],
  ['王伟', 'cp936', 'cdf5ceb0'],
  ['김철수', 'cp949', 'b1e8c3b6bcf6'],
  ['許功', 'cp950', 'b35ca55c'],
];

for (const [user, page, bytes] of IN_CODE_PAGES) {
  test(`${user} logs in with the name in ${page} (${bytes}), and no other password ([MS-CHAP] 3.1.5.2)`, async (t) => {
    const store = newStore(t);
    store.add(user.toLowerCase(), 'white rabbit');
    store.add(`${user.toLowerCase()}2`, 'white rabbit');
    const authenticator = new Authenticator({ store: usersOf(store) });
    for (const method of METHODS) {
      for (const name of [hex(bytes), Buffer.concat([Buffer.from('CORP\\'), hex(bytes), Buffer.from('@x')])]) {
        const right = await verify(authenticator, sent(method, name, 'white rabbit'));
        assert.deepEqual([right.reason, right.user?.name, right.name], ['ok', user.toLowerCase(), user.toLowerCase()]);
        assert.equal(await authenticator.nameOf(authenticator.read(sent(method, name, 'any'))), user.toLowerCase());
        const wrongOne = await verify(authenticator, sent(method, name, 'the mad hatter'));
        assert.deepEqual(wrongOne.verdict, wrong(method));
        assert.equal(wrongOne.reason, 'wrong-password');
      }
    }
    const known = await verify(authenticator, sent('mschapv2', hex(bytes), 'guess'));
    assert.match(known.remark ?? '', new RegExp(`^The name is not UTF-8; read as \\S+ it is "${user}"\\.$`));
  });
}

test('of users whose names have the same bytes in two code pages the proof tells which it is', async (t) => {
  const store = newStore(t);
  store.add('иван', 'white rabbit');
  store.add('èâàí', 'the mad hatter');
  const authenticator = new Authenticator({ store: usersOf(store) });
  for (const method of METHODS) {
    for (const [password, user] of [
      ['white rabbit', 'иван'],
      ['the mad hatter', 'èâàí'],
    ] as const) {
      assert.equal((await verify(authenticator, sent(method, hex('e8e2e0ed'), password))).user?.name, user);
    }
    assert.equal((await verify(authenticator, sent(method, hex('e8e2e0ed'), 'guess'))).reason, 'wrong-password');
  }
});

test('what fits one of them is told as his, also where another one is read first', async (t) => {
  const store = newStore(t);
  store.add('иван', 'white rabbit');
  store.change('иван', { password: 'queen of hearts' });
  const authenticator = new Authenticator({ store: usersOf(store) });
  for (const isAlone of [true, false]) {
    if (!isAlone) store.add('èâàí', 'the mad hatter');
    for (const method of METHODS) {
      const previous = await verify(authenticator, sent(method, hex('e8e2e0ed'), 'white rabbit'));
      assert.deepEqual([previous.user?.name, previous.isPrevious], ['иван', true], `${method} ${isAlone}`);
    }
    const nameBytes = hex('43 5c e8e2e0ed');
    const hashed = sent('mschapv2', nameBytes, 'queen of hearts');
    const bare = { name: { bare: nameBytes }, authenticatorChallenge, peerChallenge };
    const over = { ...hashed, ntResponse: generateNtResponse(bare, ntPasswordHash('queen of hearts')) };
    assert.equal((await verify(authenticator, over as CredentialProof)).reason, 'domain-hashed', `${isAlone}`);
  }
});

test('nobody is left out because others have the same bytes too; and nobody else is tried where the name means some alone', async (t) => {
  const store = newStore(t);
  const authenticator = new Authenticator({ store: usersOf(store) });
  const read = authenticator.read(sent('pap', hex('e8e2e0ed'), 'white rabbit'));
  const [first = '', ...others] = read.readings;
  const last = others.at(-1) ?? '';
  for (const name of [first, ...others]) store.add(name, name === last ? 'white rabbit' : 'the mad hatter');
  assert.ok(others.length > 5);
  const { reason, user } = await authenticator.verify(read);
  assert.deepEqual([reason, user?.name], ['ok', last]);
  assert.equal((await authenticator.verify(read, 'vpn', [first, last])).reason, 'ok');
  const other = await authenticator.verify(read, 'vpn', [first]);
  assert.deepEqual([other.reason, other.user?.name], ['wrong-password', first]);
  assert.equal((await authenticator.verify(read, 'vpn', ['was removed'])).reason, 'unknown-user');
});

test('a name in no code page of the setting is nobody, and what it may be is told', async (t) => {
  const store = newStore(t);
  store.add('иван', 'white rabbit');
  const proof = sent('mschapv2', hex('e8e2e0ed'), 'white rabbit');
  const none = await verify(new Authenticator({ store: usersOf(store), codePages: [] }), proof);
  assert.deepEqual([none.reason, none.name], ['unknown-user', 'èâàí']);
  assert.match(none.remark ?? '', /^The name is not UTF-8; it may be "èâàí" as Latin-1\.$/);
  store.remove('иван');
  const unknown = await verify(new Authenticator({ store: usersOf(store) }), proof);
  assert.match(unknown.remark ?? '', /"иван" as cp1251/);
});

test('what an operator is told of a name that is not UTF-8 takes the same steps whether or not there is such a user', async (t) => {
  const store = newStore(t);
  const authenticator = new Authenticator({ store: usersOf(store) });
  const looks = t.mock.method(RegExp.prototype, 'test');
  const looksOf = async (remark: RegExp): Promise<number> => {
    const before = looks.mock.callCount();
    assert.match((await verify(authenticator, sent('mschapv2', hex('6af67267'), 'guess'))).remark ?? '', remark);
    return looks.mock.callCount() - before;
  };
  const unknown = await looksOf(/it may be "j\u00f6rg" as Latin-1/);
  store.add('j\u00f6rg', 'clientPass', { weak: true });
  assert.equal(await looksOf(/read as Latin-1 it is "j\u00f6rg"/), unknown);
  assert.ok(unknown > 20);
});

for (const method of METHODS) {
  test(`${method}: a name that is not UTF-8 costs the same steps whoever has it, and in however many code pages`, async (t) => {
    const store = newStore(t);
    store.add('иван', 'white rabbit');
    store.add('èâàí', 'the mad hatter');
    store.change('èâàí', { password: 'queen of hearts' });
    const stepsOf = async (name: string, password: string): Promise<readonly string[]> => {
      const { arithmetic, steps } = countingArithmetic();
      const openings = t.mock.method(SecretSeal.prototype, 'open');
      await verify(new Authenticator({ store: usersOf(store), arithmetic }), sent(method, hex(name), password));
      openings.mock.restore();
      return [...steps, `opened ${openings.mock.callCount()}`];
    };
    const steps = await stepsOf('e8e2e0ed', 'white rabbit');
    assert.equal(steps.at(-1), 'opened 6');
    for (const password of ['queen of hearts', 'the mad hatter', 'guess']) {
      assert.deepEqual(await stepsOf('e8e2e0ed', password), steps);
    }
    assert.deepEqual(await stepsOf('e8e2e0ee', 'guess'), steps, 'nobody has this name');
  });
}

test('whichever form of its name a client hashes, what is told is which, and only the one of RFC 2759 lets in', async (t) => {
  const store = newStore(t);
  store.add('\u8868', 'clientPass', { weak: true }); // 95 5c in Shift-JIS: its second byte looks like a backslash
  const authenticator = new Authenticator({ store: usersOf(store), codePages: ['cp932'] });
  const japanese = hex('955c');
  for (const [sent, over, remark] of [
    ['CORP\\User@realm', 'User@realm', undefined],
    ['CORP\\User@realm', 'CORP\\User@realm', /over "CORP\\User@realm"; RFC 2759 leaves the domain out: "User@realm"\./],
    ['CORP\\User@realm', 'CORP\\User', /over "CORP\\User"; RFC 2759 leaves the domain out: "User@realm"\./],
    ['CORP\\User@realm', 'User', /over "User"; RFC 2759 takes the realm with it: "User@realm"\./],
    ['User@realm', 'User', /over "User"; RFC 2759 takes the realm with it/],
    [Buffer.concat([japanese, Buffer.from('@realm')]), japanese, /over "\u8868"; RFC 2759 takes the realm with it/],
  ] as const) {
    const proofOver = (password: string): CredentialProof => ({
      ...{ method: 'mschapv2', name: 'as sent', authenticatorChallenge, peerChallenge, nameBytes: Buffer.from(sent) },
      ntResponse: generateNtResponse(
        { name: { bare: Buffer.from(over) }, authenticatorChallenge, peerChallenge },
        ntPasswordHash(password),
      ),
    });
    const result = await verify(authenticator, proofOver('clientPass'));
    assert.equal(result.reason, remark === undefined ? 'ok' : 'domain-hashed', `${sent} over ${over}`);
    if (remark !== undefined) assert.match(result.remark ?? '', remark);
    assert.equal((await verify(authenticator, proofOver('guess'))).reason, 'wrong-password');
  }
});

test('a name of a client that hashes its domain too is told from a wrong password, and not let in (RFC 2759 §4, §8.2)', async (t) => {
  const authenticator = new Authenticator({ store: usersOf(newStore(t)) });
  const name = 'CORP\\User';
  const whole = (password: string): CredentialProof => ({
    ...{ method: 'mschapv2', name, authenticatorChallenge, peerChallenge },
    ntResponse: generateNtResponse(
      { name: { bare: Buffer.from(name) }, authenticatorChallenge, peerChallenge },
      ntPasswordHash(password),
    ),
  });
  const told = await verify(authenticator, whole('clientPass'));
  assert.deepEqual(told.verdict, wrong('mschapv2'));
  assert.equal(told.reason, 'domain-hashed');
  assert.equal(told.remark, 'Its proof is over "CORP\\User"; RFC 2759 leaves the domain out: "User".');
  assert.equal((await verify(authenticator, whole('guess'))).reason, 'wrong-password');
  assert.equal((await verify(authenticator, { ...whole('clientPass'), name: 'CORP\\Nobody' })).reason, 'unknown-user');
  const stepsOf = async (proof: CredentialProof): Promise<readonly string[]> => {
    const { arithmetic, steps } = countingArithmetic();
    await verify(new Authenticator({ store: usersOf(newStore(t)), arithmetic }), proof);
    return steps;
  };
  assert.deepEqual(await stepsOf(whole('guess')), await stepsOf(whole('clientPass')));
  assert.deepEqual(await stepsOf({ ...whole('guess'), name: 'CORP\\Nobody' }), await stepsOf(whole('clientPass')));
});

test('spaces at the ends of a name, and a NUL, are not looked for but hashed; a wrong password tells of them', async (t) => {
  const authenticator = new Authenticator({ store: usersOf(newStore(t)) });
  for (const name of ['User ', ' User', '\tUser  ', 'User\0', 'CORP\\ User', 'User @realm']) {
    for (const method of METHODS) {
      assert.equal(
        (await verify(authenticator, proofOf(method, name, 'clientPass'))).reason,
        'ok',
        JSON.stringify(name),
      );
    }
  }
  const { remark } = await verify(authenticator, proofOf('mschapv2', 'User ', 'guess'));
  assert.equal(remark, 'The name has a space at its end: "User ".');
  assert.equal(
    (await verify(authenticator, proofOf('pap', ' Nobody', 'guess'))).remark,
    'The name has a space at its beginning: " Nobody".',
  );
});

test('what a remark quotes moves no cursor and turns no line round', async (t) => {
  const authenticator = new Authenticator({ store: usersOf(newStore(t)) });
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), async (bytes) => {
      const { remark } = await verify(authenticator, sent('mschapv2', Buffer.from(bytes), 'guess'));
      assert.doesNotMatch(remark ?? '', /[\p{C}\p{Zl}\p{Zp}]/u);
    }),
  );
  const { remark } = await verify(authenticator, proofOf('pap', '\u202eevil\u001b[2J ', 'guess'));
  assert.equal(remark, 'The name has a space at its end: "\\u{202e}evil\\u{1b}[2J ".');
});

test('a password in a code page is taken by PAP, and by CHAP-MD5 in one of single bytes', async (t) => {
  const store = newStore(t);
  store.add('anna', 'grüße£aus', { weak: true });
  store.add('иван', 'зелёный кролик');
  const authenticator = new Authenticator({ store: usersOf(store) });
  const md5 = (bytes: Buffer): Buffer =>
    createHash('md5').update(Buffer.of(7)).update(bytes).update(authenticatorChallenge).digest();
  for (const [name, password] of [
    ['anna', '6772fcdf65a3617573'], // Latin-1
    ['anna', '6772 81e1 65 9c 617573'], // cp850
    ['иван', 'e7e5ebb8edfbe920eaf0eeebe8ea'], // cp1251
    ['иван', 'a7a5abf1adeba920aae0aeaba8aa'], // cp866
  ] as const) {
    const passwordBytes = hex(password);
    const pap = { method: 'pap', name, password: passwordBytes.toString('latin1'), passwordBytes } as const;
    assert.equal((await verify(authenticator, pap)).reason, 'ok', password);
    const wrongBytes = Buffer.concat([passwordBytes, hex('e9')]);
    assert.equal((await verify(authenticator, { ...pap, passwordBytes: wrongBytes })).reason, 'wrong-password');
    const chap = { method: 'chap', name, identifier: 7, challenge: authenticatorChallenge } as const;
    assert.equal((await verify(authenticator, { ...chap, response: md5(passwordBytes) })).reason, 'ok', password);
    assert.equal((await verify(authenticator, { ...chap, response: md5(wrongBytes) })).reason, 'wrong-password');
  }
});

test('the password before the last change is told to the operator', async (t) => {
  const store = newStore(t);
  store.change('User', { password: 'white rabbit' });
  const { remark } = await verify(
    new Authenticator({ store: usersOf(store) }),
    proofOf('mschapv2', 'User', 'clientPass'),
  );
  assert.equal(remark, 'It was the password before the last change.');
});

for (const method of METHODS) {
  const right = RIGHT.filter((proof) => proof.method === method);

  test(`${method}: a wrong password and an unknown user get the same verdict`, async (t) => {
    const authenticator = new Authenticator({ store: usersOf(newStore(t)) });
    const wrongPassword = await verify(authenticator, proofOf(method, 'User', 'clientpass'));
    const unknownUser = await verify(authenticator, proofOf(method, 'Nobody', 'clientPass'));
    assert.equal(wrongPassword.reason, 'wrong-password');
    assert.equal(wrongPassword.user?.name, 'User');
    assert.equal(unknownUser.reason, 'unknown-user');
    assert.equal(unknownUser.user, undefined);
    assert.deepEqual(wrongPassword.verdict, wrong(method));
    assert.deepEqual(unknownUser.verdict, wrong(method));
  });

  test(`${method}: a disabled user learns it only with the right password (E=647 R=0, RFC 2759 §6)`, async (t) => {
    const store = newStore(t);
    store.change('User', { enabled: false });
    const authenticator = new Authenticator({ store: usersOf(store) });
    for (const proof of right) {
      const { verdict, reason } = await verify(authenticator, proof);
      assert.equal(reason, 'disabled');
      assert.deepEqual(verdict, {
        kind: 'reject',
        errorCode: 647,
        retryAllowed: false,
        message: 'Account disabled',
      });
    }
    assert.equal(right.length, 1);
    const guessed = await verify(authenticator, proofOf(method, 'User', 'guess'));
    assert.equal(guessed.reason, 'wrong-password');
    assert.deepEqual(guessed.verdict, wrong(method));
    assert.equal(store.find('User')?.lastLoginAt, undefined);
  });

  test(`${method}: the same steps for a known user, a wrong and a previous password, a disabled user and an unknown one`, async (t) => {
    for (const keep of ['password', 'nt-hash'] as const) {
      const store = newStore(t, keep);
      store.add('Disabled', 'clientPass', { weak: true });
      store.change('Disabled', { enabled: false });
      store.add('Changed', 'oldPassword');
      store.change('Changed', { password: 'clientPass', weak: true });
      const lookups = t.mock.method(store, 'lookupAny');
      const stepsOf = async (name: string, password: string): Promise<readonly string[]> => {
        const { arithmetic, steps } = countingArithmetic();
        lookups.mock.resetCalls();
        await verify(new Authenticator({ store: usersOf(store), arithmetic }), proofOf(method, name, password));
        return [...steps, `lookup ${lookups.mock.callCount()}`];
      };
      const steps = await stepsOf('User', 'clientPass');
      // PAP's hash does not need the secret; CHAP-MD5 tries the password in each code page of single bytes.
      assert.equal(steps.length, { pap: 1 + 2, chap: 2 * 2 * 16, mschapv2: 2 * 2 }[method] + 1);
      assert.ok(steps.includes(`areEqual ${{ pap: 16, chap: 16, mschapv2: 24 }[method]}`));
      assert.equal(steps.at(-1), 'lookup 1');
      assert.deepEqual(await stepsOf('User', 'guess'), steps);
      assert.deepEqual(await stepsOf('Changed', 'clientPass'), steps);
      assert.deepEqual(await stepsOf('Changed', 'oldPassword'), steps);
      assert.deepEqual(await stepsOf('Changed', 'guess'), steps);
      assert.deepEqual(await stepsOf('Disabled', 'clientPass'), steps);
      assert.deepEqual(await stepsOf('Disabled', 'guess'), steps);
      assert.deepEqual(await stepsOf('Nobody', 'guess'), steps);
    }
  });

  test(`${method}: the previous password opens nothing, and is told from any other wrong one`, async (t) => {
    const store = newStore(t);
    store.add('Changed', 'oldPassword');
    const authenticator = new Authenticator({ store: usersOf(store) });
    const told = async (name: string, password: string): Promise<[string, boolean]> => {
      const { verdict, reason, isPrevious } = await verify(authenticator, proofOf(method, name, password));
      assert.deepEqual(verdict.kind === 'accept' ? 'accept' : verdict, reason === 'ok' ? 'accept' : wrong(method));
      return [reason, isPrevious];
    };
    assert.deepEqual(await told('Changed', 'oldPassword'), ['ok', false]);
    store.change('Changed', { password: 'clientPass', weak: true });
    assert.deepEqual(await told('Changed', 'oldPassword'), ['wrong-password', true]);
    assert.deepEqual(await told('CORP\\changed', 'oldPassword'), ['wrong-password', true]);
    assert.deepEqual(await told('Changed', 'guess'), ['wrong-password', false]);
    assert.deepEqual(await told('Changed', 'clientPass'), ['ok', false]);
    assert.deepEqual(await told('User', 'oldPassword'), ['wrong-password', false]);
    assert.deepEqual(await told('Nobody', 'oldPassword'), ['unknown-user', false]);
  });

  test(`${method}: no proof of a wrong length or content passes, and none throws`, async (t) => {
    const authenticator = new Authenticator({ store: usersOf(newStore(t)) });
    const bytes = fc.uint8Array({ maxLength: 40 });
    const name = fc.constantFrom('User', 'Nobody', '', 'CORP\\User');
    const proofs = {
      pap: fc.record({ method: fc.constant('pap' as const), name, password: fc.string({ unit: 'binary' }) }),
      chap: fc.record({
        method: fc.constant('chap' as const),
        name,
        identifier: fc.nat(255),
        challenge: bytes,
        response: bytes,
      }),
      mschapv2: fc.record({
        method: fc.constant('mschapv2' as const),
        name,
        authenticatorChallenge: fc.oneof(fc.constant(authenticatorChallenge), bytes),
        peerChallenge: fc.oneof(fc.constant(peerChallenge), bytes),
        ntResponse: fc.oneof(fc.constant(ntResponse.subarray(0, 23)), bytes),
      }),
    };
    const arbitraryProof: fc.Arbitrary<CredentialProof> = proofs[method];
    await fc.assert(
      fc.asyncProperty(arbitraryProof, async (proof) => {
        assert.deepEqual((await verify(authenticator, proof)).verdict, wrong(method));
      }),
      { numRuns: 150 },
    );
  });
}

/** Steps in order, without their results; the length of what is compared included. */
function countingArithmetic(): { arithmetic: ProofArithmetic; steps: string[] } {
  const steps: string[] = [];
  const record = <Result>(step: string, result: Result): Result => {
    steps.push(step);
    return result;
  };
  const arithmetic: ProofArithmetic = {
    ntPasswordHash: (password) => record('ntPasswordHash', ntPasswordHash(password)),
    generateNtResponse: (input, ntHash) => record('generateNtResponse', generateNtResponse(input, ntHash)),
    chapMd5: (identifier, secret, challenge) =>
      record('chapMd5', createHash('md5').update(Buffer.of(identifier)).update(secret).update(challenge).digest()),
    areEqual: (a, b) => record(`areEqual ${a.length}`, Buffer.from(a).equals(b)),
  };
  return { arithmetic, steps };
}

test('where only the NT hash is kept, MS-CHAPv2 and PAP work and CHAP-MD5 is refused like a wrong password', async (t) => {
  const authenticator = new Authenticator({ store: usersOf(newStore(t, 'nt-hash')) });
  for (const proof of RIGHT) {
    const { verdict, reason } = await verify(authenticator, proof);
    assert.equal(reason, proof.method === 'chap' ? 'method-needs-password' : 'ok');
    if (proof.method === 'chap') assert.deepEqual(verdict, wrong('chap'));
  }
  assert.equal((await verify(authenticator, proofOf('pap', 'User', 'clientpass'))).reason, 'wrong-password');
  assert.equal((await verify(authenticator, proofOf('chap', 'Nobody', 'clientPass'))).reason, 'unknown-user');
  // The empty password stands in for the one that is not kept; it must not open anything.
  assert.equal((await verify(authenticator, proofOf('chap', 'User', ''))).verdict.kind, 'reject');
});

test('where only the NT hash of the previous password is kept, the empty one is not taken for it', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sstpd-users-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const hashes = UserStore.open(directory, { keep: 'nt-hash' });
  hashes.add('User', 'oldPassword');
  hashes.close();
  const store = UserStore.open(directory, { keep: 'password' });
  t.after(() => store.close());
  store.change('User', { password: 'clientPass', weak: true });
  const authenticator = new Authenticator({ store: usersOf(store) });
  assert.equal((await verify(authenticator, proofOf('chap', 'User', ''))).isPrevious, false);
  assert.equal((await verify(authenticator, proofOf('chap', 'User', 'oldPassword'))).isPrevious, false);
  assert.equal((await verify(authenticator, proofOf('pap', 'User', 'oldPassword'))).isPrevious, true);
  assert.equal((await verify(authenticator, proofOf('chap', 'User', 'clientPass'))).reason, 'ok');
});

test('only an accepted login is recorded', async (t) => {
  const store = newStore(t);
  const authenticator = new Authenticator({ store: usersOf(store) });
  await verify(authenticator, proofOf('pap', 'User', 'guess'));
  assert.equal(store.find('User')?.lastLoginAt, undefined);
  await verify(authenticator, proofOf('pap', 'CORP\\user', 'clientPass'));
  assert.notEqual(store.find('User')?.lastLoginAt, undefined);
});

test('a login does not fail because its time cannot be written; the log says so', async (t) => {
  const store = newStore(t);
  t.mock.method(store, 'recordLogin', () => {
    throw new UserStoreError('ERR_USER_STORE', 'disk full');
  });
  const errors: [string, LogFields | undefined][] = [];
  const log: Log = {
    debug: () => {},
    info: () => {},
    warn: () => {},
    error: (event, fields) => errors.push([event, fields]),
    child: () => log,
  };
  assert.equal(
    (await verify(new Authenticator({ store: usersOf(store), log }), proofOf('pap', 'User', 'clientPass'))).reason,
    'ok',
  );
  assert.deepEqual(errors, [['users.login-not-recorded', { user: 'User', error: 'disk full' }]]);
  assert.equal(
    (await verify(new Authenticator({ store: usersOf(store) }), proofOf('pap', 'User', 'clientPass'))).reason,
    'ok',
  );
});

test('a mistake of our own while recording is not hidden', async (t) => {
  const store = newStore(t);
  t.mock.method(store, 'recordLogin', () => {
    throw new TypeError('a bug');
  });
  await assert.rejects(
    async () => await verify(new Authenticator({ store: usersOf(store) }), proofOf('pap', 'User', 'clientPass')),
    TypeError,
  );
});

test('a store that cannot be read is an error, not a wrong password', async (t) => {
  const store = newStore(t);
  t.mock.method(store, 'lookupAny', () => {
    throw new UserStoreError('ERR_USER_STORE', 'disk gone');
  });
  await assert.rejects(
    async () => await verify(new Authenticator({ store: usersOf(store) }), proofOf('pap', 'User', 'clientPass')),
    {
      code: 'ERR_USER_STORE',
    },
  );
});

test('packets of EAP are a fault of whoever sends them here, before anybody is looked up', async (t) => {
  const store = newStore(t);
  const lookups = t.mock.method(store, 'lookupAny');
  await assert.rejects(verify(new Authenticator({ store: usersOf(store) }), proofOf('eap', 'User', 'x')), TypeError);
  assert.equal(lookups.mock.callCount(), 0);
});
