/** Session tickets under more than one key (RFC 5077 4.4, 5.5; RFC 8446 4.6.1): new ones under the first, old ones read. */
import { randomBytes } from 'node:crypto';
import type { SecureContext, Server } from 'node:tls';

/** Bytes of a key, as Node takes it: its name, its key for HMAC-SHA-256, its key for AES-128-CBC, 16 each. */
export const TICKET_KEY_BYTES = 48;
const PART_BYTES = 16;

/** What Node's callback returns of a key; the first is OpenSSL's word on it. */
const NOT_OURS = 0;
const MADE = 1;
const OURS_AND_SPENT = 2;

type Answer = readonly [verdict: number, hmac: Buffer, aes: Buffer, name?: Buffer, iv?: Buffer];

/** Of Node's handle: not documented, but its own tests call it. */
interface TicketHandle {
  enableTicketKeyCallback(): void;
  onticketkeycallback(name: Buffer, iv: Buffer, isNew: boolean): Answer;
}

/** The key that new tickets are made with. */
export function newestTicketKey(keys: Buffer): Buffer {
  return keys.subarray(0, TICKET_KEY_BYTES);
}

/**
 * Has a context read tickets under older keys too. Where Node lets nobody, clients with such a ticket make a whole
 * handshake, which is what they would do without a ticket.
 *
 * @param keys one after the other, the newest first
 */
export function readOlderTickets(context: SecureContext, keys: Buffer): void {
  if (keys.length <= TICKET_KEY_BYTES) return;
  const handle: unknown = context.context;
  if (!isTicketHandle(handle)) return;
  const all = Array.from({ length: keys.length / TICKET_KEY_BYTES }, (_, i) => partsOf(keys, i * TICKET_KEY_BYTES));
  const [newest = partsOf(keys, 0)] = all;
  handle.enableTicketKeyCallback();
  handle.onticketkeycallback = (name, _iv, isNew) => {
    if (isNew) return [MADE, newest.hmac, newest.aes, newest.name, randomBytes(PART_BYTES)];
    const key = all.find((one) => one.name.equals(name));
    if (key === undefined) return [NOT_OURS, newest.hmac, newest.aes];
    // Another one in its place: each is to be used once (RFC 8446 C.4), and its key may be an old one.
    return [OURS_AND_SPENT, key.hmac, key.aes];
  };
}

/** The same for the context that a server has made for itself. */
export function serveOlderTickets(server: Server, keys: Buffer | undefined): void {
  const context: unknown = Reflect.get(server, '_sharedCreds');
  if (keys !== undefined && isContext(context)) readOlderTickets(context, keys);
}

function partsOf(keys: Buffer, at: number) {
  const part = (index: number): Buffer => keys.subarray(at + index * PART_BYTES, at + (index + 1) * PART_BYTES);
  return { name: part(0), hmac: part(1), aes: part(2) };
}

function isContext(value: unknown): value is SecureContext {
  return typeof value === 'object' && value !== null && 'context' in value;
}

function isTicketHandle(value: unknown): value is TicketHandle {
  return typeof value === 'object' && value !== null && 'enableTicketKeyCallback' in value;
}
