/**
 * What a worker says, on its way to the supervisor: JSON, read into new objects of nothing but known fields. A worker talks
 * to the network, and whoever has taken it over says what he likes: here it stops, before tables that serve all workers
 * keep it. Whether it is true is another question: see `WorkerDesk`.
 */
import type { AttemptView, SessionView } from '../../admin/index.ts';
import type { CredentialProof } from '../../ppp/index.ts';
import { END_REASONS } from '../control/end-reason.ts';
import type { Policy, SessionEnd, SessionTraffic } from '../control/index.ts';
import { readPolicy } from '../control/policy.ts';
import { COUNT_NAMES, LEVEL_NAMES, type Report } from '../observe/reported.ts';
import type { PortalQuestion } from '../site/index.ts';
import {
  address,
  byField,
  bytes,
  count,
  endpoint,
  type Form,
  FormError,
  isoTime,
  list,
  maybe,
  object,
  quantity,
  text,
  textLike,
  word,
} from './forms.ts';
import { MOST_IN_PART, type ToSupervisor } from './messages.ts';

/** UTF-16 units. A name or a password comes in a PPP frame, and a frame in an SSTP packet of 4,095 bytes. */
const MOST_OF_FRAME = 4_096;
/** Of what is told of an attempt. */
const MOST_TOLD = 4_096;
/** Of names that the operator or the admin API has made. */
const MOST_NAME = 256;
const MOST_ENTRIES = 64;
/** Bytes of JSON of one attempt. The supervisor keeps `explain.keep` of them. */
const MOST_ATTEMPT_BYTES = 32_768;
/** Of the message around it. */
const ENVELOPE = 64;
/** How long texts of an attempt may be at most that has too much of them even without its options. */
const SHORTER = [1_024, 256] as const;

/** A word of ours, such as a stage or a method. */
const term: Form<string> = textLike(/^[a-z0-9-]{1,32}$/);
/** Why a session ended. */
const reason = word(...END_REASONS);
const u32 = count(0xffff_ffff);
const number = count();
/** Seconds and milliseconds have fractions. */
const amount: Form<number> = (value) => {
  const read = quantity(value);
  if (read < 0 || read > Number.MAX_SAFE_INTEGER) throw new FormError(`${read} is no count`);
  return read;
};

const named = { name: text(MOST_OF_FRAME), nameBytes: maybe(bytes(0, MOST_OF_FRAME)) };
const proof = byField<CredentialProof>('method', {
  pap: object({
    ...{ method: word('pap'), ...named },
    ...{ password: text(MOST_OF_FRAME), passwordBytes: maybe(bytes(0, MOST_OF_FRAME)) },
  }),
  chap: object({
    ...{ method: word('chap'), ...named },
    ...{ identifier: count(255), challenge: bytes(1, 255), response: bytes(1, 255) },
  }),
  mschapv2: object({
    ...{ method: word('mschapv2'), ...named },
    ...{ authenticatorChallenge: bytes(16), peerChallenge: bytes(16), ntResponse: bytes(24) },
  }),
  eap: object({ method: word('eap'), ...named, packet: bytes(0, MOST_OF_FRAME) }),
});

const portalSession = textLike(/^[\w-]{43}$/);
const question = byField<PortalQuestion>('kind', {
  'sign-in': object({
    ...{ kind: word('sign-in'), address, name: text(MOST_NAME), password: text(MOST_NAME) },
    browser: maybe(text(MOST_OF_FRAME)),
  }),
  look: object({ kind: word('look'), session: portalSession }),
  'sign-out': object({ kind: word('sign-out'), session: portalSession }),
});

const told = text(MOST_TOLD);
const attemptOf = (id: Form<string>): Form<AttemptView> =>
  object({
    ...{ id, correlationId: maybe(text(MOST_NAME)), peer: endpoint, startedAt: isoTime, endedAt: maybe(isoTime) },
    state: word('under-way', 'up', 'ended', 'failed'),
    ...{ user: maybe(told), tls: maybe(told), sni: maybe(told), alert: maybe(told), http: maybe(told), stage: term },
    offered: maybe(object({ versions: told, ciphers: told, protocols: told })),
    stages: list(object({ stage: term, ms: amount }), MOST_ENTRIES),
    options: list(
      object({ from: word('client', 'server'), protocol: told, packet: told, options: told }),
      MOST_ENTRIES,
    ),
    reason: maybe(told),
    explanation: maybe(object({ text: told, code: maybe(told), fix: maybe(told) })),
  }) as Form<AttemptView>;

/** Who reads it is told which keys there are. */
const policy: Form<Policy> = (value) => {
  try {
    return readPolicy(value);
  } catch (error) {
    throw new FormError(error instanceof Error ? error.message : String(error));
  }
};

const sessionOf = (id: Form<string>): Form<SessionView> =>
  object({
    ...{
      id,
      peer: endpoint,
      stage: term,
      tls: text(MOST_NAME),
      connectedAt: isoTime,
      bytesIn: number,
      bytesOut: number,
    },
    ...{ user: maybe(text(MOST_NAME)), ipv4: maybe(address), ipv6: maybe(text(64)), method: maybe(term) },
    policy: maybe(policy),
    correlationId: maybe(text(MOST_NAME)),
  }) as Form<SessionView>;

const amounts = <Name extends string>(names: readonly Name[]): Form<Record<Name, number>> =>
  object(Object.fromEntries(names.map((name) => [name, amount])) as Record<Name, Form<number>>);

