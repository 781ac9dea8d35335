import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { Authenticator, type LoginResult, type ProofArithmetic } from '../../auth/authenticator.ts';
import { generateNtResponse, ntPasswordHash } from '../../auth/mschapv2.ts';
import type { SecretKind } from '../../auth/secret-seal.ts';
import { UserStore } from '../../auth/user-store.ts';
import { UserStoreError } from '../../auth/user-store-error.ts';
import type { Log, LogFields } from '../../core/index.ts';
import type { CredentialProof } from '../../ppp/index.ts';

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
  store.add('User', 'clientPass');
  return store;
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

test('MS-CHAPv2: the right response gets the Authenticator Response and the HLAK (RFC 2759 §9.2, MS-SSTP 3.2.5.2.2)', (t) => {
  const store = newStore(t);
  const proof = { method: 'mschapv2', name: 'User', authenticatorChallenge, peerChallenge, ntResponse } as const;
  const { verdict, reason, user } = new Authenticator({ store }).verify(proof);
  assert.equal(reason, 'ok');
  assert.equal(user?.name, 'User');
  assert.deepEqual(verdict, {
    kind: 'accept',
    authenticatorResponse: 'S=407A5589115FD0D6209F510FE9C04566932CDA56',
    innerAuth: { kind: 'keys', hlak: hex('d5f0e9521e3ea9589645e86051c82226 8b7cdc149b993a1ba118cb153f56dccb') },
  });
});

test('PAP and CHAP-MD5 leave no keys for the Crypto Binding (MS-SSTP 3.2.5.2.2)', (t) => {
  const authenticator = new Authenticator({ store: newStore(t) });
  for (const proof of RIGHT.filter(({ method }) => method !== 'mschapv2')) {
    assert.deepEqual(authenticator.verify(proof).verdict, {
      kind: 'accept',
      authenticatorResponse: undefined,
      innerAuth: { kind: 'no-keys' },
    });
  }
});

test('CHAP-MD5 takes the password in UTF-8 (digest from Python)', (t) => {
  const store = newStore(t);
  store.add('Zoë', 'pässwörd€😀');
  const response = hex('405484ec1c966cf83a3f54a35e063324');
  const proof = { method: 'chap', name: 'ZOË', identifier: 7, challenge: authenticatorChallenge, response } as const;
  assert.equal(new Authenticator({ store }).verify(proof).reason, 'ok');
});

test('the name in the challenge hash is as sent, without domain, with realm; the user is found without both', (t) => {
  const authenticator = new Authenticator({ store: newStore(t) });
  const withDomain = { method: 'mschapv2', name: 'CORP\\User', authenticatorChallenge, peerChallenge } as const;
  assert.equal(authenticator.verify({ ...withDomain, ntResponse }).reason, 'ok');
  // From Python and OpenSSL for the name with the realm.
  const withRealmResponse = hex('2e6e98fc661500f1a24875305a0f1e0e15b68a51744694bf');
  const withRealm = { ...withDomain, name: 'User@realm.example' };
  assert.equal(authenticator.verify({ ...withRealm, ntResponse: withRealmResponse }).reason, 'ok');
  assert.equal(authenticator.verify({ ...withRealm, ntResponse }).reason, 'wrong-password');
  // Another spelling is another hash, although it is the same user.
  assert.equal(authenticator.verify({ ...withDomain, name: 'USER', ntResponse }).reason, 'wrong-password');
  assert.equal(authenticator.verify(proofOf('mschapv2', 'USER', 'clientPass')).reason, 'ok');
});

test('a name that a client sent and hashed in Latin-1 is accepted too (response from Python and OpenSSL for 5a 6f eb)', (t) => {
  const store = newStore(t);
  store.add('Zoë', 'clientPass');
  const authenticator = new Authenticator({ store });
  const proof = { method: 'mschapv2', name: 'Zoë', authenticatorChallenge, peerChallenge } as const;
  const latin1 = hex('09f0100f910b652196a1452b62be8ebfacdb56a0607ab7ca');
  const { verdict } = authenticator.verify({ ...proof, ntResponse: latin1 });
  assert.equal(verdict.kind, 'accept');
  assert.equal(
    verdict.kind === 'accept' && verdict.authenticatorResponse,
    'S=1756FEBA0409217D1BB4BDB94BBA880BDC47F5D4',
  );
  assert.equal(authenticator.verify(proofOf('mschapv2', 'Zoë', 'clientPass')).reason, 'ok');
  assert.deepEqual(authenticator.verify({ ...proof, ntResponse }).verdict, wrong('mschapv2'));
});

