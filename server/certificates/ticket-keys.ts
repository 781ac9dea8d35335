import { randomBytes } from 'node:crypto';
import { newestTicketKey, TICKET_KEY_BYTES } from '../../tls/index.ts';

const DAY_MS = 86_400_000;

/**
 * The keys that session tickets are encrypted with: another one each day, with that of the day before for the tickets
 * that are still out. Who gets at them can read what was recorded of sessions of these two days that resumed without a
 * new key exchange, and no more (RFC 5077 5.5, RFC 8446 8).
 */
export class TicketKeys {
  /** The newest first, `TICKET_KEY_BYTES` each. */
  #keys: Buffer = randomBytes(TICKET_KEY_BYTES);
  #timer: NodeJS.Timeout | undefined;

  get all(): Buffer {
    return this.#keys;
  }

  /** @param changed called once a day, when `all` is another */
  begin(changed: () => void): void {
    this.#timer = setInterval(() => {
      this.#keys = Buffer.concat([randomBytes(TICKET_KEY_BYTES), newestTicketKey(this.#keys)]);
      changed();
    }, DAY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** None of before is good any more: a session must not resume across a change of certificate. */
  replace(): void {
    this.#keys = randomBytes(TICKET_KEY_BYTES);
  }

  /** Takes back `replace`. */
  restore(keys: Buffer): void {
    this.#keys = keys;
  }
}