const report: Form<Report> = object({
  counts: amounts(COUNT_NAMES),
  levels: amounts(LEVEL_NAMES),
  sessions: list(object({ stage: term, method: term, count: number }), MOST_ENTRIES * 2),
  // Told of in parts, by messages of its own.
  traffic: list((): SessionTraffic => {
    throw new FormError('traffic has messages of its own');
  }, 0),
});

const end: Form<SessionEnd> = object({ reason, bytesIn: number, bytesOut: number });

/** @returns what reads the messages of one worker: ids of others' connections are no ids there */
export function readerOf(worker: number): (body: Uint8Array) => ToSupervisor {
  const own = worker.toString(16).padStart(2, '0');
  const session = textLike(new RegExp(`^${own}[0-9a-f]{6}$`));
  const message = byField<ToSupervisor>('kind', formsOf(session));
  return (body) => {
    let parsed: unknown;
    try {
      parsed = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString('utf8'));
    } catch {
      throw new FormError('no JSON');
    }
    const read = message(parsed);
    if (read.kind === 'attempt' && body.length > MOST_ATTEMPT_BYTES) {
      throw new FormError(`an attempt of ${body.length} bytes instead of ${MOST_ATTEMPT_BYTES}`);
    }
    return read;
  };
}

function formsOf(session: Form<string>): Readonly<Record<ToSupervisor['kind'], Form<ToSupervisor>>> {
  const listening = object({ address, family: word('IPv4', 'IPv6'), port: count(65_535) });
  return {
    ready: object({ kind: word('ready'), listening: list(listening, MOST_ENTRIES) }),
    failed: object({ kind: word('failed'), message: told }),
    'ticket-opened': object({ kind: word('ticket-opened'), ticket: number, address }),
    'ticket-silent': object({ kind: word('ticket-silent'), ticket: number }),
    'ticket-authenticated': object({ kind: word('ticket-authenticated'), ticket: number }),
    'ticket-closed': object({ kind: word('ticket-closed'), ticket: number }),
    opened: object({ kind: word('opened'), session, peerAddress: address }),
    verify: object({ kind: word('verify'), session, proof }),
    respond: object({ kind: word('respond'), session, round: number, payload: bytes(0, MOST_OF_FRAME) }),
    lease: object({ kind: word('lease'), session }),
    choose: object({ kind: word('choose'), session, wish: u32 }),
    release: object({ kind: word('release'), session }),
    up: object({ kind: word('up'), session }),
    closed: object({ kind: word('closed'), session, end }),
    'portal-asked': object({ kind: word('portal-asked'), call: number, question }),
    'portal-left': object({ kind: word('portal-left'), call: number }),
    dial: object({ kind: word('dial'), call: number }),
    'tls-set': object({ kind: word('tls-set'), call: number }),
    alive: object({ kind: word('alive'), call: number }),
    report: object({ kind: word('report'), call: number, report }),
    traffic: object({
      kind: word('traffic'),
      traffic: list(object({ id: session, bytesIn: number, bytesOut: number }), MOST_IN_PART),
    }),
    attempt: object({ kind: word('attempt'), attempt: attemptOf(session) }),
    listed: object({
      ...{ kind: word('listed'), call: number },
      sessions: list(sessionOf(session), MOST_IN_PART),
      isLast: (value: unknown): boolean => {
        if (typeof value !== 'boolean') throw new FormError('isLast is yes or no');
        return value;
      },
    }),
  };
}

/** A worker's words as bytes: what clients have chosen in them is cut to what may be said. */
export function bytesOf(message: ToSupervisor): Buffer {
  return Buffer.from(JSON.stringify(fitted(message)), 'utf8');
}

function fitted(message: ToSupervisor): unknown {
  switch (message.kind) {
    case 'verify':
      return { ...message, proof: withoutBytes(message.proof) };
    case 'respond':
      return withoutBytes(message);
    case 'closed':
      return { ...message, end: cut(message.end, MOST_NAME) };
    case 'failed':
      return cut(message, MOST_TOLD);
    case 'portal-asked':
      return { ...message, question: cut(message.question, MOST_OF_FRAME) };
    case 'attempt':
      return { ...message, attempt: fittedAttempt(message.attempt) };
    case 'listed':
      return cut(message, MOST_NAME);
    default:
      return message;
  }
}

/** With the newest of its options, and its texts as long as there is room. */
function fittedAttempt(attempt: AttemptView): unknown {
  const fits = (view: unknown): boolean => Buffer.byteLength(JSON.stringify(view)) <= MOST_ATTEMPT_BYTES - ENVELOPE;
  let fitting = cut(attempt, MOST_TOLD) as AttemptView;
  while (!fits(fitting) && fitting.options.length > 0) fitting = { ...fitting, options: fitting.options.slice(1) };
  for (const most of SHORTER) {
    if (!fits(fitting)) fitting = cut(fitting, most) as AttemptView;
  }
  return fitting;
}

function withoutBytes(value: object): unknown {
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      name,
      field instanceof Uint8Array ? Buffer.from(field).toString('base64') : field,
    ]),
  );
}

/** Each text in it as long as it may be at most. */
function cut(value: unknown, most: number): unknown {
  if (typeof value === 'string') return value.length > most ? value.slice(0, most) : value;
  if (Array.isArray(value)) return value.map((each) => cut(each, most));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, cut(field, most)]));
}