test('a name that may be Latin-1 costs the same steps whether or not somebody has it', (t) => {
  const store = newStore(t);
  store.add('Zoë', 'clientPass');
  const stepsOf = (name: string): readonly string[] => {
    const { arithmetic, steps } = countingArithmetic();
    new Authenticator({ store, arithmetic }).verify(proofOf('mschapv2', name, 'guess'));
    return steps;
  };
  assert.equal(stepsOf('Zoë').length, 8);
  assert.deepEqual(stepsOf('Noë'), stepsOf('Zoë'));
});

for (const method of METHODS) {
  const right = RIGHT.filter((proof) => proof.method === method);

  test(`${method}: a wrong password and an unknown user get the same verdict`, (t) => {
    const authenticator = new Authenticator({ store: newStore(t) });
    const wrongPassword = authenticator.verify(proofOf(method, 'User', 'clientpass'));
    const unknownUser = authenticator.verify(proofOf(method, 'Nobody', 'clientPass'));
    assert.equal(wrongPassword.reason, 'wrong-password');
    assert.equal(wrongPassword.user?.name, 'User');
    assert.equal(unknownUser.reason, 'unknown-user');
    assert.equal(unknownUser.user, undefined);
    assert.deepEqual(wrongPassword.verdict, wrong(method));
    assert.deepEqual(unknownUser.verdict, wrong(method));
  });

  test(`${method}: a disabled user learns it only with the right password (E=647 R=0, RFC 2759 §6)`, (t) => {
    const store = newStore(t);
    store.setEnabled('User', false);
    const authenticator = new Authenticator({ store });
    for (const proof of right) {
      const { verdict, reason } = authenticator.verify(proof);
      assert.equal(reason, 'disabled');
      assert.deepEqual(verdict, {
        kind: 'reject',
        errorCode: 647,
        retryAllowed: false,
        message: 'Account disabled',
      });
    }
    assert.equal(right.length, 1);
    const guessed = authenticator.verify(proofOf(method, 'User', 'guess'));
    assert.equal(guessed.reason, 'wrong-password');
    assert.deepEqual(guessed.verdict, wrong(method));
    assert.equal(store.find('User')?.lastLoginAt, undefined);
  });

  test(`${method}: the same steps for a known user, a wrong and a previous password, a disabled user and an unknown one`, (t) => {
    for (const keep of ['password', 'nt-hash'] as const) {
      const store = newStore(t, keep);
      store.add('Disabled', 'clientPass');
      store.setEnabled('Disabled', false);
      store.add('Changed', 'oldPassword');
      store.setPassword('Changed', 'clientPass');
      const lookups = t.mock.method(store, 'lookup');
      const stepsOf = (name: string, password: string): readonly string[] => {
        const { arithmetic, steps } = countingArithmetic();
        lookups.mock.resetCalls();
        new Authenticator({ store, arithmetic }).verify(proofOf(method, name, password));
        return [...steps, `lookup ${lookups.mock.callCount()}`];
      };
      const steps = stepsOf('User', 'clientPass');
      assert.equal(steps.length, 5);
      assert.equal(steps[1], `areEqual ${{ pap: 16, chap: 16, mschapv2: 24 }[method]}`);
      assert.deepEqual(steps.slice(2, 4), steps.slice(0, 2));
      assert.equal(steps[4], 'lookup 1');
      assert.deepEqual(stepsOf('User', 'guess'), steps);
      assert.deepEqual(stepsOf('Changed', 'clientPass'), steps);
      assert.deepEqual(stepsOf('Changed', 'oldPassword'), steps);
      assert.deepEqual(stepsOf('Changed', 'guess'), steps);
      assert.deepEqual(stepsOf('Disabled', 'clientPass'), steps);
      assert.deepEqual(stepsOf('Disabled', 'guess'), steps);
      assert.deepEqual(stepsOf('Nobody', 'guess'), steps);
    }
  });

  test(`${method}: the previous password opens nothing, and is told from any other wrong one`, (t) => {
    const store = newStore(t);
    store.add('Changed', 'oldPassword');
    const authenticator = new Authenticator({ store });
    const told = (name: string, password: string): [string, boolean] => {
      const { verdict, reason, isPrevious } = authenticator.verify(proofOf(method, name, password));
      assert.deepEqual(verdict.kind === 'accept' ? 'accept' : verdict, reason === 'ok' ? 'accept' : wrong(method));
      return [reason, isPrevious];
    };
    assert.deepEqual(told('Changed', 'oldPassword'), ['ok', false]);
    store.setPassword('Changed', 'clientPass');
    assert.deepEqual(told('Changed', 'oldPassword'), ['wrong-password', true]);
    assert.deepEqual(told('CORP\\changed', 'oldPassword'), ['wrong-password', true]);
    assert.deepEqual(told('Changed', 'guess'), ['wrong-password', false]);
    assert.deepEqual(told('Changed', 'clientPass'), ['ok', false]);
    assert.deepEqual(told('User', 'oldPassword'), ['wrong-password', false]);
    assert.deepEqual(told('Nobody', 'oldPassword'), ['unknown-user', false]);
  });

  test(`${method}: no proof of a wrong length or content passes, and none throws`, (t) => {
    const authenticator = new Authenticator({ store: newStore(t) });
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
    fc.assert(
      fc.property(arbitraryProof, (proof) => {
        assert.deepEqual(authenticator.verify(proof).verdict, wrong(method));
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
    chapMd5: (identifier, password, challenge) =>
      record('chapMd5', createHash('md5').update(Buffer.of(identifier)).update(password).update(challenge).digest()),
    areEqual: (a, b) => record(`areEqual ${a.length}`, Buffer.from(a).equals(b)),
  };
  return { arithmetic, steps };
}

test('where only the NT hash is kept, MS-CHAPv2 and PAP work and CHAP-MD5 is refused like a wrong password', (t) => {
  const authenticator = new Authenticator({ store: newStore(t, 'nt-hash') });
  for (const proof of RIGHT) {
    const { verdict, reason } = authenticator.verify(proof);
    assert.equal(reason, proof.method === 'chap' ? 'method-needs-password' : 'ok');
    if (proof.method === 'chap') assert.deepEqual(verdict, wrong('chap'));
  }
  assert.equal(authenticator.verify(proofOf('pap', 'User', 'clientpass')).reason, 'wrong-password');
  assert.equal(authenticator.verify(proofOf('chap', 'Nobody', 'clientPass')).reason, 'unknown-user');
  // The empty password stands in for the one that is not kept; it must not open anything.
  assert.equal(authenticator.verify(proofOf('chap', 'User', '')).verdict.kind, 'reject');
});

test('where only the NT hash of the previous password is kept, the empty one is not taken for it', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sstpd-users-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const hashes = UserStore.open(directory, { keep: 'nt-hash' });
  hashes.add('User', 'oldPassword');
  hashes.close();
  const store = UserStore.open(directory, { keep: 'password' });
  t.after(() => store.close());
  store.setPassword('User', 'clientPass');
  const authenticator = new Authenticator({ store });
  assert.equal(authenticator.verify(proofOf('chap', 'User', '')).isPrevious, false);
  assert.equal(authenticator.verify(proofOf('chap', 'User', 'oldPassword')).isPrevious, false);
  assert.equal(authenticator.verify(proofOf('pap', 'User', 'oldPassword')).isPrevious, true);
  assert.equal(authenticator.verify(proofOf('chap', 'User', 'clientPass')).reason, 'ok');
});

test('only an accepted login is recorded', (t) => {
  const store = newStore(t);
  const authenticator = new Authenticator({ store });
  authenticator.verify(proofOf('pap', 'User', 'guess'));
  assert.equal(store.find('User')?.lastLoginAt, undefined);
  authenticator.verify(proofOf('pap', 'CORP\\user', 'clientPass'));
  assert.notEqual(store.find('User')?.lastLoginAt, undefined);
});

test('a login does not fail because its time cannot be written; the log says so', (t) => {
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
  assert.equal(new Authenticator({ store, log }).verify(proofOf('pap', 'User', 'clientPass')).reason, 'ok');
  assert.deepEqual(errors, [['users.login-not-recorded', { user: 'User', error: 'disk full' }]]);
  assert.equal(new Authenticator({ store }).verify(proofOf('pap', 'User', 'clientPass')).reason, 'ok');
});

test('a mistake of our own while recording is not hidden', (t) => {
  const store = newStore(t);
  t.mock.method(store, 'recordLogin', () => {
    throw new TypeError('a bug');
  });
  assert.throws(() => new Authenticator({ store }).verify(proofOf('pap', 'User', 'clientPass')), TypeError);
});

test('a store that cannot be read is an error, not a wrong password', (t) => {
  const store = newStore(t);
  t.mock.method(store, 'lookup', () => {
    throw new UserStoreError('ERR_USER_STORE', 'disk gone');
  });
  assert.throws(() => new Authenticator({ store }).verify(proofOf('pap', 'User', 'clientPass')), {
    code: 'ERR_USER_STORE',
  });
});
