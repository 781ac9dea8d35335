/** Keys that MS-CHAPv2 leaves behind, RFC 3079 §3.3 and §3.4. SSTP uses them for its Crypto Binding only. */
import { createHash } from 'node:crypto';

/** RFC 3079 §3.4, Magic1 to Magic3. */
const MASTER_KEY_MAGIC = Buffer.from('This is the MPPE Master Key', 'latin1');
const CLIENT_SENDS_MAGIC = Buffer.from(
  'On the client side, this is the send key; on the server side, it is the receive key.',
  'latin1',
);
const SERVER_SENDS_MAGIC = Buffer.from(
  'On the client side, this is the receive key; on the server side, it is the send key.',
  'latin1',
);

/** RFC 3079 §3.4, SHSpad1 and SHSpad2. */
const PAD_1 = Buffer.alloc(40, 0x00);
const PAD_2 = Buffer.alloc(40, 0xf2);

/**
 * GetMasterKey, RFC 3079 §3.4.
 *
 * @param ntHashHash 16 bytes, RFC 2759 §8.4
 * @param ntResponse 24 bytes, RFC 2759 §8.1
 * @returns 16 bytes
 * @throws {RangeError} if an argument has any other length
 */
export function getMasterKey(ntHashHash: Uint8Array, ntResponse: Uint8Array): Buffer {
  if (ntHashHash.length !== 16) throw new RangeError(`the hash of the NT hash has 16 bytes, not ${ntHashHash.length}`);
  if (ntResponse.length !== 24) throw new RangeError(`the NT-Response has 24 bytes, not ${ntResponse.length}`);
  return createHash('sha1').update(ntHashHash).update(ntResponse).update(MASTER_KEY_MAGIC).digest().subarray(0, 16);
}

/** Which way the data goes that a start key is for. */
export type KeyDirection = 'client-to-server' | 'server-to-client';

/**
 * GetAsymmetricStartKey, RFC 3079 §3.4, for 128 bits. The RFC asks "send or receive" and "am I the server"; the two
 * answers together only choose a direction.
 *
 * @param masterKey 16 bytes from `getMasterKey`
 * @returns 16 bytes
 * @throws {RangeError} if `masterKey` has any other length
 */
export function getAsymmetricStartKey(masterKey: Uint8Array, direction: KeyDirection): Buffer {
  if (masterKey.length !== 16) throw new RangeError(`the master key has 16 bytes, not ${masterKey.length}`);
  const magic = direction === 'client-to-server' ? CLIENT_SENDS_MAGIC : SERVER_SENDS_MAGIC;
  return createHash('sha1').update(masterKey).update(PAD_1).update(magic).update(PAD_2).digest().subarray(0, 16);
}

/**
 * The Higher-Layer Authentication Key after MS-CHAPv2, MS-SSTP 3.2.5.2.2: the server's MasterReceiveKey followed by its
 * MasterSendKey. A client concatenates MasterSendKey and MasterReceiveKey, which are the same two keys.
 *
 * @param ntHashHash 16 bytes, RFC 2759 §8.4
 * @param ntResponse 24 bytes, RFC 2759 §8.1
 * @returns 32 bytes
 * @throws {RangeError} if an argument has any other length
 */
export function hlakFromMsChapV2(ntHashHash: Uint8Array, ntResponse: Uint8Array): Buffer {
  const masterKey = getMasterKey(ntHashHash, ntResponse);
  return Buffer.concat([
    getAsymmetricStartKey(masterKey, 'client-to-server'),
    getAsymmetricStartKey(masterKey, 'server-to-client'),
  ]);
}
