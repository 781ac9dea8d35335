import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BindingFacts, bindCall, compoundMac, hlaksOf, verifyCryptoBinding } from '../../sstp/crypto-binding.ts';
import { type CallConnected, decodeMessage, encodeMessage } from '../../sstp/message.ts';
import { EXAMPLE_CERTIFICATE, EXAMPLE_SHA1, EXAMPLE_SHA256, octets } from './support.ts';

const EXAMPLES = [
  ['sha1', 1, EXAMPLE_SHA1],
  ['sha256', 2, EXAMPLE_SHA256],
] as const;

for (const [hash, hashProtocol, example] of EXAMPLES) {
  const facts: BindingFacts = {
    hashProtocols: 3,
    nonce: example.nonce,
    certificateHashes: EXAMPLE_CERTIFICATE,
    hlaks: [example.hlak],
  };

  test(`Compound MAC with ${hash} (MS-SSTP 4.7)`, () => {
    const message = Buffer.from(example.callConnected);
    assert.deepEqual(Uint8Array.from(compoundMac(hash, example.hlak, message)), example.compoundMac);
    assert.deepEqual(message, example.callConnected, 'the message is not modified');
  });

  test(`Compound MAC with ${hash}: the MAC field and the padding do not count (MS-SSTP 3.2.5.2.1, 3.2.5.2.3)`, () => {
    const message = Buffer.from(example.callConnected);
    message.fill(0xff, 80);
    if (hash === 'sha1') message.fill(0xff, 68, 80);
    assert.deepEqual(Uint8Array.from(compoundMac(hash, example.hlak, message)), example.compoundMac);
  });

  test(`binding with ${hash}: the example is valid (MS-SSTP 4.7)`, () => {
    assert.deepEqual(verify(facts, example.callConnected), { kind: 'valid' });
  });

  test(`binding with ${hash}: a change of any byte that is not padding is found (MS-SSTP 3.3.5.2.3)`, () => {
    for (let offset = 12; offset < 112; offset++) {
      const isPadding = hash === 'sha1' && ((offset >= 68 && offset < 80) || offset >= 100);
      const bytes = Buffer.from(example.callConnected);
      bytes.writeUInt8(bytes.readUInt8(offset) ^ 0x40, offset);
      assert.equal(verify(facts, bytes).kind, isPadding ? 'valid' : 'invalid', `byte ${offset}`);
    }
  });

  test(`binding with ${hash}: each fault is named, and a replayed nonce is not hidden by a right MAC`, () => {
    const clientCertificateHash = example.certificateHash;
    const otherNonce = octets('55'.repeat(32));
    const otherCertificate = { sha1: octets('66'.repeat(20)), sha256: octets('66'.repeat(32)) };
    const otherHlak = octets('77'.repeat(32));
    const wrong = (changed: Partial<BindingFacts>) => {
      const verdict = verify({ ...facts, ...changed }, example.callConnected);
      assert.ok(verdict.kind === 'invalid');
      assert.deepEqual(verdict.clientCertificateHash, clientCertificateHash);
      return verdict.wrong;
    };
    assert.deepEqual(wrong({ nonce: otherNonce }), ['nonce']);
    assert.deepEqual(wrong({ certificateHashes: otherCertificate }), ['certificate-hash']);
    assert.deepEqual(wrong({ hlaks: [otherHlak] }), ['compound-mac']);
    assert.deepEqual(wrong({ hlaks: [otherHlak, octets('88'.repeat(32))] }), ['compound-mac']);
    assert.deepEqual(wrong({ hashProtocols: 3 ^ hashProtocol }), ['hash-protocol']);
    assert.deepEqual(
      wrong({ nonce: otherNonce, certificateHashes: otherCertificate, hlaks: [otherHlak], hashProtocols: 0 }),
      ['hash-protocol', 'nonce', 'certificate-hash', 'compound-mac'],
    );
  });

  test(`binding with ${hash}: any of several keys will do, in whichever place`, () => {
    const others = [octets('77'.repeat(32)), octets('88'.repeat(32))] as const;
    const [first, second] = others;
    for (const hlaks of [[example.hlak, ...others] as const, [first, example.hlak, second] as const]) {
      assert.deepEqual(verify({ ...facts, hlaks }, example.callConnected), { kind: 'valid' });
    }
    assert.deepEqual(verify({ ...facts, hlaks: [...others, example.hlak] }, example.callConnected), { kind: 'valid' });
  });

  test(`binding with ${hash}: the client makes the message of the example (MS-SSTP 4.7)`, () => {
    const message = bindCall(hashProtocol, example.nonce, EXAMPLE_CERTIFICATE, example.hlak);
    assert.deepEqual(encodeMessage(message), example.callConnected);
  });
}

for (const hashProtocol of [0, 3, 4, 0x82]) {
  test(`hash protocol ${hashProtocol} is wrong even if the bitmask has its bits (MS-SSTP 2.2.7)`, () => {
    const bytes = Buffer.from(EXAMPLE_SHA256.callConnected);
    bytes.writeUInt8(hashProtocol, 15);
    const { nonce, hlak } = EXAMPLE_SHA256;
    const verdict = verify(
      { hashProtocols: 0xff, nonce, certificateHashes: EXAMPLE_CERTIFICATE, hlaks: [hlak] },
      bytes,
    );
    assert.ok(verdict.kind === 'invalid' && verdict.wrong.includes('hash-protocol'));
  });
}

test('without keys the HLAK is 32 zero bytes (MS-SSTP 3.2.5.2.2)', () => {
  assert.deepEqual(hlaksOf({ kind: 'no-keys' }), [octets('00'.repeat(32))]);
  assert.deepEqual(hlaksOf({ kind: 'keys', hlaks: [EXAMPLE_SHA1.hlak] }), [EXAMPLE_SHA1.hlak]);
});

test('compoundMac: arguments of another length are refused', () => {
  const { hlak, callConnected } = EXAMPLE_SHA256;
  assert.throws(() => compoundMac('sha256', hlak.subarray(1), callConnected), RangeError);
  assert.throws(() => compoundMac('sha256', hlak, callConnected.subarray(1)), RangeError);
  assert.throws(() => compoundMac('sha1', hlak, Buffer.concat([callConnected, Buffer.alloc(1)])), RangeError);
});

function verify(facts: BindingFacts, bytes: Buffer): ReturnType<typeof verifyCryptoBinding> {
  const message = decodeMessage(bytes);
  assert.equal(message.type, 'CallConnected');
  return verifyCryptoBinding(facts, message as CallConnected, bytes);
}
