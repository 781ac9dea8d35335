/**
 * Whether what a worker says has the form that its type promises. A worker talks to the network, and whoever has taken it
 * over says what he likes: here it stops, before tables that serve all workers keep it. Whether it is true is another question.
 */
import type { ToSupervisor } from './messages.ts';

type Form = (value: unknown) => boolean;

/** More than any honest text has: a ClientHello fills a record, a name a PPP packet. */
const MOST_TEXT_LENGTH = 65_536;
/** The same for lists, of which the longest are those of all sessions. */
const MOST_ITEMS = 100_000;

const text: Form = (value) => typeof value === 'string' && value.length <= MOST_TEXT_LENGTH;
const count: Form = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
const duration: Form = (value) => Number.isFinite(value);
const bytes: Form = (value) => value instanceof Uint8Array && value.length <= MOST_TEXT_LENGTH;
const maybe =
  (form: Form): Form =>
  (value) =>
    value === undefined || form(value);
const word =
  (...words: readonly string[]): Form =>
  (value) =>
    words.some((one) => one === value);
const list =
  (form: Form): Form =>
  (value) =>
    Array.isArray(value) && value.length <= MOST_ITEMS && value.every(form);
const object =
  (fields: Readonly<Record<string, Form>>): Form =>
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries(fields).every(([name, form]) => form((value as Readonly<Record<string, unknown>>)[name]));
const either =
  (...forms: readonly Form[]): Form =>
  (value) =>
    forms.some((form) => form(value));

const named = { name: text, nameBytes: maybe(bytes) };
const proof = either(
  object({ method: word('pap'), ...named, password: text, passwordBytes: maybe(bytes) }),
  object({ method: word('chap'), ...named, identifier: count, challenge: bytes, response: bytes }),
  object({
    ...{ method: word('mschapv2'), ...named },
    ...{ authenticatorChallenge: bytes, peerChallenge: bytes, ntResponse: bytes },
  }),
);

const question = either(
  object({ kind: word('sign-in'), address: text, name: text, password: text, browser: maybe(text) }),
  object({ kind: word('look', 'sign-out'), session: text }),
);

const attempt = object({
  ...{ id: text, correlationId: maybe(text), peer: text, startedAt: text, endedAt: maybe(text) },
  state: word('under-way', 'up', 'ended', 'failed'),
  ...{ user: maybe(text), tls: maybe(text), sni: maybe(text), alert: maybe(text), http: maybe(text), stage: text },
  offered: maybe(object({ versions: text, ciphers: text, protocols: text })),
  stages: list(object({ stage: text, ms: duration })),
  options: list(object({ from: text, protocol: text, packet: text, options: text })),
  reason: maybe(text),
  explanation: maybe(object({ text, code: maybe(text), fix: maybe(text) })),
});

const session = object({
  ...{ id: text, peer: text, stage: text, tls: text, connectedAt: text, bytesIn: count, bytesOut: count },
  ...{ user: maybe(text), ipv4: maybe(text), ipv6: maybe(text), method: maybe(text), correlationId: maybe(text) },
});

const FORMS: Readonly<Record<ToSupervisor['kind'], Form>> = {
  ready: object({ listening: list(object({ address: text, port: count })) }),
  failed: object({ message: text }),
  'ticket-opened': object({ ticket: count, address: text }),
  'ticket-silent': object({ ticket: count }),
  'ticket-authenticated': object({ ticket: count }),
  'ticket-closed': object({ ticket: count }),
  opened: object({ session: text, peerAddress: text }),
  verify: object({ session: text, proof }),
  lease: object({ session: text }),
  choose: object({ session: text, wish: count }),
  release: object({ session: text }),
  up: object({ session: text }),
  closed: object({ session: text, end: object({ reason: text, bytesIn: count, bytesOut: count }) }),
  'portal-asked': object({ question: count, text: question }),
  'portal-left': object({ question: count }),
  dial: object({ dial: count }),
  'tls-set': object({}),
  alive: object({}),
  // Its numbers are looked at one by one: see acceptReport.
  report: object({
    report: object({ counts: object({}), levels: object({}), sessions: list(object({})), traffic: list(object({})) }),
  }),
  attempt: object({ attempt }),
  listed: object({ request: count, sessions: list(session) }),
};

export function isWellFormed(message: unknown): message is ToSupervisor {
  if (typeof message !== 'object' || message === null || !('kind' in message)) return false;
  const { kind } = message;
  return typeof kind === 'string' && Object.hasOwn(FORMS, kind) && FORMS[kind as ToSupervisor['kind']](message);
}
