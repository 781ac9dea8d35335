import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getAsymmetricStartKey, getMasterKey, hlakFromMsChapV2 } from '../../auth/mppe-keys.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** RFC 3079 §3.5.3; the same in §3.5.1 and §3.5.2, which shorten the start key. */
const ntHashHash = hex('41 C0 0C 58 4B D2 D9 1C 40 17 A2 A1 2F A5 9F 3F');
const ntResponse = hex('82 30 9E CD 8D 70 8B 5E A0 8F AA 39 81 CD 83 54 42 33 11 4A 3D 85 D6 DF');
const masterKey = hex('FD EC E3 71 7A 8C 83 8C B3 88 E5 27 AE 3C DD 31');
const sendStartKey128 = hex('8B 7C DC 14 9B 99 3A 1B A1 18 CB 15 3F 56 DC CB');

/** The other direction is not in the RFC; computed with Python's hashlib. */
const receiveStartKey128 = hex('d5 f0 e9 52 1e 3e a9 58 96 45 e8 60 51 c8 22 26');

test('GetMasterKey (RFC 3079 §3.4; vector of §3.5.3)', () => {
  assert.deepEqual(getMasterKey(ntHashHash, ntResponse), masterKey);
});

test("GetAsymmetricStartKey: the RFC's sample is the server's send key (RFC 3079 §3.4; vector of §3.5.3)", () => {
  assert.deepEqual(getAsymmetricStartKey(masterKey, 'server-to-client'), sendStartKey128);
  assert.deepEqual(getAsymmetricStartKey(masterKey, 'client-to-server'), receiveStartKey128);
});

// The worked example of MS-SSTP 4.7 begins with a finished HLAK and names no password, so it cannot be used here.
test("the HLAK is the server's MasterReceiveKey, then its MasterSendKey (MS-SSTP 3.2.5.2.2)", () => {
  assert.deepEqual(hlakFromMsChapV2(ntHashHash, ntResponse), Buffer.concat([receiveStartKey128, sendStartKey128]));
});

test('inputs of any other length are refused', () => {
  for (const length of [0, 15, 17, 23, 25]) {
    const wrong = Buffer.alloc(length);
    assert.throws(() => getMasterKey(wrong, ntResponse), RangeError);
    assert.throws(() => getMasterKey(ntHashHash, wrong), RangeError);
    assert.throws(() => hlakFromMsChapV2(ntHashHash, wrong), RangeError);
    assert.throws(() => getAsymmetricStartKey(wrong, 'client-to-server'), RangeError);
  }
});
