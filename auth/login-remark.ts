/** What an operator should know of a login that failed and was not simply one with a wrong password. */
import { quoted } from '../core/index.ts';
import type { CredentialProof } from '../ppp/index.ts';
import { decodeAs, type Encoding } from './code-pages.ts';
import type { Account } from './credentials.ts';
import type { LoginReason } from './login-reason.ts';
import { trimName } from './user-name.ts';
import type { WireName } from './wire-name.ts';

const MOST_READINGS = 3;

const SCRIPTS: readonly RegExp[] = [
  ...[/\p{sc=Latin}/u, /\p{sc=Cyrillic}/u, /\p{sc=Greek}/u, /\p{sc=Hebrew}/u, /\p{sc=Arabic}/u, /\p{sc=Thai}/u],
  /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}]/u,
];

export interface FailedLogin {
  readonly wire: WireName;
  readonly proof: CredentialProof;
  readonly user: Account | undefined;
  /** By which reading of the name the user was found. */
  readonly reading: number | undefined;
  /** Which of `wire.hashed` the proof is over. */
  readonly over: number | undefined;
  readonly reason: LoginReason;
  readonly isPrevious: boolean;
}

/** @returns whole sentences without a character that moves a cursor or turns a line round; undefined for nothing to say */
export function remarkOn(login: FailedLogin): string | undefined {
  if (login.reason === 'ok') return undefined;
  const sentences = [ofHash(login), login.isPrevious ? 'It was the password before the last change.' : undefined];
  const said = [...sentences, ofReading(login), ofSpaces(login)].filter((one) => one !== undefined);
  return said.length === 0 ? undefined : said.join(' ');
}

function ofHash({ reason, wire, reading, over }: FailedLogin): string | undefined {
  if (reason !== 'domain-hashed') return undefined;
  const { text = '', encoding = 'utf-8', bare = 0 } = wire.readings[reading ?? 0] ?? {};
  const textOf = (which: number): string => decodeAs(wire.hashed[which] ?? Buffer.alloc(0), encoding) ?? text;
  const hashed = textOf(over ?? 0);
  const rule = bare !== 0 && text.startsWith(hashed) ? 'leaves the domain out' : 'takes the realm with it';
  return `Its proof is over ${quoted(hashed)}; RFC 2759 ${rule}: ${quoted(textOf(bare))}.`;
}

/** Also of a name that was found: it tells which code page the client has. */
function ofReading({ wire: { readings }, reading }: FailedLogin): string | undefined {
  if (readings[0]?.encoding === 'utf-8') return undefined;
  // Looked for also where a user was found: how long an answer takes must not tell whether there is one.
  const likely = readings.filter(({ text }) => isLikely(text)).slice(0, MOST_READINGS);
  if (reading !== undefined) {
    const { encoding, text } = readings[reading] ?? { encoding: 'latin1', text: '' };
    return `The name is not UTF-8; read as ${label(encoding)} it is ${quoted(text)}.`;
  }
  const shown = likely.map(({ encoding, text }) => `${quoted(text)} as ${label(encoding)}`);
  return shown.length === 0 ? 'The name is not UTF-8.' : `The name is not UTF-8; it may be ${shown.join(', or ')}.`;
}

function ofSpaces({ wire: { readings }, reading }: FailedLogin): string | undefined {
  const text = readings[reading ?? 0]?.text ?? '';
  if (trimName(text) === text) return undefined;
  const end = text.trimStart() === text ? 'end' : 'beginning';
  return `The name has a space at its ${end}: ${quoted(text)}.`;
}

/** Of letters of one script: who reads in a wrong code page gets several mixed, or marks between letters. */
function isLikely(text: string): boolean {
  if (!/^[\p{L}\p{M}\p{N} ._@\\-]+$/u.test(text)) return false;
  const found = SCRIPTS.filter((script) => script.test(text));
  // A capital behind a small letter is one of a code page that puts its letters elsewhere.
  return found.length === 1 && !/\p{Ll}\p{Lu}/u.test(text);
}

function label(encoding: Encoding): string {
  return encoding === 'latin1' ? 'Latin-1' : encoding;
}
