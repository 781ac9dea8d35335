import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decodeMsChapV2Failure,
  decodeMsChapV2Response,
  decodeMsChapV2Success,
  encodeMsChapV2Failure,
  encodeMsChapV2Response,
  encodeMsChapV2Success,
} from '../../../ppp/auth/mschapv2.ts';
import { hex } from '../support.ts';

// Peer challenge, NT-Response and authenticator response of RFC 2759 §9.2.
const PEER_CHALLENGE = '21402324255e262a28295f2b3a337c7e';
const NT_RESPONSE = '82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df';
const AUTHENTICATOR_RESPONSE = 'S=407A5589115FD0D6209F510FE9C04566932CDA56';

test('the Value of a Response: 16, 8 zero, 24, 1 bytes (RFC 2759 §4)', () => {
  const wire = hex(`${PEER_CHALLENGE} 0000000000000000 ${NT_RESPONSE} 00`);
  assert.deepEqual(decodeMsChapV2Response(wire), { peerChallenge: hex(PEER_CHALLENGE), ntResponse: hex(NT_RESPONSE) });
  assert.deepEqual(encodeMsChapV2Response(hex(PEER_CHALLENGE), hex(NT_RESPONSE)), wire);
  for (let length = 0; length < 60; length++) {
    if (length !== 49) assert.equal(decodeMsChapV2Response(Buffer.alloc(length)), undefined);
  }
});

test('a Response of other lengths is our own mistake', () => {
  assert.throws(() => encodeMsChapV2Response(hex(PEER_CHALLENGE), hex('00')), RangeError);
  assert.throws(() => encodeMsChapV2Response(hex('00'), hex(NT_RESPONSE)), RangeError);
});

test('a Failure carries E, R, C, V=3 and M (RFC 2759 §6)', () => {
  const challenge = hex('00112233445566778899aabbccddeeff');
  const failure = { errorCode: 691, retryAllowed: true, challenge, message: 'Try again' };
  assert.equal(encodeMsChapV2Failure(failure), 'E=691 R=1 C=00112233445566778899AABBCCDDEEFF V=3 M=Try again');
  assert.equal(
    encodeMsChapV2Failure({ ...failure, errorCode: 647, retryAllowed: false }),
    'E=647 R=0 C=00112233445566778899AABBCCDDEEFF V=3 M=Try again',
  );
});

test('a Failure is understood whole, in part and not at all', () => {
  const whole = 'E=648 R=1 C=00112233445566778899AABBCCDDEEFF V=3 M=Password expired M=x';
  assert.deepEqual(decodeMsChapV2Failure(whole), { errorCode: 648, message: 'Password expired M=x' });
  assert.deepEqual(decodeMsChapV2Failure('E=691 R=0 V=3'), { errorCode: 691, message: '' });
  assert.deepEqual(decodeMsChapV2Failure('go away'), { errorCode: 691, message: '' });
  assert.deepEqual(decodeMsChapV2Failure('FE=12'), { errorCode: 691, message: '' });
});

test('a Success is S= with 40 digits, and a text behind it (RFC 2759 §5)', () => {
  assert.equal(encodeMsChapV2Success(AUTHENTICATOR_RESPONSE), `${AUTHENTICATOR_RESPONSE} M=Access granted`);
  for (const text of [
    AUTHENTICATOR_RESPONSE,
    `${AUTHENTICATOR_RESPONSE} M=hi`,
    `${AUTHENTICATOR_RESPONSE.toLowerCase().replace('s=', 'S=')}`,
  ]) {
    assert.equal(decodeMsChapV2Success(text), AUTHENTICATOR_RESPONSE);
  }
  for (const text of [
    '',
    'S=',
    AUTHENTICATOR_RESPONSE.slice(0, -1),
    `${AUTHENTICATOR_RESPONSE}0`,
    `M=x ${AUTHENTICATOR_RESPONSE}`,
  ]) {
    assert.equal(decodeMsChapV2Success(text), undefined, text);
  }
});
