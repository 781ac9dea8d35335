/** What the user store keeps of a password, and how it is sealed: AES-256-GCM under the key file. */

import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import type { Secret, SecretKind } from '../../auth/index.ts';

export const SEAL_KEY_LENGTH = 32;
const NONCE_LENGTH = 12;
const TAG_LENGTH = 16;
const NT_HASH_LENGTH = 16;

/** A secret as it lies in the database. */
export interface SealedSecret {
  /** Id of the user that it belongs to; it opens for nobody else. */
  readonly owner: string;
  readonly kind: SecretKind;
  /** Nonce (12 bytes), tag (16), then encrypted the NT hash (16) and, if it is kept, the password in UTF-8. */
  readonly bytes: Uint8Array;
}

/** The NT hash is in every sealed secret, so that opening and using one takes the same steps for both kinds. */
export class SecretSeal {
  readonly #key: Buffer;

  /** @throws {RangeError} if `key` has not 32 bytes */
  constructor(key: Uint8Array) {
    if (key.length !== SEAL_KEY_LENGTH) throw new RangeError(`a seal key has ${SEAL_KEY_LENGTH} bytes`);
    this.#key = Buffer.from(key);
  }

  /** A key for another purpose, 32 bytes; none of them tells anything of the others. */
  derive(purpose: string): Uint8Array {
    return createHmac('sha256', this.#key).update(`sstpd ${purpose}`).digest();
  }

  close(owner: string, secret: Secret): SealedSecret {
    const kind = secret.password === undefined ? 'nt-hash' : 'password';
    const nonce = randomBytes(NONCE_LENGTH);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce, { authTagLength: TAG_LENGTH });
    cipher.setAAD(associatedData(owner, kind));
    const encrypted = Buffer.concat([
      cipher.update(secret.ntHash),
      cipher.update(secret.password ?? '', 'utf8'),
      cipher.final(),
    ]);
    return { owner, kind, bytes: Buffer.concat([nonce, cipher.getAuthTag(), encrypted]) };
  }

  /** @returns undefined if anything of `sealed` was changed or it was made with another key */
  open(sealed: SealedSecret): Secret | undefined {
    const { owner, kind, bytes } = sealed;
    if (bytes.length < NONCE_LENGTH + TAG_LENGTH + NT_HASH_LENGTH) return undefined;
    const nonce = bytes.subarray(0, NONCE_LENGTH);
    const decipher = createDecipheriv('aes-256-gcm', this.#key, nonce, { authTagLength: TAG_LENGTH });
    decipher.setAAD(associatedData(owner, kind));
    decipher.setAuthTag(bytes.subarray(NONCE_LENGTH, NONCE_LENGTH + TAG_LENGTH));
    const clear = decipher.update(bytes.subarray(NONCE_LENGTH + TAG_LENGTH));
    try {
      decipher.final();
    } catch {
      return undefined; // final() throws for one reason only: the tag does not match
    }
    return {
      ntHash: clear.subarray(0, NT_HASH_LENGTH),
      password: kind === 'password' ? clear.toString('utf8', NT_HASH_LENGTH) : undefined,
    };
  }
}

/** What the tag covers besides the bytes: a row cannot be given another user's secret or another kind. */
function associatedData(owner: string, kind: SecretKind): Buffer {
  return Buffer.from(`sstpd ${kind} ${owner}`, 'utf8');
}
