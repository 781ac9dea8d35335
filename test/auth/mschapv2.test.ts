import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  challengeHash,
  challengeResponse,
  generateAuthenticatorResponse,
  generateNtResponse,
  hashNtPasswordHash,
  mschapv2Answer,
  ntPasswordHash,
} from '../../auth/mschapv2.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** RFC 2759 §9.2. */
const authenticatorChallenge = hex('5B 5D 7C 7D 7B 3F 2F 3E 3C 2C 60 21 32 26 26 28');
const peerChallenge = hex('21 40 23 24 25 5E 26 2A 28 29 5F 2B 3A 33 7C 7E');
const challenge = hex('D0 2E 43 86 BC E9 12 26');
const ntHash = hex('44 EB BA 8D 53 12 B8 D6 11 47 44 11 F5 69 89 AE');
const ntHashHash = hex('41 C0 0C 58 4B D2 D9 1C 40 17 A2 A1 2F A5 9F 3F');
const ntResponse = hex('82 30 9E CD 8D 70 8B 5E A0 8F AA 39 81 CD 83 54 42 33 11 4A 3D 85 D6 DF');
const authenticatorResponse = 'S=407A5589115FD0D6209F510FE9C04566932CDA56';
const input = { name: 'User', authenticatorChallenge, peerChallenge };

test('NtPasswordHash (RFC 2759 §8.3; vectors of §9.2 and §9.3)', () => {
  assert.deepEqual(ntPasswordHash('clientPass'), ntHash);
  assert.deepEqual(ntPasswordHash('MyPw'), hex('FC 15 6A F7 ED CD 6C 0E DD E3 33 7D 42 7F 4E AC'));
});

test('HashNtPasswordHash (RFC 2759 §8.4; vector of §9.2)', () => {
  assert.deepEqual(hashNtPasswordHash(ntHash), ntHashHash);
});

test('ChallengeHash (RFC 2759 §8.2; vector of §9.2)', () => {
  assert.deepEqual(challengeHash(peerChallenge, authenticatorChallenge, 'User'), challenge);
});

test('ChallengeResponse and GenerateNTResponse (RFC 2759 §8.5 and §8.1; vector of §9.2)', () => {
  assert.deepEqual(challengeResponse(challenge, ntHash), ntResponse);
  assert.deepEqual(generateNtResponse(input, ntHash), ntResponse);
});

test('GenerateAuthenticatorResponse (RFC 2759 §8.7; vector of §9.2)', () => {
  assert.equal(generateAuthenticatorResponse(input, ntHashHash, ntResponse), authenticatorResponse);
});

test('a domain in front of the name does not enter the challenge hash, a realm behind it does (RFC 2759 §4)', () => {
  assert.deepEqual(challengeHash(peerChallenge, authenticatorChallenge, 'CORP\\User'), challenge);
  assert.notDeepEqual(challengeHash(peerChallenge, authenticatorChallenge, 'User@corp'), challenge);
  assert.deepEqual(
    challengeHash(peerChallenge, authenticatorChallenge, 'CORP\\User@realm.example'),
    hex('3e096d740784a6a0'), // Python's hashlib, without the domain
  );
  assert.deepEqual(challengeHash(peerChallenge, authenticatorChallenge, '\\User'), challenge);
});

test('a name given as bytes enters the challenge hash as it is, text in UTF-8 (digests from Python)', () => {
  const hash = (name: string | Uint8Array): Buffer => challengeHash(peerChallenge, authenticatorChallenge, name);
  assert.deepEqual(hash('Zoë'), hex('3dbebe2230f2d01d'));
  assert.deepEqual(hash(hex('5a 6f c3 ab')), hex('3dbebe2230f2d01d'));
  assert.deepEqual(hash(hex('5a 6f eb')), hex('03ed5f07285498b0'));
  assert.deepEqual(hash(hex('43 5c 5a 6f eb')), hex('03ed5f07285498b0'));
});

/** Computed with Python's hashlib and OpenSSL's legacy DES and MD4 from the challenges of RFC 2759 §9.2. */
const BY_OTHER_SOFTWARE = [
  {
    name: 'User',
    password: 'clientPass',
    ntResponse: '82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df',
    authenticatorResponse: 'S=407A5589115FD0D6209F510FE9C04566932CDA56',
    hlak: 'd5f0e9521e3ea9589645e86051c822268b7cdc149b993a1ba118cb153f56dccb',
  },
  {
    name: 'User@realm.example',
    password: 'clientPass',
    ntResponse: '2e6e98fc661500f1a24875305a0f1e0e15b68a51744694bf',
    authenticatorResponse: 'S=5222EBCCCCB4E1FC3D329E3A1EDA9C91EB99706A',
    hlak: '5caa089934a164706dd4a75ce671e1b6e9735bcfca2f122fb46ada3a20fb1d06',
  },
  {
    name: 'Zoë',
    password: 'pässwörd€😀',
    ntResponse: '891a0f213b5c261417263a899e0de99fecbaf9bead925c20',
    authenticatorResponse: 'S=6AB0257550923A01B3CB6ADD32417F5ABAFE4CBB',
    hlak: 'a30369ffcd5fc139c6b1a91b0adfb60bc9f3f8054346d92b55c3422defe64fa9',
  },
] as const;

for (const { name, password, ...expected } of BY_OTHER_SOFTWARE) {
  test(`a client's whole answer for ${name} equals that of other software`, () => {
    const answer = mschapv2Answer({ name, password, authenticatorChallenge, peerChallenge });
    assert.equal(answer.ntResponse.toString('hex'), expected.ntResponse);
    assert.equal(answer.authenticatorResponse, expected.authenticatorResponse);
    assert.equal(answer.hlak.toString('hex'), expected.hlak);
  });
}

test('inputs of any other length are refused', () => {
  for (const length of [0, 15, 17]) {
    const wrong = Buffer.alloc(length);
    assert.throws(() => hashNtPasswordHash(wrong), RangeError);
    assert.throws(() => challengeHash(wrong, authenticatorChallenge, 'User'), RangeError);
    assert.throws(() => challengeHash(peerChallenge, wrong, 'User'), RangeError);
    assert.throws(() => challengeResponse(challenge, wrong), RangeError);
    assert.throws(() => generateAuthenticatorResponse(input, wrong, ntResponse), RangeError);
    assert.throws(() => generateAuthenticatorResponse(input, ntHashHash, wrong), RangeError);
  }
  assert.throws(() => challengeResponse(challenge.subarray(1), ntHash), RangeError);
});
